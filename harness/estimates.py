"""What is left to do of a plan in hours and bytes, from past runs on the same class of machine."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from harness.briefs import Brief
from harness.collectors.base import CostCollector, ExamCollector, OutcomeCollector
from harness.executors.base import gpus_for
from harness.past_runs import REST, WORDS, PastRuns, bytes_of_artifacts, bytes_of_records
from harness.pending import Standing
from harness.place import Place
from harness.plan import Plan
from harness.records import STAGES, TrialInfo
from harness.resources import Resources
from harness.store import Store


@dataclass(frozen=True)
class Estimate:
    """Seconds and bytes for the trials left; null where no run tells. `untold` names what could not be counted in.

    Equal sets are known only after selection, and what runs side by side is taken to end together: times are upper
    bounds in the first respect and lower ones in the second. Waiting in a queue is not in them.
    """

    trials: int
    from_runs: int
    at_a_time: int
    work_s: float | None
    wall_s: float | None
    gpu_s: float | None
    disk_bytes: float | None
    untold: tuple[str, ...]
    untold_on_disk: tuple[str, ...]


def estimate(plan: Plan, stand: Sequence[Standing], briefs: Sequence[Brief], place: Place, store: Store) -> Estimate:
    """For the trials that a `run` would take up now."""
    todo = [s.trial for s in stand if s.missing and not s.is_held_back]
    done = [s.trial for s in stand if s.is_done]
    own = plan.study.study
    past = PastRuns(
        store.root,
        briefs,
        lambda: (one for study in store.studies() if study != own for one in store.briefs(study)),
        place.machine_class,
    )
    work, kept = _Work(plan, past, done, place), bytes_of_artifacts(store.root)
    if past.tells() or kept:
        for trial in todo:
            work.add(trial)
    at_a_time = _at_a_time(place, len(todo))
    work_s = work.seconds if past.tells() else None
    record = bytes_of_records(store.root, own, briefs)
    made = {stage: number for stage, number in work.made.items() if number}
    disk = (record or 0.0) * len(todo) + sum(kept.get(stage, 0.0) * number for stage, number in made.items())
    return Estimate(
        trials=len(todo),
        from_runs=past.runs,
        at_a_time=at_a_time,
        work_s=work_s,
        wall_s=None if work_s is None else work_s / at_a_time,
        gpu_s=None if work_s is None else work.gpu_seconds,
        disk_bytes=disk if record is not None or kept else None,
        untold=tuple(sorted(work.untold)),
        untold_on_disk=("records",) * (record is None) + tuple(stage for stage in made if stage not in kept),
    )


class _Work:
    """The stages of trials, one after another: what an earlier one made, a later one finds."""

    def __init__(self, plan: Plan, past: PastRuns, done: Sequence[TrialInfo], place: Place) -> None:
        self.seconds = 0.0
        self.gpu_seconds = 0.0
        self._gpus = {
            (model, stage): _gpus(place, needs.of(stage))
            for model, needs in place.needs(plan.study).items()
            for stage in STAGES
        }
        self.untold: set[str] = set()
        self.made: dict[str, int] = dict.fromkeys(STAGES, 0)
        self._past = past
        self._keys = dict(plan.sharing.keys)
        for stage, kind in (("evaluate", (OutcomeCollector, ExamCollector)), ("cost", CostCollector)):
            if not any(isinstance(collector, kind) for collector in plan.collectors):
                del self._keys[stage]
        self._met: dict[str, set[Hashable]] = {stage: {*map(key, done)} for stage, key in self._keys.items()}

    def add(self, trial: TrialInfo) -> None:
        """One more trial."""
        for stage, key_of in self._keys.items():
            key, met = key_of(trial), self._met[stage]
            if key is None and stage == "select":
                continue
            is_reused = key is not None and key in met
            if key is not None and not is_reused:
                met.add(key)
                self.made[stage] += 1
            word = getattr(trial, WORDS[stage]) if stage in WORDS else None
            self._count(stage, is_reused, trial.model, word)
        self._count(REST, False, trial.model, None)

    def _count(self, stage: str, is_reused: bool, model: str, word: str | None) -> None:
        seconds = self._past.seconds(stage, is_reused, model, word)
        if seconds is None:
            self.untold.add(stage if stage == REST else f"{stage} ({'found' if is_reused else 'made'})")
        else:
            self.seconds += seconds
            self.gpu_seconds += seconds * self._gpus[model, STAGES[-1] if stage == REST else stage]


def _gpus(place: Place, resources: Resources) -> int:
    """GPUs that a job holds on all of its nodes."""
    device = place.device_for(resources)
    return 0 if device == "cpu" else gpus_for(resources, device) * (resources.nodes or 1)


def _at_a_time(place: Place, trials: int) -> int:
    jobs = len(place.executor.deal(range(trials)))
    limit = place.executor.model_dump().get("slurm_array_parallelism", jobs)
    return max(min(jobs, int(limit)), 1)
