"""The table's loader against numbers worked out by hand, and choices that never read what they chose on."""

from __future__ import annotations

import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from harness.errors import DataError, HarnessError
from harness.tabular import Outcomes, Table

UNITS = ("a", "b", "c")
SETS = [chosen for count in range(3) for chosen in combinations(range(3), count)]  # {}, a, b, c, ab, ac, bc
# One row a set, one column an item.
CALIBRATION = ["11", "10", "01", "00", "10", "11", "00"]
VALIDATION = ["1111", "1010", "0111", "0001", "1000", "0100", "1010"]
TEST = ["11111", "11100", "11000", "11110", "10000", "11000", "00000"]


def outcomes(rows: list[str]) -> Outcomes:
    bits = np.array([[int(bit) for bit in row] for row in rows], dtype=np.uint8)
    return Outcomes(bits.shape[1], np.packbits(bits, axis=1), np.linspace(0.1, 0.7, len(rows)))


def table(**splits: list[str]) -> Table:
    rows = {"calibration": CALIBRATION, "validation": VALIDATION, "test": TEST, **splits}
    return Table(
        units=UNITS,
        masks=np.array([sum(1 << bit for bit in chosen) for chosen in SETS], dtype=np.uint32),
        macs=np.array([100 - 10 * len(chosen) for chosen in SETS]),
        params=np.array([50 - 5 * len(chosen) for chosen in SETS]),
        splits={split: outcomes(found) for split, found in rows.items()},
        header={"architecture": "made_up"},
    )


def test_a_set_is_found_by_names_or_numbers_in_any_order() -> None:
    found = table()
    assert found.row(()) == 0
    assert found.row(("c", "b")) == found.row((1, 2)) == found.row(["b", "c"]) == 6
    assert found.removed(5) == ("a", "c")
    assert list(found.sizes) == [0, 1, 1, 1, 2, 2, 2]
    assert found.accuracy(("b",)) == 0.4
    assert found.accuracy((), "validation") == 1.0


def test_best_and_mean_are_those_of_the_size() -> None:
    found = table()
    assert found.best(1) == (("c",), 0.8)
    assert found.best(1, "validation") == (("b",), 0.75)
    assert found.mean(1) == pytest.approx((0.6 + 0.4 + 0.8) / 3)
    assert found.mean(2) == pytest.approx((0.2 + 0.4 + 0.0) / 3)


def test_of_equal_sets_the_first_is_chosen() -> None:
    assert table(test=["00000"] * 7).best(2) == (("a", "b"), 0.0)


def test_oracles_are_chosen_on_other_items_and_read_on_test() -> None:
    found = table().oracles(1)
    # Calibration: a and b have 1 of 2, c none: the first of the equal ones.
    assert found.calibration == (("a",), 0.6)
    # Even items of validation are 1, 1 for a and 0, 1 for b; odd items 0, 0 and 1, 1.
    assert found.halves == ((("a",), 0.6), (("b",), 0.4))
    assert found.validation == pytest.approx(0.5)
    # a, chosen on even items, has 0 on the odd ones; b, chosen on odd items, has one half on the even ones.
    assert found.cross_fitted == pytest.approx((0.0 + 0.5) / 2)


def test_the_maximum_over_all_of_validation_is_higher_than_the_cross_fitted_one() -> None:
    found = table()
    assert found.best(1, "validation").value > found.oracles(1).cross_fitted


@pytest.mark.parametrize("half", [0, 1])
def test_what_a_half_chooses_does_not_depend_on_the_other_half(half: int) -> None:
    random = np.random.RandomState(3)
    for _ in range(20):
        bits = random.randint(0, 2, (7, 12))
        other = bits.copy()
        other[:, 1 - half :: 2] = random.randint(0, 2, (7, 6))
        chosen = [table(validation=_rows(found)).oracles(2).halves[half] for found in (bits, other)]
        assert chosen[0] == chosen[1]


