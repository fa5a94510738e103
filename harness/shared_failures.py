"""What failed in a stage that many trials wait for: told to the jobs that would go on with it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from harness.jobs import Assignment, Job
from harness.records import STAGES, Failure
from harness.schema import Schema, digest
from harness.whole_file import OWNER, write_whole


class SharedFailure(Schema):
    """The trial that met it, at which stage (null: it died, and nobody knows), and how it ended."""

    trial: str
    stage: str | None
    failure: Failure


class SharedFailures:
    """The failures of a chain of jobs, one small file each, in the study's private folder."""

    def __init__(self, job: Job) -> None:
        self._folder = Path(job.results) / job.study / "jobs" / f"{job.chain or job.id}.failed"
        self._stages = job.stages

    def settle(self, assignment: Assignment, failure: Failure | None) -> None:
        """Notes what became of the stages that a trial went through in this job; None: all of them are made.

        A stage that is made takes the note of an earlier failure away. Of a trial that died at a stage that nobody
        knows only itself is hopeless: others find what they share, or find it absent.
        """
        own = self._of_trial(assignment)
        failed = self._stage_of(failure) if failure is not None else None
        if failure is None or failed is not None:
            for stage in self._stages[: self._stages.index(failed) if failed else None]:
                self._of_stage(assignment, stage).unlink(missing_ok=True)
        if failure is None:
            own.unlink(missing_ok=True)
            return
        place = self._of_stage(assignment, failed) if failed else own
        if not place.exists():  # the first to meet it has the whole of it in its record
            self._folder.mkdir(mode=0o700, exist_ok=True)
            note = SharedFailure(trial=assignment.trial.id, stage=failed, failure=failure)
            write_whole(place, note.model_dump_json(by_alias=True), OWNER)

    def before(self, assignment: Assignment) -> SharedFailure | None:
        """What failed of the stages that this job goes on from."""
        earlier = STAGES[: STAGES.index(self._stages[0])]
        for place in [*(self._of_stage(assignment, stage) for stage in earlier), self._of_trial(assignment)]:
            with suppress(OSError, ValidationError):
                return SharedFailure.model_validate_json(place.read_text(encoding="utf-8"))
        return None

    def _stage_of(self, failure: Failure) -> str | None:
        """Where it failed, as far as that is a stage of this job's; of one with a single stage that is known."""
        stage = failure.stage or (self._stages[0] if len(self._stages) == 1 else None)
        return stage if stage in self._stages else None

    def _of_stage(self, assignment: Assignment, stage: str) -> Path:
        return self._folder / f"{stage}-{digest(assignment.makers.get(stage, assignment.trial.id))}.json"

    def _of_trial(self, assignment: Assignment) -> Path:
        return self._folder / f"trial-{digest(assignment.trial.id)}.json"
