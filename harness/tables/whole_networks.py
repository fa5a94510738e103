"""Networks that nothing was removed from, side by side: how well they do, how few units fire, and what they need."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from harness.tables.activity import SHARE
from harness.tables.cells import scale, significant
from harness.tables.columns import OUTCOME, OUTCOME_WORD, ROBUST, conditions_of
from harness.tables.cutting import units
from harness.tables.panels import UNIT, with_values
from harness.tables.qualities import Quality
from harness.tables.shares import WILSON, mean_share, share
from harness.tables.table import Table

KEY = ("model", "data", "recovery", "transform")
WORDS = {OUTCOME: OUTCOME_WORD, "ece": "ECE", SHARE: "active units"}
COUNTED = {"macs": "MACs", "params": "parameters"}
BY_CORRUPTION = f"{ROBUST}@corruption="


def whole_table(rows: pd.DataFrame, judged: Quality, is_compared: bool, note: str = "") -> Table | None:
    """A row per network and change of it, a column per outcome and count, of `rows` of the trials table that are ok.

    Counts where they are compared with each other. None where there is one such network, or where they are not
    compared and nothing but `judged` is known of them.
    """
    whole = rows[rows["criterion"].isna()].drop_duplicates("id")
    whole = whole.assign(**{UNIT: units(whole)})
    outcomes = [name for name in _outcomes(whole, judged) if len(with_values(whole, name))]
    groups = list(whole.groupby(list(KEY), dropna=False, sort=False))
    if len(groups) < 2 or judged.column not in outcomes or (len(outcomes) < 2 and not is_compared):
        return None
    varying = [place for place in range(len(KEY)) if place == 0 or len({key[place] for key, _ in groups}) > 1]
    known = [name for name in COUNTED if is_compared and len(with_values(whole, name))]
    counts = {name: _counted([own for _, own in groups], name) for name in known}
    cells = tuple(
        (
            ", ".join(_word(key[place]) for place in varying),
            *(share(own, name) for name in outcomes),
            str(own[UNIT].nunique()),
            *(values[row] for _, values in counts.values()),
        )
        for row, (key, own) in enumerate(groups)
    )
    notes = [f"Test {judged.word}{judged.in_unit}; mean ± standard deviation over networks where there are several."]
    notes += ["ECE: expected calibration error; lower is better."] if "ece" in outcomes else []
    notes += (
        ["Active units: share of the hidden units of MLPs that fire on a token, in per cent."]
        if SHARE in outcomes
        else []
    )
    notes += ["Under a corruption: top-1, mean over its severities."] if any(map(_is_noisy, outcomes)) else []
    notes += [WILSON] if any("[" in cell for row in cells for cell in row[1:]) else []
    notes += [note] if note else []
    headings = (_heading(name, judged) for name in outcomes)
    header = (", ".join(KEY[place] for place in varying), *headings, "networks", *(word for word, _ in counts.values()))
    return Table("whole-networks", "Networks with nothing removed", header, cells, tuple(notes))


def _outcomes(whole: pd.DataFrame, judged: Quality) -> Iterator[str]:
    """Outcomes with a word, then top-1 under each corruption, or over all where there is one."""
    yield from dict.fromkeys((judged.column, *WORDS))
    named = [str(name) for name in whole.columns if str(name).startswith(BY_CORRUPTION)]
    yield from named or [ROBUST]


def _counted(groups: list[pd.DataFrame], name: str) -> tuple[str, list[str]]:
    """The heading with its unit, and what each group needs."""
    means = [mean_share(own, name) if len(with_values(own, name)) else np.nan for own in groups]
    chosen = scale([value for value in means if not np.isnan(value)], "")
    word = f"{COUNTED[name]} ({chosen.unit})" if chosen.unit else COUNTED[name]
    return word, [significant(chosen.of(value)) for value in means]


def _heading(column: str, judged: Quality) -> str:
    if _is_noisy(column):
        return conditions_of(column).get("corruption", "corrupted").replace("_", " ")
    return judged.word if column == judged.column else WORDS[column]


def _is_noisy(column: str) -> bool:
    return column.startswith(ROBUST)


def _word(value: object) -> str:
    return value if isinstance(value, str) else "–"
