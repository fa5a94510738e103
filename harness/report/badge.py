"""Whether the study's comparison is fair, on top of its report."""

from __future__ import annotations

from dataclasses import dataclass

from harness.report.view import View

FAIR = "Comparison fair"
UNFAIR = "Comparison not fair"


@dataclass(frozen=True)
class Badge:
    """The verdict with what it rests on."""

    is_fair: bool
    word: str
    reasons: tuple[str, ...]


def badge(view: View) -> Badge | None:
    """By the specs of every planned trial, measured or not; dense references are no arm of it. None without any."""
    found, trials = view.plan.fair, view.plan.table
    if found is None:
        return None
    if not found.is_fair:
        return Badge(is_fair=False, word=UNFAIR, reasons=found.reasons)
    own = trials[~trials["model"].isin(view.reference_labels)]
    trained = bool((own["recovery"] != "none").any())
    why = (
        "every arm and its baseline had the same recoveries, total length, schedule, augmentation and tries"
        if trained
        else "nothing is trained after a removal, so every criterion met the same weights"
    )
    return Badge(is_fair=True, word=FAIR, reasons=(why,))
