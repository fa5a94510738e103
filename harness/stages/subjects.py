"""What cost collectors measure: candidate and baseline in the trial's runtime, with inputs to run them on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from harness import models, numerics
from harness.collectors.base import Subject
from harness.collectors.singles import twin
from harness.families.base import Sublayer
from harness.runtimes import Runtime
from harness.stages.base import Bench
from harness.stages.errands import Setting
from harness.stages.singles import singles_of
from harness.surgery import remove
from harness.tasks.base import Batch
from harness.tasks.catalogue import task_called
from harness.transforms.base import chain_of, in_turn
from harness.trials import TrialSpec

if TYPE_CHECKING:
    from torch import nn

REAL_SPLIT = "validation"  # whose items show what a cost that depends on data is


def subject_of(bench: Bench, candidate: nn.Module, baseline: nn.Module) -> Subject:
    """Both networks on the device of the bench."""
    runtime = bench.spec.runs_in()
    setting = Setting(bench.task.name, bench.task_options, bench.config, bench.device)
    subject = _subject(setting, runtime, candidate, baseline, _Real(bench, runtime))
    return replace(subject, singles=singles_of(bench, subject.baseline))


def subject_anew(setting: Setting, spec: TrialSpec, gone: Sequence[Sublayer]) -> Subject:
    """The same structures with weights as they are built: their shapes decide what they cost, not their values."""
    whole = models.create(spec.architecture, spec.options, setting.task_options, seed=0)
    small = remove(whole, gone, spec.removal) if gone else whole
    nets = []
    for net in (small, whole):
        for plugin in in_turn(chain_of(spec.transforms)):
            net = plugin.apply(net)
        nets.append(net.to(setting.device).eval())
    return _subject(setting, spec.runs_in(), nets[0], nets[1], None)


def _subject(
    setting: Setting, runtime: Runtime, candidate: nn.Module, baseline: nn.Module, real: _Real | None
) -> Subject:
    task = task_called(setting.task)
    return Subject(
        candidate=numerics.cast(candidate, runtime),
        # A removed network is a deep copy, and those run a little slower than networks as built: so this is one too.
        baseline=numerics.cast(twin(baseline), runtime),
        task=task,
        example=lambda items: numerics.cast_batch(task.example(setting.config, items, setting.device), runtime),
        device=setting.device,
        compiled=numerics.Compiler(runtime),
        graphs=lambda: numerics.compilation() if runtime.compile else None,
        real=real,
    )


@dataclass(frozen=True)
class _Real:
    """Batches of the validation part; the same for every structure."""

    bench: Bench
    runtime: Runtime

    def __call__(self, batches: int, items: int) -> tuple[Batch, ...]:
        part = self.bench.data.parts[REAL_SPLIT]
        found = (numerics.cast_batch(batch.to(self.bench.device), self.runtime) for batch in part.batches(items))
        return tuple(islice(found, batches))
