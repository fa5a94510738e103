"""What the contrast says of architectures, where a study has several: they are a random factor, not more networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.report.comparisons import LEVEL, differences_by_model, too_few
from harness.report.view import View
from harness.resampling import nested
from harness.stats import Interval, Paired, paired
from harness.tables.cells import NONE, p_is
from harness.tables.facts import NETWORK
from harness.tables.qualities import ACCURACY, Quality
from harness.tables.table import Table


@dataclass(frozen=True)
class Across:
    """The contrast's difference with architectures as units; `groups` holds each one's networks, in shares."""

    first: str
    second: str
    groups: Mapping[str, Sequence[float]]
    found: Paired
    interval: Interval | None
    quality: Quality = ACCURACY

    @property
    def can_claim(self) -> bool:
        """Whether there are enough architectures that differ to claim anything about others."""
        return self.found.flips.smallest_p <= LEVEL


def across(view: View) -> Across | None:
    """None for a study of one architecture, or without its contrast."""
    if view.contrast is None:
        return None
    found = differences_by_model(view.outcomes, *view.contrast)
    groups = _by_architecture(view, {key: values for key, values in found.items() if values})
    if len(groups) < 2:
        return None
    means = [float(np.mean(values)) for values in groups.values()]
    return Across(*view.contrast, groups, paired(means), nested(list(groups.values())), view.quality)


def _by_architecture(view: View, found: Mapping[tuple[str, str], list[float]]) -> dict[str, list[float]]:
    """One group for each architecture with its options: on other data or with other weights it is no other one."""
    told = view.rows[["model", "data", NETWORK]].drop_duplicates(["model", "data"], keep="last")
    kinds = {(model, data): network for model, data, network in told.itertuples(index=False, name=None)}
    members: dict[str, list[tuple[str, str]]] = {}
    for key in found:
        members.setdefault(kinds[key], []).append(key)
    return {
        " and ".join(" on ".join(key) for key in keys): [value for key in keys for value in found[key]]
        for keys in members.values()
    }


def across_words(found: Across | None) -> str:
    """One paragraph; empty without several architectures."""
    if found is None:
        return ""
    first, second, result = found.first, found.second, found.found
    judged = found.quality
    interval = f", 95 % interval {judged.between(found.interval)}" if found.interval else ""
    head = (
        f"That test speaks of networks of these {result.n} architectures. For architectures in general they are the "
        f"units (a random factor, seeds nested within): {first} against {second} differ by {judged.one(result.mean)} "
        f"{judged.measure}{interval} by hierarchical bootstrap, which draws architectures anew and networks within "
        f"them; sign-flip {p_is(result.flips.p)}."
    )
    if not found.can_claim:
        return f"{head} Nothing is claimed of other architectures: {too_few(result, 'architecture')}."
    if result.flips.p > LEVEL:
        return f"{head} No difference over architectures was found."
    winner, loser = (first, second) if result.mean > 0 else (second, first)
    return f"{head} So, over architectures, {winner} loses less than {loser}."


def across_table(found: Across | None) -> Table | None:
    """The contrast, architecture by architecture."""
    if found is None:
        return None
    judged = found.quality
    rows = tuple(_row(name, values, judged) for name, values in found.groups.items())
    pair = (found.first, found.second)[:: judged.sign]
    notes = (f"{' − '.join(pair)}, {judged.measure} of test {judged.word}, averaged over amounts; t intervals.",)
    header = ("architecture", "difference", "95 % interval", "networks")
    title = f"{found.first} against {found.second} by architecture"
    return Table("architectures", title, header, rows, notes)


def _row(name: str, values: Sequence[float], judged: Quality) -> tuple[str, ...]:
    result = paired(values)
    interval = judged.between(result.interval, 1) if result.interval else NONE
    return name, judged.one(result.mean, 1), interval, str(result.n)
