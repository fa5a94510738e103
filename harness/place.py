"""Where the trials will run: the site file, what the command line adds to it, and what that device can do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass

from pydantic import ValidationError

from harness.device import pieces
from harness.device_queue import visible_gpus
from harness.errors import DeviceError, Problem, SpecError
from harness.executors.base import Executor, executors
from harness.hardware import machine_class
from harness.models import is_language_model
from harness.numerics import fault
from harness.records import STAGES
from harness.resources import Resources, StageResources
from harness.schema import problems_of
from harness.site import Site
from harness.spec import ReferenceModel, Study, TrainedWeights
from harness.study_file import StudyFile


@dataclass(frozen=True)
class Orders:
    """What the command line adds to a study file."""

    device: str | None = None
    executor: str | None = None
    limit: int | None = None
    fresh: str | None = None  # a stage, "all", or None
    retry_failed: bool = False
    detach: bool = False
    command: str = ""


@dataclass(frozen=True)
class Place:
    """Where the trials will run."""

    site: Site
    executor: Executor
    device: str

    @property
    def machine_class(self) -> str | None:
        """Known before for this machine; None where an executor finds the machine later."""
        if not self.executor.is_here:
            return None
        return machine_class(self.device if self.site.sharded else pieces(self.device)[0])

    def device_for(self, resources: Resources) -> str:
        """The device of jobs with such resources.

        Elsewhere it is a GPU where one is asked for: a node may show GPUs that were given to others.
        """
        if self.executor.is_here:
            return self.device
        if self.site.device == "auto":
            return "cuda" if resources.wants_gpu else "cpu"
        return "cpu" if resources.gpus_per_node == 0 else self.site.device

    def needs(self, study: Study) -> dict[str, StageResources]:
        """What the jobs of each model of a study may take, those beside it included, by its name."""
        references = [one.model for one in study.references if isinstance(one, ReferenceModel)]
        return {model.name: model.resources.over(self.site.resources) for model in (*references, *study.models)}


def place_of(site: Site, orders: Orders) -> Place:
    """Where a site file and the command line want the trials; raises where that device is not there.

    An executor that the command line names as the site does keeps the site's options.
    """
    changes = {"device": orders.device} if orders.device else {}
    executor = {"executor": {"name": orders.executor}} if orders.executor not in (None, site.executor["name"]) else {}
    try:
        asked = Site.model_validate({**site.model_dump(), **changes, **executor})
    except ValidationError as error:
        raise SpecError(problems_of(error, Site)) from None
    plugin = executors.create(asked.executor, "executor")
    return Place(asked, plugin, _device(asked, plugin))


def _device(site: Site, executor: Executor) -> str:
    """The device as far as it is known before torch is loaded; `auto` without any GPU is the CPU.

    Elsewhere it is a GPU where any stage asks for one; each job has its own (`device_for`).
    """
    asked = site.device
    if not executor.is_here:
        wants_gpu = any(site.resources.of(stage).wants_gpu for stage in STAGES)
        return asked if asked != "auto" else "cuda" if wants_gpu else "cpu"
    gpus = visible_gpus()
    if asked.startswith("cuda") and not gpus:
        raise DeviceError(
            f"device: {asked!r} was asked for and this machine has no usable GPU; 'auto' takes what is there"
        )
    return "cpu" if asked == "auto" and not gpus else asked


def check_device(file: StudyFile, study: Study, devices: Mapping[str, Set[str]]) -> None:
    """Raises SpecError with what a study asks of devices that have no kernels or no compiler for it.

    `devices` are those of each stage. Told now, where they are known: a trial would come to it only after a training
    and a selection.
    """
    on_cpu = {stage for stage, found in devices.items() if found == {"cpu"}}
    problems = [problem for stage, problem in _amp(study) if stage in on_cpu]
    if on_cpu & {"evaluate", "cost"}:
        problems += _runtimes(study, "cpu")
    if problems:
        raise SpecError(file.located(problem) for problem in problems)


def check_sharded(file: StudyFile, study: Study, site: Site) -> None:
    """Raises SpecError with what cannot be had of networks that are laid over several GPUs, where the site wants that.

    Decoders are: they outgrow a card before other networks do. What is trained, compiled or transformed
    is not.
    """
    problems = [*_unsharded(study, site)] if site.sharded else []
    if problems:
        raise SpecError(file.located(problem) for problem in problems)


def _unsharded(study: Study, site: Site) -> Iterator[Problem]:
    if "+" not in site.device:
        yield Problem("sharded", f"needs several GPUs, and the device is {site.device}; --device cuda:0+1 names two")
    references = [one.model for one in study.references if isinstance(one, ReferenceModel)]
    for model in (*study.models, *references):
        if not is_language_model(model.architecture):
            yield Problem("sharded", f"{model.name} is no decoder, and only decoders are laid over several GPUs")
        elif isinstance(model.weights, TrainedWeights):
            yield Problem("sharded", f"{model.name} is to be trained, which is done on one GPU or on copies")
    if any(recovery.name != "none" for recovery in study.recoveries):
        yield Problem("recoveries", "train on one GPU or on copies, and the networks are sharded; leave them out")
    if any(runtime.compile for runtime in study.runtimes):
        yield Problem("runtimes", "compile networks on one device, and these are sharded; leave 'compile' out")
    if any(study.transforms):
        yield Problem("transforms", "are made on one device, and the networks are sharded; leave them out")


def _amp(study: Study) -> Iterator[tuple[str, Problem]]:
    """By the stage that would train so."""
    message = "needs a GPU, and this would run on the CPU; leave it out"
    for index, model in enumerate(study.models):
        if isinstance(model.weights, TrainedWeights) and model.weights.train.amp:
            yield "prepare", Problem(f"models.{index}.weights.train.amp", message)
    for index, recovery in enumerate(study.recoveries):
        if recovery.options.get("amp"):
            yield "recover", Problem(f"recoveries.{index}.amp", message)


def _runtimes(study: Study, device: str) -> Iterator[Problem]:
    for index, runtime in enumerate(study.runtimes):
        text = fault(runtime, device)
        if text:
            yield Problem(f"runtimes.{index}", text)
