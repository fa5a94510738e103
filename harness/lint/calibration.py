"""Rules on the data that choices are made with: enough of it, more than once, and never the test part."""

from __future__ import annotations

from collections.abc import Iterator

from harness.lint.base import Found, Rule
from harness.lint.facts import Facts, inner
from harness.lint.sources import LLM_DROP, MUSGRAVE, POLITIS, WILLIAMS
from harness.wording import listed

ITEMS = 256
STABILITY = ("stability", "stability_tau")
UNTOLD = Found(None, "the plan does not tell how many calibration items there are")


def _test_for_choices(study: Facts) -> Found:
    takers = {
        f"{part} of {label}"
        for label, options in study.data_sets.items()
        for part, share in (inner(options, "splits") or {}).items()
        if part != "test" and isinstance(share, dict) and share.get("from") == "test"
    }
    words = f"taken from the test items: {listed(takers)}" if takers else "nothing is chosen or trained on test items"
    return Found(not takers, words)


def _one_calibration(study: Facts) -> Found | None:
    again = study.asks(STABILITY)
    if not study.asks_accuracy or (study.is_whole and not study.index.calibrated_criteria):
        return None
    if not study.is_whole and not again:
        return Found(None, "the plan does not tell which criteria read calibration items")
    reading = listed(study.index.calibrated_criteria)
    words = "selections are made again on other items" if again else f"one calibration sample for {reading}"
    return Found(again, words)


def _small_calibration(study: Facts) -> Found | None:
    if not study.asks_accuracy or (study.is_whole and not study.index.calibrated_criteria):
        return None
    sizes = dict(_calibration_items(study))
    if not sizes:
        return UNTOLD
    fewest = min(sizes, key=lambda name: sizes[name])
    return Found(sizes[fewest] >= ITEMS, f"{sizes[fewest]} calibration items ({fewest})")


def _overlapping_subsets(study: Facts) -> Found | None:
    asked = study.options_of("stability")
    if not asked:
        return None
    given = {int(size) for options in asked for size in inner(options, "sizes") or ()}
    if not given:
        return Found(True, "subsets hold half of the calibration items")
    sizes = dict(_calibration_items(study))
    if not sizes:
        return UNTOLD
    largest, there = max(given), min(sizes.values())
    return Found(2 * largest <= there, f"subsets of up to {largest} of {there} calibration items")


def _calibration_items(study: Facts) -> Iterator[tuple[str, int]]:
    """By criterion that reads calibration items, and data: how many it reads, where the plan tells."""
    for trial in study.candidates:
        if trial.criterion in study.index.calibrated_criteria:
            items = inner(trial.spec, "criterion", "items")
            known = [number for number in (_size_of_part(study, trial.data), items) if isinstance(number, int)]
            if known:
                yield f"{trial.criterion} on {trial.data}", min(known)


def _size_of_part(study: Facts, data: str) -> int | None:
    """Items of the calibration part: as the data told, else as the study asks."""
    asked = inner(study.data_sets[data], "splits", "calibration")
    items = asked.get("items") if isinstance(asked, dict) else asked
    return study.index.parts.get(data, {}).get("calibration", items if isinstance(items, int) else None)


RULES = (
    Rule(
        "test_for_choices",
        "test items decide nothing",
        MUSGRAVE,
        "take calibration, validation and train from other parts (data.splits)",
        _test_for_choices,
    ),
    Rule(
        "one_calibration",
        "what is chosen depends on the items that were looked at, so several samples are looked at",
        WILLIAMS,
        "stability: {subsets: 10}",
        _one_calibration,
    ),
    Rule(
        "small_calibration",
        f"{ITEMS} calibration items, as published selections of layers had",
        LLM_DROP.at("appendix A"),
        "a larger calibration part (data.splits), or a larger number of items of the criterion",
        _small_calibration,
    ),
    Rule(
        "overlapping_subsets",
        "subsets that share most of their items agree whatever the criterion is worth: half of the items, at most",
        POLITIS,
        "smaller stability.sizes, or a larger calibration part",
        _overlapping_subsets,
    ),
)
