"""Recommendations as tables: what to remove under each limit and on which hardware, and the sublayers by network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from harness.tables.cells import NONE, between, number, percent
from harness.tables.columns import MACS_SAVED
from harness.tables.limits import amount, limit_words
from harness.tables.marks import MARKS, MEANINGS
from harness.tables.operating_points import Estimate, OperatingPoint
from harness.tables.panels import UNIT
from harness.tables.placing import natural
from harness.tables.qualities import ACCURACY, BITS
from harness.tables.recommended import PLACE, Recommendation
from harness.tables.table import Table
from harness.wording import counted

Write = Callable[[OperatingPoint], str]
Sets = tuple[tuple[str, tuple[str, ...]], ...]
SURE = {True: "yes", False: "no", None: "not known"}
RULE = (
    "Chosen on validation {noun} alone; test {noun} {is_} only printed. Where {noun} alone {is_} limited, the set that "
    "buys most is taken (speed where all were timed well enough, else MACs; of those that cannot be told from the "
    "fastest the {best}), else the {best} one. Losses are {losses} against the baseline with the "
    "same recovery. No noisy or tainted timing supports a recommendation, and no random choice is one."
)
INTERVALS = (
    "In brackets 95 % intervals: of losses over networks, or over the {items} of a single checkpoint; of speed-ups "
    "over repeats. A limit is met by the mean; it is sure where the whole interval meets it (a speed-up's with 1 % "
    "more, by which two copies of one network differ; MACs and parameters are counted, and their interval spans all "
    "structures that they are a mean over). The best of many looks better on validation than it is; its loss on "
    "test does not."
)


ITEMS = {ACCURACY.column: "items", BITS.column: "documents"}


def recommendation_table(found: Sequence[Recommendation], machines: Mapping[str, str]) -> Table | None:
    """A row for each limit and place; None where nothing was asked for."""
    if not found:
        return None
    apart = varying(found)
    asked = {word for one in found for word in one.bounds}
    columns = [(name, write) for name, (write, words) in COLUMNS.items() if _is_shown(found, write, words, asked)]
    rows = [_row(one, place_words(one.place, apart, machines), columns) for one in found]
    header = ("limit", "on", "remove", "sublayers", *(name for name, _ in columns), "sure")
    judged = found[0].judged
    rule = RULE.format(noun=judged.noun, is_="is" if judged.sign > 0 else "are", best=judged.best, losses=judged.losses)
    notes = [rule, INTERVALS.format(items=ITEMS[judged.column]), *_marks(rows)]
    if not apart:
        notes.insert(0, f"All on {rows[0][1]}.")
        rows, header = [(row[0], *row[2:]) for row in rows], (header[0], *header[2:])
    return Table("recommendations", "Recommendations", header, tuple(rows), tuple(notes), is_numeric=False)


def set_table(found: Sequence[Recommendation], machines: Mapping[str, str]) -> Table | None:
    """The recommended sublayers by name, for every network; each set once, however many limits and places it suits."""
    places: dict[tuple[str, Sets], list[Mapping[str, str]]] = {}
    for one in found:
        if one.point is not None and (sets := _sets(one.point)):
            places.setdefault((point_words(one.point), sets), []).append(one.place)
    if not places:
        return None
    apart = [name for name in PLACE if len({frozenset(p[name] for p in own) for own in places.values()}) > 1]
    rows = []
    for (words, sets), own in places.items():
        where = dict.fromkeys(place_words(place, apart, machines) for place in own)
        rows += [(words, *(["; ".join(where)] if apart else []), *told) for told in _by_set(sets)]
    header = ("recommended", *(["on"] if apart else []), "networks", "sublayers")
    title = "Recommended sublayers by network"
    return Table("recommended-sublayers", title, header, tuple(rows), is_numeric=False)


def _by_set(sets: Sets) -> Iterator[tuple[str, str]]:
    """The networks of each set, by name, but all of them as all; and the set."""
    every = {unit for unit, _ in sets}
    networks: dict[str, dict[str, None]] = {}
    for unit, names in sets:
        networks.setdefault(", ".join(names), {})[unit] = None
    for removed, units in networks.items():
        yield f"all {len(every)}" if len(every) > 1 and set(units) == every else ", ".join(units), removed


def point_words(point: OperatingPoint) -> str:
    """`4 of 8 attention sublayers by entropy, after finetune`."""
    key = point.panel.key
    form = "" if key["removal"] == "skip" else f" ({key['removal']})"
    trained = "" if key["recovery"] == "none" else f", {key['recovery']}"
    return f"{point.amount} by {point.criterion}{form}{trained}"


def nearest_words(point: OperatingPoint, bounds: Mapping[str, float]) -> str:
    """The point, and how far it comes towards its limit: `2 of 8 attention sublayers by entropy, at 2.5 points`."""
    reached = [amount(word, found.value) for word in bounds if (found := point.estimate(word)) is not None]
    return f"{point_words(point)}, at {' and '.join(reached)}"


def place_words(place: Mapping[str, str], apart: Iterable[str], machines: Mapping[str, str]) -> str:
    """The hardware, and before it what else sets a place apart from others."""
    machine = machines.get(place["machine_class"], place["machine_class"])
    return ", ".join([*(place[name] for name in apart if name != "machine_class" and place[name]), machine])


def sublayer_words(point: OperatingPoint) -> str:
    """What every network gives up, then what at least half of them do, and how many others there are."""
    sets = [names for _, names in _sets(point)]
    counts = Counter(name for names in sets for name in names)
    shorter = _shortened(counts)
    held: dict[int, list[str]] = {}
    for name in sorted(counts, key=natural):
        held.setdefault(counts[name], []).append(shorter[name])
    if set(held) == {len(sets)}:
        return ", ".join(held[len(sets)])
    often = [(times, names) for times, names in sorted(held.items(), reverse=True) if 2 * times >= len(sets)]
    parts = [f"{', '.join(names)} in {times} of {len(sets)}" for times, names in often]
    rest = sum(len(names) for times, names in held.items() if 2 * times < len(sets))
    return "; ".join([*parts, f"{counted(rest, 'other')} in fewer than half"] if rest else parts)


def interval_words(found: Estimate | None, *, factor: float = 100.0, digits: int = 1) -> str:
    """`0.4 [0.1, 0.7]`, in points unless another factor is given."""
    if found is None:
        return NONE
    text = number(factor * found.value, digits)
    return text + " " + between(found.interval, factor, digits) if found.interval else text


def varying(found: Sequence[Recommendation]) -> list[str]:
    """What sets the places of these recommendations apart."""
    return [name for name in PLACE if len({one.place[name] for one in found}) > 1]


def _sets(point: OperatingPoint) -> Sets:
    """Network by network (and selection by selection), the names of what goes."""
    pairs = zip(point.judged[UNIT], point.judged["removed"], strict=True)
    return tuple((str(unit), tuple(str(removed).split())) for unit, removed in pairs if removed)


def _shortened(names: Iterable[str]) -> dict[str, str]:
    """`blocks.3.attn` as `3` where all names differ in their numbers alone; else the names as they are."""
    parts = {name: name.split(".") for name in names}
    numbers = {name: [part for part in own if part.isdecimal()] for name, own in parts.items()}
    rest = {tuple(part for part in own if not part.isdecimal()) for own in parts.values()}
    is_plain = len(rest) == 1 and all(len(own) == 1 for own in numbers.values())
    return {name: numbers[name][0] if is_plain else name for name in parts}


def _loss(point: OperatingPoint) -> str:
    judged = point.panel.quality
    return interval_words(point.estimate(judged.lost), factor=judged.factor, digits=judged.digits)


def _test_loss(point: OperatingPoint) -> str:
    judged = point.panel.quality
    return interval_words(point.outcome(judged.lost), factor=judged.factor, digits=judged.digits)


def _saved(point: OperatingPoint) -> str:
    found = point.estimate(MACS_SAVED)
    return NONE if found is None else percent(found.value)


def _speed(word: str) -> Write:
    def written(point: OperatingPoint) -> str:
        found = point.estimate(word)
        return NONE if found is None else interval_words(found, factor=1, digits=2) + MARKS.get(found.doubt, "")

    return written


def _times_of(word: str) -> Write:
    def written(point: OperatingPoint) -> str:
        found = point.estimate(word)
        return NONE if found is None else f"× {number(found.value, 3)}"

    return written


def _share_of(word: str) -> Write:
    def written(point: OperatingPoint) -> str:
        found = point.estimate(word)
        return NONE if found is None else percent(found.value) + MARKS.get(found.doubt, "")

    return written


# A column, and the limits that ask for it; one that needs no limit is always shown.
COLUMNS: dict[str, tuple[Write, tuple[str, ...]]] = {
    "loses on validation": (_loss, ()),
    "on test": (_test_loss, ()),
    "MACs saved": (_saved, ()),
    "speed-up": (_speed("speedup"), ()),
    "throughput gain": (_speed("speedup_throughput"), ("speedup_throughput", "images_per_s")),
    "perplexity": (_times_of("perplexity_ratio"), ()),
    "KV cache": (_share_of("kv_cache_ratio"), ()),
    "reading gain": (_speed("speedup_prefill"), ("speedup_prefill",)),
    "writing gain": (_speed("speedup_decode"), ()),
    "of peak memory": (_share_of("peak_ratio"), ("peak_ratio", "peak_bytes")),
    "of energy": (_share_of("energy_ratio"), ("energy_ratio", "energy_j_per_image")),
}


def _is_shown(found: Sequence[Recommendation], write: Write, words: Sequence[str], asked: set[str]) -> bool:
    has_any = any(one.point is not None and write(one.point) != NONE for one in found)
    return has_any and (not words or bool(asked & set(words)))


def _row(one: Recommendation, place: str, columns: Sequence[tuple[str, Write]]) -> tuple[str, ...]:
    limit = limit_words(one.bounds)
    if one.point is None:
        nearest = f" (nearest: {nearest_words(one.nearest, one.bounds)})" if one.nearest else ""
        return (limit, place, f"{one.reason}{nearest}", *[NONE] * (len(columns) + 2))
    point = one.point
    cells = (write(point) for _, write in columns)
    return (limit, place, point_words(point), sublayer_words(point), *cells, SURE[one.is_sure])


def _marks(rows: Sequence[tuple[str, ...]]) -> list[str]:
    text = " ".join(cell for row in rows for cell in row)
    return [f"{MARKS[word]} {word}: {meaning}." for word, meaning in MEANINGS.items() if MARKS[word] in text]
