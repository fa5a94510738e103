"""What is shown while a study runs: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from harness.following import Watcher
from harness.schema import Json
from harness.wording import counted

LINE_EVERY_S = 15.0


@contextmanager
def watcher_for(is_terminal: bool) -> Iterator[Watcher]:
    """The watcher that fits where the words go."""
    if not is_terminal:
        yield Lines()
        return
    bar = Bar()
    try:
        yield bar
    finally:
        bar.close()


class Counts:
    """What has ended so far, and what is going on."""

    def __init__(self) -> None:
        self.todo = 0
        self.ok = 0
        self.failed = 0
        self.running: dict[str, str] = {}
        self.started = time.monotonic()

    def begin(self, todo: int) -> None:
        self.todo = todo
        self.started = time.monotonic()

    def hear(self, event: dict[str, Json]) -> None:
        trial = str(event.get("trial", ""))
        if event["event"] == "ended":
            self.running.pop(trial, None)
            self.ok += event["status"] == "ok"
            self.failed += event["status"] != "ok"
        elif event["event"] in ("again", "made"):
            self.running.pop(trial, None)
        elif event["event"] == "stage":
            self.running[trial] = " ".join(str(event[key]) for key in ("stage", "note") if event.get(key))

    @property
    def ended(self) -> int:
        return self.ok + self.failed

    def left(self) -> str:
        """Time left at the pace so far; nothing before the first trial has ended."""
        if not self.ended:
            return "time left: not known yet"
        seconds = (time.monotonic() - self.started) / self.ended * (self.todo - self.ended)
        return f"{int(seconds // 60)}:{int(seconds % 60):02d} left"

    def activity(self) -> str:
        """One running trial and what it does, and how many more run."""
        if not self.running:
            return ""
        trial, doing = next(reversed(self.running.items()))
        more = f" and {len(self.running) - 1} more" if len(self.running) > 1 else ""
        return f"{trial.rpartition('-')[0]}: {doing}{more}"


class Lines:
    """One line at the start, then every few seconds."""

    def __init__(self) -> None:
        self.counts = Counts()
        self._last = 0.0

    def begins(self, total: int, todo: int, where: str) -> None:
        self.counts.begin(todo)
        self._last = time.monotonic()
        typer.echo(f"{todo} of {counted(total, 'trial')} to run ({where})")

    def hears(self, event: dict[str, Json]) -> None:
        self.counts.hear(event)
        if event["event"] == "ended" and event["status"] != "ok":
            typer.echo(f"failed: {event['trial']}: {event.get('message', '')}")

    def ticks(self) -> None:
        if time.monotonic() - self._last >= LINE_EVERY_S:
            self._last = time.monotonic()
            counts = self.counts
            activity = f"; {counts.activity()}" if counts.running else ""
            typer.echo(f"{counts.ended}/{counts.todo} trials, {counts.failed} failed, {counts.left()}{activity}")


class Bar:
    """A live bar with trials done, running and failed, and the time left."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self.counts = Counts()
        self._progress: Any = Progress(
            TextColumn("{task.fields[study]}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[failed]} failed"),
            TextColumn("{task.fields[left]}"),
            TextColumn("[dim]{task.fields[activity]}", markup=True),
            transient=True,
        )
        self._task: Any = None

    def begins(self, total: int, todo: int, where: str) -> None:
        self.counts.begin(todo)
        self._progress.console.print(
            f"{todo} of {counted(total, 'trial')} to run ({where})", highlight=False, markup=False
        )
        self._progress.start()
        self._task = self._progress.add_task("trials", total=todo, study="trials", failed=0, left="", activity="")

    def hears(self, event: dict[str, Json]) -> None:
        self.counts.hear(event)
        if event["event"] == "ended" and event["status"] != "ok":
            text = f"failed: {event['trial']}: {event.get('message', '')}"
            self._progress.console.print(text, highlight=False, markup=False)

    def ticks(self) -> None:
        if self._task is not None:
            counts = self.counts
            fields = {"failed": counts.failed, "left": counts.left(), "activity": counts.activity().replace("[", "\\[")}
            self._progress.update(self._task, completed=counts.ended, **fields)

    def close(self) -> None:
        """Takes the bar away; the words that follow stand alone."""
        self._progress.stop()
