"""Comparisons and gates as plain JSON, for scripts: everything that was found, in base units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from harness.compare.hardware import Hardware
from harness.compare.words import described
from harness.regressions.comparison import Comparison
from harness.regressions.finding import Limits
from harness.regressions.gate import Gate
from harness.schema import Json
from harness.sides import Side


def of_comparisons(found: Sequence[Comparison], hardware: Hardware | None) -> dict[str, Json]:
    """Every side against the first; and across machine classes, where there are several."""
    return {
        "first": _side(found[0].first),
        "limits": _limits(found[0].limits),
        "comparisons": [_comparison(one) for one in found],
        "hardware": None if hardware is None else hardware.to_json(),
    }


def of_gate(gate: Gate, exit_code: int) -> dict[str, Json]:
    """The verdict, with all that it rests on."""
    largest = gate.largest_unseen
    return {
        "verdict": gate.verdict,
        "exit_code": exit_code,
        "is_strict": gate.is_strict,
        "snapshot": _side(gate.comparison.first),
        "limits": _limits(gate.comparison.limits),
        "unseen": {
            "largest": None if largest is None else largest.detectable,
            "of": None if largest is None else {"trial": largest.trial, "what": largest.what},
            "median": gate.middle_unseen,
            "doubted": len(gate.comparison.doubted),
        },
        **_comparison(gate.comparison),
    }


def _comparison(found: Comparison) -> dict[str, Json]:
    return {
        "second": _side(found.second),
        "counts": {str(mark): number for mark, number in found.counts().items()},
        "findings": [asdict(finding) for finding in found.findings],
    }


def _side(side: Side) -> Json:
    return {
        "label": side.label,
        "trials": len({record.trial.digest for record in side.records}),
        "runs": len(side.records),
        "described": described(side),
    }


def _limits(limits: Limits) -> Json:
    return asdict(limits)
