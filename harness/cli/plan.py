"""`harness plan`: trials and stages, what is done and what is new."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from harness.bulk import in_bulk
from harness.cards import GIB, Card, card_of
from harness.cli.exits import FINE, USER
from harness.estimates import Estimate, estimate
from harness.pending import Standing, standings, tally
from harness.place import Orders, Place, place_of
from harness.plan import Plan, make_plan
from harness.roots import place_artifacts
from harness.store import Store
from harness.study_file import load_study
from harness.wording import counted, lasting, sized

if TYPE_CHECKING:
    from harness.sizing import Sizing

SHOWN = 40
AT_MOST = ("recover", "evaluate", "cost")


@in_bulk()
def show_plan(
    study: Path, site: Path | None, overrides: list[str], as_json: bool, results: Path, gpu: str | None = None
) -> int:
    """Prints the plan; nothing is written but the inventories of models not met before.

    Exit 2 where a model of it does not fit into the memory of the GPU that is named.
    """
    card = None if gpu is None else card_of(gpu)
    file = load_study(study, overrides, site)
    place = place_of(file.site, Orders())
    plan = make_plan(file, results)
    store = Store(results)
    briefs = store.briefs(plan.study.study)
    stand = standings(plan, briefs, place.machine_class)
    found = estimate(plan, stand, briefs, place, store)
    taken = () if card is None else _sizings(plan, card, results, place)
    if as_json:
        told = _as_json(plan, stand, found)
        if card is not None:
            told["by_formula"] = {"gpu": asdict(card), "models": [asdict(one) for one in taken]}
        typer.echo(json.dumps(told, indent=1))
    else:
        typer.echo("\n".join([_as_text(plan, stand, found), *(_on_card(card, taken) if card else ())]))
    return FINE if card is None or all(one.fits(card) for one in taken) else USER


def _sizings(plan: Plan, card: Card, results: Path, place: Place) -> tuple[Sizing, ...]:
    from harness.sizing import sizings  # it builds networks without weights, which takes seconds

    paths = {label: Path(folder) for label, folder in place.site.paths.items()}
    return sizings(plan, card, place_artifacts(results, paths.get("artifacts")), paths)


def _on_card(card: Card, taken: Sequence[Sizing]) -> Iterator[str]:
    """What each model takes of a card, and whether it fits."""
    together = ", each network over all of them" if card.number > 1 else ""
    yield from ("", f"by formula, on {'one ' if card.number == 1 else ''}{card.told()}{together}:")
    for one in taken:
        needed, stage = one.stage_bytes[one.fullest], one.fullest
        verdict = "fits" if one.fits(card) else f"does NOT fit into {card.memory_gib:.0f} GiB"
        size = f"{one.params / 1e9:.2f} billion parameters"
        where = " on the fullest" if card.number > 1 else ""
        yield f"  {one.model}: {size}; at most {needed / GIB:.0f} GiB{where} ({stage}): {verdict}"
        seconds = ", ".join(f"{stage} {lasting(spent)}" for stage, spent in one.stage_s.items())
        left_out = f", without {', '.join(one.untold)}" if one.untold else ""
        yield f"  at least {lasting(sum(one.stage_s.values()))} ({seconds}{left_out})"


def _state(standing: Standing) -> str:
    return "done" if standing.is_done else "failed" if standing.is_held_back else "new"


def _as_json(plan: Plan, stand: tuple[Standing, ...], found: Estimate) -> dict[str, object]:
    stages = plan.stage_counts()
    return {
        "study": plan.study.study,
        "counts": tally(stand),
        "stages": stages,
        "at_most": [stage for stage in AT_MOST if stages[stage]],
        "estimate": asdict(found),
        "trials": [
            {**s.trial.model_dump(mode="json"), "state": _state(s), "missing": [a.model_dump() for a in s.missing]}
            for s in stand
        ],
    }


def _as_text(plan: Plan, stand: tuple[Standing, ...], found: Estimate) -> str:
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
    lines += ["", *_estimated(found), "", f"{'state':<7} trial"]
    lines += [f"{_state(s):<7} {s.trial.id}" for s in stand[:SHOWN]]
    if len(stand) > SHOWN:
        lines.append(f"        ... and {len(stand) - SHOWN} more (--json lists all)")
    return "\n".join(lines)


def _estimated(found: Estimate) -> Iterator[str]:
    """What is left in hours and bytes, from how many runs, and what could not be counted in."""
    if not found.trials:
        yield "estimate: nothing is left to run"
        return
    if found.work_s is None or found.wall_s is None:
        yield "time: no estimate, for no good run on this class of machine is recorded"
    else:
        side = f", {found.at_a_time} at a time" if found.at_a_time > 1 else ""
        gpu = f"; {lasting(found.gpu_s)} of GPUs" if found.gpu_s else ""
        yield f"time: about {lasting(found.wall_s)}{side}{gpu} (from {counted(found.from_runs, 'run')})"
        if found.untold:
            yield f"      without {', '.join(found.untold)}, of which no run tells"
    if found.disk_bytes is None:
        yield "disk: no estimate, for nothing is kept here yet"
    else:
        yield f"disk: about {sized(found.disk_bytes)}"
        if found.untold_on_disk:
            yield f"      without {', '.join(found.untold_on_disk)}, of which nothing is kept yet"
