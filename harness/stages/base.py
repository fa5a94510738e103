"""What every stage works with: the trial, the data, the device, and artifacts kept by key."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.artifacts import Artifact, Artifacts, Maker
from harness.datasets.base import Data
from harness.errors import StageAbsentError
from harness.families.base import Sublayer
from harness.inventory import Inventory
from harness.jobs import Assignment, Job
from harness.records import StageRun
from harness.schema import Options, digest
from harness.stages.errands import Alone
from harness.tasks.base import InputConfig, Task
from harness.training.circle import Circle
from harness.training.team import Team
from harness.transforms.base import Transform
from harness.trials import TrialSpec

if TYPE_CHECKING:
    from torch import nn

# What a later job of a chain takes over and makes by no means itself: it may have none of the devices for it. Outcomes
# are not among them: one whose collector failed is kept nowhere, and the last job meets the failure again and tells it.
HANDED_ON = ("prepare", "select", "recover")
MICRO_BATCH = 50  # items of one forward pass in select and evaluate; enters their keys


@dataclass(frozen=True)
class Bench:
    """One trial on one machine: everything that its stages share."""

    job: Job
    assignment: Assignment
    spec: TrialSpec
    task: Task
    task_options: Options
    config: InputConfig
    data: Data
    inventory: Inventory
    shell: nn.Module  # the architecture, on the CPU, with weights that are still to be loaded
    artifacts: Artifacts
    maker: Maker
    device: str
    threads: int  # of the CPU; a time taken with one is no time taken with two
    progress: Callable[[str, str], None]
    alone: Alone | None = None  # measures in a process of its own; None starts one for it
    devices: tuple[str, ...] = ()  # `device`, and others that help to evaluate
    shards: tuple[str, ...] = ()  # `device`, and others that every network is laid over; none: it is on `device` alone
    transforms: tuple[tuple[str, Transform], ...] = ()  # each with the first stage whose network has it
    team: Team | None = None  # the processes that train together; None: this one alone
    used: dict[str, str] = field(default_factory=dict)  # contents of what was obtained, by stage and key

    def placed(self, net: nn.Module) -> nn.Module:
        """The network where it runs; one that is laid over several devices lies where that which it is made of lay."""
        return net if self.shards else net.to(self.device)

    def since(self, stage: str) -> float:
        """Artifacts of this stage that are older do not count: `--fresh` was asked for."""
        return self.job.submitted if stage in self.job.fresh else 0.0

    def obtain(
        self, stage: str, asked: Options, make: Callable[[Path], str], is_trained: bool = False
    ) -> tuple[Artifact, bool]:
        """The stage's artifact for what was asked, made if it is not there; and whether it was.

        Raises StageAbsentError where another job should have made it.
        """
        is_made_here = stage in self.job.stages or stage not in HANDED_ON
        key = key_of(asked)
        maker = replace(self.maker, processes=self.team.size) if self.team and is_trained else self.maker
        found = None if is_made_here else self.artifacts.get(stage, key, maker, self.since(stage))
        reused = found is not None
        if found is None:
            if not is_made_here:
                raise StageAbsentError(f"{stage} was not made: the job that should have done it ended without")
            found, reused = self.artifacts.obtain(stage, asked, key, maker, make, self.since(stage))
        self.used[f"{stage}/{key}"] = found.manifest.content
        return found, reused

    def meeting(self, stage: str, asked: Options) -> Callable[[], Circle] | None:
        """How a training of this stage waits for the other processes; None where it is alone."""
        team = self.team
        return None if team is None else lambda: team.meet(stage, key_of(asked), self.used, self.device)


@dataclass
class StageTimes:
    """What each stage of a run used and took, gathered as they end."""

    runs: dict[str, StageRun] = field(default_factory=dict)
    current: str | None = None

    @contextmanager
    def timing(self, stage: str, bench_progress: Callable[[str, str], None]) -> Iterator[list[tuple[Artifact, bool]]]:
        """Times a stage; its artifacts are put into the list that is given."""
        self.current = stage
        bench_progress(stage, "")
        used: list[tuple[Artifact, bool]] = []
        started = time.perf_counter()
        yield used
        self.runs[stage] = _stage_run(used, time.perf_counter() - started)
        self.current = None


def _stage_run(used: Sequence[tuple[Artifact, bool]], elapsed_s: float) -> StageRun:
    manifests = [artifact.manifest for artifact, _ in used]
    first = manifests[0] if manifests else None
    alone = len(manifests) == 1
    return StageRun(
        key=manifests[0].key if alone else digest([m.key for m in manifests], 16),
        content=manifests[0].content if alone else digest([m.content for m in manifests], 16),
        reused=bool(used) and all(reused for _, reused in used),
        made_by=first.made_by if first else "",
        machine_class=first.machine_class if first else "",
        software_class=first.software_class if first else "",
        elapsed_s=elapsed_s,
        processes=max((m.processes for m in manifests), default=1),
        parts=() if alone else tuple(f"{m.key}/{m.content}" for m in manifests),
    )


@dataclass(frozen=True)
class Network:
    """A network on the device in eval mode, with the content hash of what it is."""

    net: nn.Module
    content: str


def transformed(bench: Bench, network: Network, *stages: str) -> Network:
    """A network with the transforms that start at these stages; itself, untouched, where there are none."""
    chain = [(stage, plugin) for stage, plugin in bench.transforms if stage in stages]
    if not chain:
        return network
    net = deepcopy(network.net)
    for _, plugin in chain:
        net = plugin.apply(net)
    made_of = [network.content, [[stage, plugin.identity()] for stage, plugin in chain]]
    return Network(bench.placed(net).eval(), digest(made_of, 16))


@dataclass(frozen=True)
class Removed:
    """The sublayers of a network that go, in order of depth."""

    sublayers: tuple[Sublayer, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Their paths."""
        return tuple(s.name for s in self.sublayers)


def built(bench: Bench) -> Options:
    """What a network is built as: equal weights under other options (heads, drop path) are another network."""
    return {"architecture": bench.spec.architecture, "options": {**bench.spec.options, **bench.task_options}}


def key_of(asked: Options) -> str:
    """An artifact's key: the digest of everything that can change it."""
    return digest(asked, 16)
