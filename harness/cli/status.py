"""`harness status`: what is done, waits, runs and failed, and when it will have ended, from records and events."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from statistics import median

import typer

from harness.activity import Activity, activity
from harness.briefs import Brief
from harness.bulk import in_bulk
from harness.cli.exits import FINE
from harness.cli.report import study_name
from harness.jobs import JobFolder
from harness.store import Store
from harness.wording import counted, lasting

ENOUGH = 3  # trials that ended, to tell from how fast the others will
SHOWN = 40


@dataclass(frozen=True)
class End:
    """When what runs and waits will have ended (seconds since the epoch), and from what that is told."""

    at: float | None
    why: str


@in_bulk()
def show_status(study: str, as_json: bool, results: Path) -> int:
    """Prints the counts, a line per trial that runs or failed, and the estimated end; `--json` for every trial."""
    store, name, now = Store(results), study_name(study), time.time()
    planned, briefs = store.planned(name), store.briefs(name)
    newest = _newest(briefs)
    states = {trial: _state(newest.get(trial)) for trial in planned}
    found = _of(activity(JobFolder(results, name), now), states)
    end = _end(found, briefs, now)
    if as_json:
        typer.echo(json.dumps(_as_json(name, states, newest, found, end), indent=1))
        return FINE
    for line in _lines(name, states, newest, found, end, now):
        typer.echo(line)
    return FINE


def _newest(briefs: Sequence[Brief]) -> dict[str, Brief]:
    """The newest run of each trial, an ok one before any other."""
    ranked = sorted(briefs, key=lambda one: (one.status == "ok", one.started))
    return {one.trial: one for one in ranked}


def _state(newest: Brief | None) -> str:
    return "new" if newest is None else "done" if newest.status == "ok" else "failed"


def _of(found: Activity, states: Mapping[str, str]) -> Activity:
    """What concerns trials of the present plan; a trial that waits and has its record is passed over by its job."""
    found.doing = [one for one in found.doing if one.trial in states]
    doing = {one.trial for one in found.doing}  # a trial in one job of a chain waits in a later one as well
    waiting = (trial for trial in dict.fromkeys(found.queued) if trial not in doing)
    found.queued = [trial for trial in waiting if states.get(trial) == "new"]
    return found


def _end(found: Activity, briefs: Sequence[Brief], now: float) -> End:
    left = len(found.queued) + len(found.doing)
    if not left:
        return End(None, "nothing runs or waits")
    if found.ended >= ENOUGH and found.begun is not None:
        return End(now + left * (now - found.begun) / found.ended, f"from {found.ended} trials of these jobs")
    spent = [one.total_s for one in briefs if one.status == "ok" and one.total_s is not None]
    if not spent:
        return End(None, f"no estimate before {ENOUGH} trials have ended")
    at_a_time = max(sum(count for state, count in found.jobs.items() if state.startswith("running")), 1)
    return End(now + left * median(spent) / at_a_time, f"from {counted(len(spent), 'past run')}")


def _as_json(
    name: str, states: dict[str, str], newest: Mapping[str, Brief], found: Activity, end: End
) -> dict[str, object]:
    return {
        "study": name,
        "trials": states,
        "running": {one.trial: f"{one.stage} {one.note}".strip() for one in found.doing},
        "jobs": found.jobs,
        "doing": [asdict(one) for one in found.doing],
        "queued": found.queued,
        "reasons": {trial: newest[trial].reason for trial, state in states.items() if state == "failed"},
        "end": asdict(end),
    }


def _lines(
    name: str, states: dict[str, str], newest: Mapping[str, Brief], found: Activity, end: End, now: float
) -> Iterator[str]:
    counts = Counter(states.values())
    words = [f"{counts[word]} {word}" for word in ("done", "failed", "new")]
    waiting = f", {len(found.queued)} queued" if found.queued else ""
    yield f"{name}: {counted(len(states), 'trial')}: {', '.join(words)}, {len(found.doing)} running{waiting}"
    for state, count in found.jobs.items():
        yield f"{counted(count, 'job')} {state}"
    width = max((len(one.trial) for one in found.doing), default=0)
    for one in sorted(found.doing, key=lambda one: one.since):
        doing = f"{one.stage} {one.note}".strip() or "starting"
        yield f"running {one.trial:<{width}}  {one.where}, for {lasting(max(now - one.since, 0.0))}: {doing}"
    failed = [trial for trial, state in states.items() if state == "failed"]
    for trial in failed[:SHOWN]:
        yield f"failed  {trial}: {newest[trial].reason}"
    if len(failed) > SHOWN:
        yield f"        ... and {len(failed) - SHOWN} more (--json lists all)"
    if found.doing or found.queued:
        when = "" if end.at is None else f"in about {lasting(end.at - now)}, {_clock(end.at, now)}, "
        yield f"estimated end: {when}{end.why}"


def _clock(moment: float, now: float) -> str:
    """The user's own clock, with the day where it is another one."""
    then, today = datetime.fromtimestamp(moment).astimezone(), datetime.fromtimestamp(now).astimezone()
    return then.strftime("at %H:%M" if then.date() == today.date() else "on %Y-%m-%d at %H:%M")
