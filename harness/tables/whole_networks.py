"""Networks that nothing was removed from, side by side: accuracy, calibration, noise, and how few units fire."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from harness.tables.activity import SHARE
from harness.tables.columns import OUTCOME, OUTCOME_WORD, ROBUST, conditions_of
from harness.tables.cutting import units
from harness.tables.panels import UNIT, with_values
from harness.tables.shares import WILSON, share
from harness.tables.table import Table

KEY = ("model", "data", "recovery", "transform")
WORDS = {OUTCOME: OUTCOME_WORD, "ece": "ECE", SHARE: "active units"}
BY_CORRUPTION = f"{ROBUST}@corruption="


def whole_table(rows: pd.DataFrame, note: str = "") -> Table | None:
    """A row per network and change of it, a column per outcome, of `rows` of the trials table that are ok.

    None where there is one such network, or nothing but top-1 is known of them.
    """
    whole = rows[rows["criterion"].isna()].drop_duplicates("id")
    whole = whole.assign(**{UNIT: units(whole)})
    columns = [name for name in _columns(whole) if len(with_values(whole, name))]
    groups = list(whole.groupby(list(KEY), dropna=False, sort=False))
    if len(groups) < 2 or OUTCOME not in columns or len(columns) < 2:
        return None
    varying = [place for place in range(len(KEY)) if place == 0 or len({key[place] for key, _ in groups}) > 1]
    cells = tuple(
        (", ".join(_word(key[place]) for place in varying), *(share(own, name) for name in columns))
        for key, own in groups
    )
    networks = max(own[UNIT].nunique() for _, own in groups)
    spread = f"; mean and standard deviation over {networks} networks" if networks > 1 else ""
    notes = [f"In per cent, on test items{spread}."]
    notes += ["ECE: expected calibration error; lower is better."] if "ece" in columns else []
    notes += ["Active units: share of the hidden units of MLPs that fire on a token."] if SHARE in columns else []
    noisy = [name for name in columns if name.startswith(ROBUST)]
    notes += ["Under a corruption: top-1, mean over its severities."] if noisy else []
    notes += [WILSON] if any("[" in cell for row in cells for cell in row[1:]) else []
    notes += [note] if note else []
    header = (", ".join(KEY[place] for place in varying), *map(_heading, columns))
    return Table("whole-networks", "Networks with nothing removed", header, cells, tuple(notes))


def _columns(whole: pd.DataFrame) -> Iterator[str]:
    """Outcomes with a word, then top-1 under each corruption, or over all where there is one."""
    yield from WORDS
    named = [str(name) for name in whole.columns if str(name).startswith(BY_CORRUPTION)]
    yield from named or [ROBUST]


def _heading(column: str) -> str:
    if not column.startswith(ROBUST):
        return WORDS[column]
    return conditions_of(column).get("corruption", "corrupted").replace("_", " ")


def _word(value: object) -> str:
    return value if isinstance(value, str) else "–"
