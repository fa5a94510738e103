"""A table against every set run by itself, and its key."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from small_studies import small, written
from torch import nn

from harness.artifacts import Artifact
from harness.criteria.similarity import Similarity
from harness.environment import environment_of
from harness.errors import SpecError
from harness.families.base import units
from harness.families.catalogue import family_of
from harness.jobs import Assignment, Job
from harness.plan import make_plan
from harness.stages.base import Bench, Network
from harness.stages.bench import bench_of
from harness.stages.prepare import prepare
from harness.stages.scoring import scoring_of
from harness.stages.table import optimum_of, table
from harness.study_file import load_study
from harness.surgery import remove
from harness.tabular import Table
from harness.transforms.base import Transform

Opened = Callable[..., tuple[Bench, Network]]


class Alone(Transform):
    """Changes nothing, and says that blocks need more than what is given out."""

    shares_prefixes: ClassVar[bool] = False

    def apply(self, net: nn.Module) -> nn.Module:
        return net


Alone.name = "alone"


def _full_at(items: int) -> Callable[..., None]:
    """A hook for a network that has no room for more items."""

    def hook(_: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        if len(given[0]) > items:
            raise torch.OutOfMemoryError("no room")

    return hook


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    """A bench of a tiny study with its prepared network."""

    def make(**changes: Any) -> tuple[Bench, Network]:
        plan = make_plan(load_study(written(tmp_path, small(**changes))), tmp_path)
        trial = next(trial for trial in plan.trials if not trial.is_baseline)
        job = Job(id="j", study="small", results=str(tmp_path), assignments=(), collectors=(), submitted=time.time())
        environment = environment_of("cpu", 1)
        bench = bench_of(job, Assignment(trial=trial, asked=()), environment, "r", lambda stage, note: None)
        return bench, prepare(bench)[0]

    return make


def alone(bench: Bench, network: Network, removed: Sequence[str], split: str) -> tuple[Any, float]:
    """What a network that really lost its sublayers gets right, and its loss, in one batch of its own."""
    found = units(family_of(network.net).sublayers(network.net), bench.spec.target or "")
    gone = [s for unit in found if unit.name in removed for s in unit.sublayers]
    net = remove(network.net, gone, bench.spec.removal)
    with torch.inference_mode():
        batches = list(bench.data.parts[split].batches(100))
        outputs = torch.cat([net(batch.inputs) for batch in batches])
        targets = torch.cat([batch.targets for batch in batches])
        loss = torch.nn.functional.cross_entropy(outputs.double(), targets)
    return (outputs.argmax(1) == targets).numpy(), float(loss)


@pytest.mark.parametrize(("target", "removal"), [("attention", "skip"), ("mlp", "skip"), ("attention", "identity")])
def test_every_set_has_the_outcome_of_the_set_run_by_itself(opened: Opened, target: str, removal: str) -> None:
    bench, network = opened(targets=[target], removals=[removal])
    found, _, _ = table(bench, network)
    core = {"attention": "attn", "mlp": "mlp"}[target]
    assert found.units == tuple(f"blocks.{depth}.{core}" for depth in range(3))
    assert len(found.masks) == 8
    for count in range(4):
        for removed in combinations(found.units, count):
            row = found.row(removed)
            for split in ("calibration", "validation", "test"):
                hits, loss = alone(bench, network, removed, split)
                assert np.array_equal(found.splits[split].hits[row], hits)
                assert found.splits[split].loss[row] == pytest.approx(loss, rel=1e-5)


def test_inputs_that_are_held_piece_by_piece_give_the_same(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    bench, network = opened()
    whole = table(bench, network, 2)[0]
    monkeypatch.setattr("harness.stages.table.GROUP", 1)
    monkeypatch.setattr("harness.stages.table.REVISION", 0)
    pieces = table(bench, network, 2)[0]
    for split, found in whole.splits.items():
        assert np.array_equal(found.correct, pieces.splits[split].correct)
        assert np.array_equal(found.loss, pieces.splits[split].loss)


def test_a_transform_that_says_so_has_every_set_run_by_itself(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.stages.table.SPLITS", ("test",))
    bench, network = opened()
    passes: list[int] = []
    network.net.get_submodule("blocks.0.mlp").register_forward_hook(lambda _, given, __: passes.append(len(given[0])))
    table(bench, network, 2)
    shared = sum(passes)
    passes.clear()
    other = replace(bench, transforms=(("select", Alone()),))
    table(other, Network(network.net, "other"), 2)
    assert sum(passes) == 7 * len(bench.data.parts["test"]) > shared
    assert not scoring_of(other, network, Similarity()).shares_prefixes
    assert scoring_of(bench, network, Similarity()).shares_prefixes


def test_where_memory_runs_out_smaller_micro_batches_give_the_same(opened: Opened) -> None:
    bench, network = opened()
    whole = table(bench, network, 1)[0]
    network.net.register_forward_pre_hook(_full_at(20))
    small = table(bench, Network(network.net, "other"), 1)[0]
    assert (whole.header["micro_batch"], small.header["micro_batch"]) == (50, 12)
    for split, found in whole.splits.items():
        assert np.array_equal(found.correct, small.splits[split].correct)
        assert small.splits[split].loss == pytest.approx(found.loss, rel=1e-5)


def test_costs_are_those_of_the_network_that_is_left(opened: Opened) -> None:
    from harness.counting import count_macs

    bench, network = opened()
    found, _, _ = table(bench, network)
    for removed in ((), ("blocks.1.attn",), found.units):
        gone = [s for s in family_of(network.net).sublayers(network.net) if s.name in removed]
        left = remove(network.net, gone, "skip")
        assert found.params[found.row(removed)] == sum(p.numel() for p in left.parameters())
        assert found.macs[found.row(removed)] == count_macs(left, torch.empty(1, 1, 8, 8)).total


def test_rows_are_ordered_by_size_and_then_by_depth(opened: Opened) -> None:
    found, _, _ = table(*opened())
    assert [found.removed(row) for row in range(len(found.masks))] == [
        chosen for count in range(4) for chosen in combinations(found.units, count)
    ]


def test_only_sets_up_to_a_size_are_made_where_that_is_asked(opened: Opened) -> None:
    found, _, _ = table(*opened(), up_to=1)
    assert [len(found.removed(row)) for row in range(len(found.masks))] == [0, 1, 1, 1]


def test_a_table_is_made_once(opened: Opened) -> None:
    bench, network = opened()
    first, again, smaller = table(bench, network), table(bench, network, 3), table(bench, network, 2)
    assert (first[2], again[2], smaller[2]) == (False, True, False)
    assert first[1].folder == again[1].folder


def test_equal_networks_give_equal_bytes(opened: Opened, tmp_path: Path) -> None:
    bench, network = opened()

    def content() -> Artifact:
        return table(bench, network)[1]

    first = content().manifest
    for path in (tmp_path / "artifacts" / "table").rglob("table.npz"):
        path.unlink()
    assert content().manifest.files == first.files


def test_the_header_says_what_was_measured(opened: Opened) -> None:
    bench, network = opened()
    header = table(bench, network)[0].header
    assert header["content"] == network.content
    assert header["data"]["test"]["sha256"] == bench.data.parts["test"].info.sha256
    assert header["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert (header["target"], header["removal"], header["model_seed"]) == ("attention", "skip", 0)


def test_more_sets_than_a_table_holds_are_refused(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    bench, network = opened()
    monkeypatch.setattr("harness.tabular.MOST_SETS", 7)
    with pytest.raises(SpecError, match=r"optimum\.up_to: 3 units have 8 sets"):
        table(bench, network)
    assert len(table(bench, network, 2)[0].masks) == 7


def test_the_optimum_is_what_the_table_says(opened: Opened) -> None:
    found: Table = table(*opened())[0]
    removed = found.units[1:]
    told: Any = optimum_of(found, removed)
    score, oracles = found.score(removed), found.oracles(2)
    assert told["sets"] == 3
    assert told["mean"] == pytest.approx(np.mean([found.accuracy(s) for s in combinations(found.units, 2)]))
    assert told["own"] == found.accuracy(removed)
    assert told["best_calibration"] == {
        "removed": list(oracles.calibration.removed),
        "value": oracles.calibration.value,
    }
    assert told["best_validation"]["value"] == oracles.validation
    assert len(told["best_validation"]["removed"]) == 2
    assert (told["gain"], told["regret"], told["percentile"]) == (score.gain, score.regret, score.percentile)


def test_a_set_larger_than_those_of_the_table_has_no_optimum(opened: Opened) -> None:
    found = table(*opened(), up_to=1)[0]
    assert optimum_of(found, found.units[:2]) is None


def test_a_network_that_gives_nan_is_no_outcome(opened: Opened) -> None:
    bench, network = opened()
    with torch.no_grad():
        network.net.head.weight.fill_(float("nan"))  # type: ignore[operator, union-attr]  # a timm module
    with pytest.raises(ArithmeticError, match="NaN"):
        table(bench, network)
