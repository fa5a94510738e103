"""What failed in a stage that many trials wait for: told to the jobs that would go on with it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from harness.jobs import Assignment, Job
from harness.records import STAGES, Failure
from harness.schema import Schema, digest
from harness.whole_file import OWNER, write_whole


class SharedFailure(Schema):
    """The trial that made a stage for others, and how that ended."""

    trial: str
    stage: str
    failure: Failure


class SharedFailures:
    """The failures of a chain of jobs, one small file each, in the study's private folder."""

    def __init__(self, job: Job) -> None:
        self._folder = Path(job.results) / job.study / "jobs" / f"{job.chain or job.id}.failed"
        self._stages = job.stages

    def add(self, assignment: Assignment, failure: Failure) -> None:
        """Whoever shares the stage that failed waits in vain; of a trial that died, any stage of this job's."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        for stage in self._failed(failure):
            if stage in assignment.makers:
                note = SharedFailure(trial=assignment.trial.id, stage=stage, failure=failure)
                write_whole(self._place(stage, assignment.makers[stage]), note.model_dump_json(by_alias=True), OWNER)

    def before(self, assignment: Assignment) -> SharedFailure | None:
        """What failed of the stages that this job goes on from."""
        for stage in STAGES[: STAGES.index(self._stages[0])]:
            with suppress(OSError, ValidationError, KeyError):
                place = self._place(stage, assignment.makers[stage])
                return SharedFailure.model_validate_json(place.read_text(encoding="utf-8"))
        return None

    def _failed(self, failure: Failure) -> Sequence[str]:
        return [failure.stage] if failure.stage in self._stages else self._stages

    def _place(self, stage: str, maker: str) -> Path:
        return self._folder / f"{stage}-{digest(maker)}.json"
