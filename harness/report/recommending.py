"""The recommendations in words: what to remove under each limit, what it loses and buys, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from harness.report.phrases import LISTED, joined
from harness.report.view import View
from harness.tables.cells import between, number, percent
from harness.tables.columns import MACS_SAVED
from harness.tables.limits import limit_words
from harness.tables.operating_points import OperatingPoint
from harness.tables.recommended import Recommendation
from harness.tables.recommending import nearest_words, place_words, point_words, sublayer_words, varying
from harness.wording import counted

SAVED = {MACS_SAVED: "MACs", "kv_cache_saved": "KV cache"}
MOST = 3  # different recommendations that one limit is told with; the table has all
SURE = {
    True: "",
    False: "; that is not sure to meet the limit, as an interval reaches beyond it",
    None: "; how sure that is, is not known",
}


def advice(view: View) -> str:
    """A sentence for each limit, as one paragraph of the answer; empty where nothing was asked for."""
    entries: dict[str, list[Recommendation]] = {}
    for one in view.recommendations:
        entries.setdefault(limit_words(one.bounds), []).append(one)
    alike: dict[str, list[str]] = {}
    for limit, members in entries.items():
        alike.setdefault(_entry(members, view.machines), []).append(limit)
    sentences = [f"{_head(limits)}, {text}." for text, limits in alike.items()]
    return " ".join([f"Recommended by validation {view.quality.noun} alone.", *sentences]) if sentences else ""


def _head(limits: Sequence[str]) -> str:
    """`To lose at most 1 point of top-1`, `To need at most 90 % of the MACs, or to run at least 1.1 times as fast`."""
    return f"To {', or to '.join(limits)}"


def remarks(view: View) -> tuple[str, ...]:
    """What a reader of the recommendations must know beside them: who is dominated, and what chance does as well."""
    found = view.recommendations
    told = (_dominated(found, view.machines), _chance(found))
    return tuple(text for text in told if text)


def _entry(members: Sequence[Recommendation], machines: Mapping[str, str]) -> str:
    """What meets one limit; places with the same recommendation are told together."""
    alike: dict[tuple[str, ...], list[Recommendation]] = {}
    for one in members:
        alike.setdefault(_told(one), []).append(one)
    apart = varying(members)
    parts = [f"{told[0]} {_where(own, apart, machines)}{_then(own)}" for told, own in list(alike.items())[:MOST]]
    return "; ".join([*parts, f"{len(alike) - MOST} more in the table"] if len(alike) > MOST else parts)


def _where(own: Sequence[Recommendation], apart: Sequence[str], machines: Mapping[str, str]) -> str:
    """`on NVIDIA H200`, `in fp32 and bf16 on NVIDIA H200`: the places of one recommendation."""
    inside: dict[str, dict[str, None]] = {}
    for one in own:
        machine = one.place["machine_class"]
        name = ", ".join(one.place[n] for n in apart if n != "machine_class")
        inside.setdefault(machines.get(machine, machine), {})[name] = None
    alike = _grouped((machine, tuple(names)) for machine, names in inside.items())
    return " and ".join(_setting(names, hardware) for names, hardware in alike.items())


def _setting(names: Sequence[str], hardware: Sequence[str]) -> str:
    """All of these on each of the machines."""
    held = [name for name in names if name]
    told = joined(held) if 0 < len(held) <= LISTED else f"{len(held)} settings"
    return f"in {told} on {joined(hardware)}" if held else f"on {joined(hardware)}"


def _told(one: Recommendation) -> tuple[str, ...]:
    """What a reader is told of a recommendation, but for what was timed there; first what to do."""
    if one.point is None:
        return one.reason, nearest_words(one.nearest, one.bounds) if one.nearest else ""
    return f"remove {point_words(one.point)} ({sublayer_words(one.point)})", _loses(one.point), _saves(one.point)


def _then(own: Sequence[Recommendation]) -> str:
    """What follows the advice: losses and gains, or what comes nearest to it."""
    _, *rest = _told(own[0])
    points = [one.point for one in own if one.point is not None]
    if not points:
        return "".join(f"; nearest comes {words}" for words in rest if words)
    sure = next((one.is_sure for one in own if one.is_sure is not True), True)
    return f": that {joined([*(words for words in rest if words), *_faster(points)])}{SURE[sure]}"


def _loses(point: OperatingPoint) -> str:
    judged = point.panel.quality
    found = point.estimate(judged.lost)
    if found is None:
        return f"has no {judged.noun}"
    interval = f" {judged.between(found.interval)}" if found.interval else ""
    loss = f"{judged.loses} {judged.one(found.value)} {judged.measure}"
    return f"{loss}{interval} ({counted(point.networks, 'network')})"


def _saves(point: OperatingPoint) -> str:
    found = {what: one for word, what in SAVED.items() if (one := point.estimate(word)) is not None}
    return f"saves {joined([f'{percent(one.value)} of the {what}' for what, one in found.items()])}" if found else ""


def _faster(points: Sequence[OperatingPoint]) -> Iterator[str]:
    timed = [found for point in points if (found := point.estimate("speedup")) is not None and not found.doubt]
    if len(timed) == 1:
        yield f"is {number(timed[0].value, 2)} times as fast {between(timed[0].interval, digits=2)}"
    elif timed:
        ends = [number(pick(one.value for one in timed), 2) for pick in (min, max)]
        yield f"is {' to '.join(dict.fromkeys(ends))} times as fast"


def _chance(found: Sequence[Recommendation]) -> str:
    """A limit that chance meets too says little for the criterion that is recommended."""
    alike = _grouped((limit_words(one.bounds), one.by_chance) for one in found)
    if not alike:
        return ""
    told = "; ".join(f"{joined(names)} (to {', to '.join(limits)})" for names, limits in alike.items())
    return f"Of as many sublayers, sets chosen at random meet the limit in the mean, too: {told}."


def _dominated(found: Sequence[Recommendation], machines: Mapping[str, str]) -> str:
    """By place, criteria that at every amount keep less for a saving that is no larger."""
    apart = varying(found)
    pairs = dict.fromkeys((place_words(one.place, apart, machines), one.dominated) for one in found)
    alike = _grouped(pairs)
    parts = [f"{joined(names)}{f' ({joined(where)})' if len(pairs) > 1 else ''}" for names, where in alike.items()]
    if not parts:
        return ""
    return (
        f"Dominated criteria: {'; '.join(parts)}. At each of their amounts another set keeps as much "
        f"validation {found[0].judged.noun} and buys as much (speed where all were timed well enough, else MACs), in "
        "the mean, and more of one of the two."
    )


def _grouped(pairs: Iterable[tuple[str, tuple[str, ...]]]) -> dict[tuple[str, ...], list[str]]:
    """Words by the names that belong to them, each once; words without names are left out."""
    found: dict[tuple[str, ...], list[str]] = {}
    for word, names in dict.fromkeys(pairs):
        if names:
            found.setdefault(names, []).append(word)
    return found
