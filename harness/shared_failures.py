"""What failed in a stage that many trials wait for: told to the jobs that would go on with it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from harness.jobs import Job
from harness.records import STAGES, Failure
from harness.schema import Options, Schema, digest
from harness.trials import up_to
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

    def add(self, trial: str, spec: Options, failure: Failure) -> None:
        """Whoever waits for what this job's last stage makes of this identity waits in vain."""
        stage = self._stages[-1]
        self._folder.mkdir(mode=0o700, exist_ok=True)
        place = self._place(spec, stage)
        found = SharedFailure(trial=trial, stage=stage, failure=failure)
        write_whole(place, found.model_dump_json(by_alias=True), OWNER)

    def before(self, spec: Options) -> SharedFailure | None:
        """What failed of the stages that this job goes on from, for a trial of this identity."""
        for stage in STAGES[: STAGES.index(self._stages[0])]:
            with suppress(OSError, ValidationError):
                return SharedFailure.model_validate_json(self._place(spec, stage).read_text(encoding="utf-8"))
        return None

    def _place(self, spec: Options, stage: str) -> Path:
        return self._folder / f"{stage}-{digest(up_to(spec, stage), 16)}.json"
