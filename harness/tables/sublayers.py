"""The table of what each sublayer costs: counted, timed alone, and how each criterion ranks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from harness.tables.alone import Apart, Part
from harness.tables.cells import NONE, between, number, percent, scale, significant
from harness.tables.marks import MARKS, MEANINGS
from harness.tables.panels import Panel
from harness.tables.placing import natural
from harness.tables.selections import Selected, by_criterion, over_networks
from harness.tables.table import Table

Chosen = Sequence[tuple[Panel, Sequence[Selected]]]
Column = tuple[str, Callable[[Part], str]]
SAME_NETWORK = ("model", "data", "machine_class")
ALONE = "What goes when a sublayer alone is removed, for one item; shares are of the whole network."
MOVED = "Activations: bytes of all tensors that modules are given or give out, each once; no peak of what is held."
PEAK = "Peak: bytes by which the peak above rest is lower, by the GPU's allocator; 0 where another part sets the peak."
JUDGED = "Criteria: mean score over networks, then the mean rank; 1 goes first of what its target removes."


def sublayer_tables(found: Sequence[Apart], chosen: Chosen) -> tuple[Table, ...]:
    """One table for each network that was taken apart; `chosen` are the study's selections."""
    return tuple(_table(one, chosen) for one in found)


def _table(one: Apart, chosen: Chosen) -> Table:
    judged = _judged(one, chosen)
    columns = [*_counted(one), *_measured(one), *((name, _judging(held)) for name, held in judged.items())]
    rows = tuple((part.name, part.kind, *(write(part) for _, write in columns)) for part in one.parts)
    header = ("sublayer", "kind", *(heading for heading, _ in columns))
    notes = [*_notes(one), *([JUDGED] if judged else []), *dict.fromkeys(p.note for p, _ in chosen if p.note)]
    return Table(f"sublayers-{one.slug}", f"What each sublayer costs: {one.label}", header, rows, tuple(notes))


def _counted(one: Apart) -> list[Column]:
    """MACs and parameters, each with its share."""
    macs, params = (scale((getattr(p, name) for p in one.parts), "") for name in ("macs", "params"))
    return [
        (_heading("MACs", macs.unit), lambda part: significant(macs.of(part.macs))),
        ("of MACs", lambda part: percent(part.macs_share)),
        (_heading("parameters", params.unit), lambda part: significant(params.of(part.params))),
        ("of parameters", lambda part: percent(part.params_share)),
    ]


def _measured(one: Apart) -> list[Column]:
    """The share of the latency and how much of the promise it keeps; bytes, where they are known."""
    columns: list[Column] = []
    if one.timed is not None:
        columns += [("of latency", _share), ("realised", _realised)]
    for heading, name in (("activations", "activation_bytes"), ("peak", "peak_bytes")):
        held = [value for part in one.parts if (value := getattr(part, name)) is not None]
        if held:
            columns.append(_bytes(heading, name, held))
    return columns


def _bytes(heading: str, name: str, held: Sequence[float]) -> Column:
    by = scale(held, "B")

    def write(part: Part) -> str:
        value = getattr(part, name)
        return NONE if value is None else significant(by.of(value))

    return f"{heading} ({by.unit})", write


def _share(part: Part) -> str:
    if part.latency_share is None:
        return NONE
    share = percent(part.latency_share)
    # Put behind the share bit by bit, as only a printed number keeps what was rounded of what is added to it.
    known = share + " " + between(part.interval, factor=100) if part.interval else share
    return known + MARKS.get(part.quality, "")


def _realised(part: Part) -> str:
    text = number(part.realised, 2)
    return text if text == NONE else text + MARKS.get(part.quality, "")


def _heading(name: str, unit: str) -> str:
    return f"{name} ({unit})" if unit else name


def _notes(one: Apart) -> list[str]:
    notes = [ALONE, *_timing(one)]
    notes += [MOVED] if any(part.activation_bytes is not None for part in one.parts) else []
    notes += [PEAK] if any(part.peak_bytes is not None for part in one.parts) else []
    return notes + [f"{MARKS[word]} {word}: {text}." for word, text in MEANINGS.items() if word in one.qualities]