def test_the_cross_fitted_value_never_reads_the_half_that_chose() -> None:
    """On a half, its choice is raised to perfection: the choice stays, and so does what is read of it."""
    random = np.random.RandomState(4)
    for _ in range(20):
        bits = random.randint(0, 2, (7, 12))
        first = table(validation=_rows(bits)).oracles(1)
        rows = [table().row(best.removed) for best in first.halves]
        if rows[0] == rows[1]:
            continue  # one set is read on both halves
        raised = bits.copy()
        raised[rows[0], 0::2] = 1
        again = table(validation=_rows(raised)).oracles(1)
        assert again.halves == first.halves
        assert again.cross_fitted == pytest.approx(first.cross_fitted)


def _rows(bits: npt.NDArray[Any]) -> list[str]:
    return ["".join(map(str, row)) for row in bits]


def test_a_score_is_told_from_the_mean_and_the_best_of_its_size() -> None:
    found = table().score(("c",))
    assert found.accuracy == 0.8
    assert found.regret == pytest.approx(0.5 - 0.8)  # better than what validation would have chosen
    assert found.gain is None  # which is no better than chance here: a share of nothing
    assert found.percentile == 1.0
    assert table().score(("a",)).percentile == pytest.approx(2 / 3)
    assert table().score(("b",)).percentile == pytest.approx(1 / 3)


def test_gain_is_one_for_the_best_and_nought_for_the_mean() -> None:
    better = ["1111", "1111", "0000", "0000", "0000", "0000", "1111"]
    found = table(validation=better, test=["11111", "11111", "00000", "11000", "11000", "00000", "11111"])
    assert found.score(("a",)).gain == 1.0
    assert found.score(("b", "c")).gain == 1.0
    mean = (1 + 0 + 0.4) / 3
    assert found.score(("c",)).gain == pytest.approx((0.4 - mean) / (1 - mean))


def test_where_the_best_is_no_better_than_the_mean_there_is_no_gain() -> None:
    found = table(test=["11111"] * 7).score(("b",))
    assert found == (1.0, None, 0.0, 1.0)


def test_a_selection_is_scored_count_by_count_as_far_as_the_table_goes() -> None:
    found = table()
    scores = found.scores({1: ("a",), 2: ("a", "b"), 3: ("a", "b", "c")})
    assert scores == {1: found.score(("a",)), 2: found.score(("a", "b"))}


def test_a_file_gives_back_what_was_written(tmp_path: Path) -> None:
    table().save(tmp_path / "t.npz")
    found = Table.load(tmp_path / "t.npz")
    assert found.units == UNITS
    assert found.header["architecture"] == "made_up"
    for name in ("masks", "macs", "params"):
        assert np.array_equal(getattr(found, name), getattr(table(), name))
    for split, expected in table().splits.items():
        assert found.splits[split].items == expected.items
        assert np.array_equal(found.splits[split].hits, expected.hits)
        assert np.array_equal(found.splits[split].loss, expected.loss)


def test_equal_tables_are_equal_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        table().save(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_what_is_no_table_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("no table")
    np.savez(tmp_path / "other.npz", masks=np.zeros(3))
    np.savez(tmp_path / "pickled.npz", header=np.array([object()]))
    for name in ("absent.npz", "text.npz", "other.npz", "pickled.npz"):
        with pytest.raises(DataError, match=name):
            Table.load(tmp_path / name)


def test_a_file_whose_parts_do_not_fit_is_refused(tmp_path: Path) -> None:
    whole = table()
    short = Table(whole.units, whole.masks, whole.macs[:-1], whole.params, whole.splits, whole.header)
    short.save(tmp_path / "t.npz")
    with pytest.raises(DataError, match="not of one length"):
        Table.load(tmp_path / "t.npz")


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda t: t.accuracy(("d",)), "unknown unit 'd'"),
        (lambda t: t.accuracy((3,)), "unknown unit '3'"),
        (lambda t: t.accuracy(("a",), "train"), "unknown split 'train'"),
        (lambda t: t.accuracy(("a", "b", "c")), "at most 2 units, not of 3"),
        (lambda t: t.best(3), "at most 2 units, not of 3"),
    ],
)
def test_what_the_table_does_not_hold_is_said(ask: Any, words: str) -> None:
    with pytest.raises(HarnessError, match=words):
        ask(table())


def test_reading_loads_nothing_but_numpy() -> None:
    code = "import sys, harness.tabular; print(*{'torch', 'timm', 'pydantic', 'scipy', 'pandas'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
