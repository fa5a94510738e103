"""`harness plan`: trials and stages, what is done and what is new."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from harness.cli.exits import FINE
from harness.pending import Standing, standings, tally
from harness.place import Orders, place_of
from harness.plan import Plan, make_plan
from harness.store import Store
from harness.study_file import load_study
from harness.wording import counted

SHOWN = 40
AT_MOST = ("recover", "evaluate", "cost")


def show_plan(study: Path, site: Path | None, overrides: list[str], as_json: bool, results: Path) -> int:
    """Prints the plan; nothing is written but the inventories of models not met before."""
    file = load_study(study, overrides, site)
    place = place_of(file.site, Orders())
    plan = make_plan(file, results)
    stand = standings(plan, Store(results).briefs(plan.study.study), place.machine_class)
    typer.echo(json.dumps(_as_json(plan, stand), indent=1) if as_json else _as_text(plan, stand))
    return FINE


def _state(standing: Standing) -> str:
    return "done" if standing.is_done else "failed" if standing.is_held_back else "new"


def _as_json(plan: Plan, stand: tuple[Standing, ...]) -> dict[str, object]:
    return {
        "study": plan.study.study,
        "counts": tally(stand),
        "stages": plan.stage_counts(),
        "at_most": [stage for stage in AT_MOST if plan.stage_counts()[stage]],
        "trials": [
            {**s.trial.model_dump(mode="json"), "state": _state(s), "missing": [a.model_dump() for a in s.missing]}
            for s in stand
        ],
    }


def _as_text(plan: Plan, stand: tuple[Standing, ...]) -> str:
    counts = tally(stand)
    lines = [
        f"{plan.study.study}: {counted(len(plan.trials), 'trial')}: {counts['done']} done, {counts['new']} new, "
        f"{counts['failed']} failed (run again with --retry-failed)",
        "",
        "stages to make when nothing is kept yet:",
    ]
    for stage, number in plan.stage_counts().items():
        bound = "at most " if stage in AT_MOST and number else ""
        lines.append(f"  {stage:<9} {bound}{number}")
    lines += ["", f"{'state':<7} trial"]
    lines += [f"{_state(s):<7} {s.trial.id}" for s in stand[:SHOWN]]
    if len(stand) > SHOWN:
        lines.append(f"        ... and {len(stand) - SHOWN} more (--json lists all)")
    return "\n".join(lines)