def _timing(one: Apart) -> list[str]:
    if one.timed is None or one.pairs is None:
        return []
    fewest, most = one.pairs
    pairs = f"{most}" if fewest == most else f"{fewest} to {most}"
    notes = [
        f"Of latency: 1 less the median of {pairs} paired ratios of the network without the sublayer and the whole, "
        f"timed in turn ({one.conditions}), with its 95 % interval; shares need not add up.",
        "Realised: gain in speed over the gain that the saved MACs promise.",
    ]
    if one.control is not None:
        share, interval = one.control
        found = f"{percent(share)} {between(interval, factor=100)}"
        notes.append(f"A copy that lacks nothing, timed among the others, seems to save {found} of the latency.")
    return notes


@dataclass(frozen=True)
class Judged:
    """What one criterion says of every sublayer: network, scores and ranks of each of its selections."""

    held: tuple[tuple[str, Mapping[str, float], Mapping[str, float]], ...]

    def cell(self, name: str) -> str:
        """`0.0123 (4)`: mean score and mean rank of a sublayer; either may be unknown."""
        scores = over_networks((unit, scores.get(name)) for unit, scores, _ in self.held)
        ranks = over_networks((unit, ranks.get(name)) for unit, _, ranks in self.held)
        if not ranks:
            return NONE
        score = f"{significant(fmean(scores))} " if scores else ""
        return f"{score}({fmean(ranks):g})" if fmean(ranks) % 1 == 0 else f"{score}({number(fmean(ranks))})"


def judged_tables(found: Sequence[Apart], chosen: Chosen) -> tuple[Table, ...]:
    """How criteria judge the sublayers of networks that were not taken apart, whose tables would say it."""
    told = [[one.key[name] for name in SAME_NETWORK] for one in found]
    rest = [(panel, own) for panel, own in chosen if [panel.key[name] for name in SAME_NETWORK] not in told]
    tables = (_judged_alone(panel, by_criterion(own, drawn=False)) for panel, own in rest)
    return tuple(table for table in tables if table is not None)


def _judged_alone(panel: Panel, chosen: Mapping[str, Sequence[Selected]]) -> Table | None:
    judged = {name: _judgement(own) for name, own in chosen.items()}
    names = sorted({part for own in chosen.values() for one in own for part in one.ranks}, key=natural)
    if not names:
        return None
    rows = tuple((name, *(held.cell(name) for held in judged.values())) for name in names)
    title = f"How each sublayer is judged: {panel.label}"
    return Table(f"judged-{panel.slug}", title, ("sublayer", *judged), rows, (JUDGED,))


def _judging(held: Judged) -> Callable[[Part], str]:
    return lambda part: held.cell(part.name)


def _judgement(own: Sequence[Selected]) -> Judged:
    return Judged(tuple((one.unit, one.info.scores, one.ranks) for one in own))


def _judged(one: Apart, chosen: Chosen) -> dict[str, Judged]:
    """By criterion; random ones rank by chance and are left out, as are targets that remove no single sublayer."""
    names = {part.name for part in one.parts}
    found: dict[str, list[Selected]] = {}
    for panel, selected in chosen:
        if any(panel.key[name] != one.key[name] for name in SAME_NETWORK):
            continue
        for criterion, own in by_criterion(selected, drawn=False).items():
            found.setdefault(_called(criterion, panel), []).extend(s for s in own if names & s.ranks.keys())
    return {name: _judgement(own) for name, own in found.items() if own}


def _called(criterion: str, panel: Panel) -> str:
    """A list of all kinds has ranks of its own, and so has a form of removal that is not the usual one."""
    target, removal = panel.key["target"], panel.key["removal"]
    told = [word for word in (target if target == "joint" else "", removal if removal != "skip" else "") if word]
    return f"{criterion}, {', '.join(told)}" if told else criterion
