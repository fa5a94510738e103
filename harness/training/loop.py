"""The one training loop: AdamW, linear warm-up, cosine decay; the same seed gives the same weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import monotonic, perf_counter
from typing import TypeAlias

import torch
from torch import Tensor, nn

from harness import device as devices
from harness.datasets.base import Part
from harness.datasets.chance import derived
from harness.datasets.mixing import Mixing
from harness.errors import DataError, DeviceError, Problem, SpecError
from harness.models import content_of
from harness.recipes import Initialisation, TrainOptions
from harness.schema import digest
from harness.tasks.base import Batch, Task
from harness.training.averaging import Average
from harness.training.checkpoints import Checkpoints, Position
from harness.training.groups import parameter_groups
from harness.training.schedules import learning_rate
from harness.training.state import TrainingState

Progress: TypeAlias = Callable[[str], None]
CHECK_EVERY = 100  # steps between looks at the loss: each look waits for the device
REMEDY = "a lower lr, a longer warmup or a smaller clip may help"


@dataclass(frozen=True)
class Course:
    """What a training does beside the plain loop.

    `outputs` is the size of the head, which mixed targets need. `loss(outputs, batch)` stands in for the task's own.
    `before_step(epoch, step)` is called ahead of every step, both counted from 0. Where the training stands is kept in
    `checkpoints`, and with `keeps_end` its end too, so that a second call does nothing again.
    """

    outputs: int | None = None
    loss: Callable[[Tensor, Batch], Tensor] | None = None
    before_step: Callable[[int, int], None] | None = None
    checkpoints: Path | None = None
    keeps_end: bool = False


PLAIN = Course()


def initialise(net: nn.Module, init: Initialisation, seed: int) -> None:
    """Redraws what the recipe changes about timm's initialisation, before training.

    The position embedding is normal with mean 0, cut at -2 and 2 as timm does; drawn on the CPU on every device.
    """
    if init.pos_embed_std is None:
        return
    embedding = getattr(net, "pos_embed", None)
    if not isinstance(embedding, nn.Parameter):
        message = f"{type(net).__name__} has no position embedding; leave this option out"
        raise SpecError(Problem("weights.train.init.pos_embed_std", message))
    # A stream of its own: `seed` itself has drawn the other weights.
    chance = torch.Generator().manual_seed(derived(seed, "pos_embed"))
    drawn = nn.init.trunc_normal_(torch.empty(embedding.shape), std=init.pos_embed_std, a=-2.0, b=2.0, generator=chance)
    with torch.no_grad():
        embedding.copy_(drawn)


def train(  # noqa: PLR0913, PLR0917  # what is trained, on what, how, where, from which chance, and who is told
    net: nn.Module,
    task: Task,
    part: Part,
    options: TrainOptions,
    device: str,
    seed: int,
    progress: Progress,
    course: Course = PLAIN,
) -> dict[str, float]:
    """Trains in place and leaves the network in eval mode; returns mean loss of the last epoch, steps and seconds.

    The items' order, dropout and drop path follow `seed` alone; the caller's random state is left as it was.
    Raises FloatingPointError when the loss or the weights stop being finite.
    """
    if len(part) == 0:
        raise DataError("the training part has no items")
    _check_amp(options, device)
    steps = steps_of(options, len(part))
    checkpoints = _checkpoints(course, net, part, options, seed)
    net.train()
    try:
        with cpu_threads(options.threads), _own_randomness(device):
            shuffled = _Shuffled(part, options, device, seed, _mixing(options, course, device))
            training = _Training(net, task, options, steps, course)
            position = training.run(shuffled, progress, checkpoints)
    finally:
        net.zero_grad(set_to_none=True)
        net.eval()
    if not all(bool(torch.isfinite(p).all()) for p in net.parameters()):
        raise FloatingPointError(f"training: the weights are not finite after step {steps}; {REMEDY}")
    return {"loss": position.loss, "steps": float(steps), "elapsed_s": position.elapsed_s}


def steps_of(options: TrainOptions, items: int) -> int:
    """Optimiser steps of a training on so many items; an epoch's last batch may be short."""
    return options.steps or (options.epochs or 0) * math.ceil(items / options.batch)


@dataclass(frozen=True)
class _Shuffled:
    """The items of every epoch in an order of its own; dropout and augmentation of an epoch follow the same seed."""

    part: Part
    options: TrainOptions
    device: str
    seed: int
    mixing: Mixing | None

    def __len__(self) -> int:
        return math.ceil(len(self.part) / self.options.batch)

    def epoch(self, number: int) -> Iterator[Batch]:
        own = derived(self.seed, number)
        torch.manual_seed(own)
        size, augment = self.options.batch, self.options.augment
        is_plain = augment == "none"
        found = self.part.batches(size, shuffle=own) if is_plain else self.part.augmented(size, own, augment)
        batches = (batch.to(self.device) for batch in found)
        if self.mixing is None:
            return batches
        mixing = self.mixing
        return (mixing(batch, derived(own, index)) for index, batch in enumerate(batches))


class _Losses:
    """The losses of an epoch; they stay on the device until looked at."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.seen: list[tuple[float, int]] = []
        self.unseen: list[tuple[Tensor, int]] = []

    def add(self, loss: Tensor, items: int, step: int) -> None:
        self.unseen.append((loss.detach(), items))
        if len(self.unseen) == CHECK_EVERY:
            self._look(step)

    def mean(self, step: int) -> float:
        """Mean over the items since the last call."""
        self._look(step)
        mean = sum(loss * items for loss, items in self.seen) / sum(items for _, items in self.seen)
        self.seen.clear()
        return mean

    def _look(self, step: int) -> None:
        if not self.unseen:
            return
        losses: list[float] = torch.stack([loss for loss, _ in self.unseen]).tolist()
        for before, loss in zip(reversed(range(len(losses))), losses, strict=True):
            if not math.isfinite(loss):
                place = f"step {step - before + 1} of {self.steps}"
                raise FloatingPointError(f"training: the loss is {loss} at {place}; {REMEDY}")
        self.seen += zip(losses, (items for _, items in self.unseen), strict=True)
        self.unseen.clear()


class _Training:
    """A network under an optimiser, for `steps` steps."""

    def __init__(self, net: nn.Module, task: Task, options: TrainOptions, steps: int, course: Course) -> None:
        self.net, self.task, self.options, self.steps, self.course = net, task, options, steps, course
        groups = parameter_groups(net, options.weight_decay, options.layer_decay)
        self.optimizer = torch.optim.AdamW(groups, lr=options.lr, fused=True)
        self.parameters = [p for p in net.parameters() if p.requires_grad]
        self.average = Average(net, options.ema) if options.ema is not None else None
        self.state = TrainingState(net, self.optimizer, self.average)

    def run(self, shuffled: _Shuffled, progress: Progress, checkpoints: Checkpoints | None) -> Position:
        """Every step that is left, and where that leads."""
        position = self._resumed(checkpoints)
        losses, told, before = _Losses(self.steps), -math.inf, perf_counter() - position.elapsed_s
        epochs = math.ceil(self.steps / len(shuffled))
        for number in range(position.epochs + 1, epochs + 1):
            step = position.steps
            for batch in islice(shuffled.epoch(number), self.steps - step):
                losses.add(self._step(batch, number - 1, step), len(batch), step)
                step += 1
            position = Position(
                fits=position.fits,
                epochs=number,
                steps=step,
                loss=losses.mean(step - 1),
                elapsed_s=perf_counter() - before,
            )
            self._keep(checkpoints, position, is_last=number == epochs)
            if number == epochs or monotonic() - told >= 1:
                progress(f"epoch {number}/{epochs}, loss {position.loss:.3g}")
                told = monotonic()
        if self.average is not None:
            self.average.put()
        return position

    def _resumed(self, checkpoints: Checkpoints | None) -> Position:
        kept = checkpoints.read() if checkpoints else None
        if kept is None:
            return Position(fits=checkpoints.fits if checkpoints else "", epochs=0, steps=0, loss=0.0, elapsed_s=0.0)
        position, tensors = kept
        self.state.load(tensors)
        return position

    def _keep(self, checkpoints: Checkpoints | None, position: Position, is_last: bool) -> None:
        if checkpoints is not None and (self.course.keeps_end if is_last else checkpoints.is_due):
            checkpoints.write(position, self.state.tensors())

    def _step(self, batch: Batch, epoch: int, step: int) -> Tensor:
        if self.course.before_step is not None:
            self.course.before_step(epoch, step)
        rate = learning_rate(step, self.steps, self.options)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group.get("lr_scale", 1.0)
        with torch.autocast("cuda", dtype=torch.bfloat16) if self.options.amp else nullcontext():
            loss = self._loss(self.task.forward(self.net, batch), batch)
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        if self.options.clip is not None:
            nn.utils.clip_grad_norm_(self.parameters, self.options.clip)
        self.optimizer.step()
        if self.average is not None:
            self.average.update()
        return loss

    def _loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        if self.course.loss is not None:
            return self.course.loss(outputs, batch)
        return self.task.loss(outputs, batch, self.options.label_smoothing)


def _mixing(options: TrainOptions, course: Course, device: str) -> Mixing | None:
    if not options.mixes and not options.erase:
        return None
    if course.outputs is None:
        raise ValueError("a training that mixes targets has to be told the number of outputs")
    return Mixing(options, course.outputs, device)


def _checkpoints(course: Course, net: nn.Module, part: Part, options: TrainOptions, seed: int) -> Checkpoints | None:
    if course.checkpoints is None:
        return None
    data = [part.info.sha256, part.info.transform]
    asked = [type(options).__name__, options.model_dump(mode="json"), seed, *data, content_of(net)]
    return Checkpoints(course.checkpoints, digest(asked, 32))


def _check_amp(options: TrainOptions, device: str) -> None:
    if not options.amp:
        return
    if not devices.is_gpu(device):
        raise DeviceError("'amp: true' needs a GPU, and this runs on the CPU; leave it out, or ask for 'cuda'")
    if not torch.cuda.is_bf16_supported(including_emulation=False):
        raise DeviceError("'amp: true' computes in bfloat16, which this GPU does not know; leave it out")


@contextmanager
def cpu_threads(threads: int) -> Iterator[None]:
    """Within it torch computes with so many threads on the CPU; sums depend on it."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _own_randomness(device: str) -> AbstractContextManager[None]:
    place = torch.device(device)
    return torch.random.fork_rng(devices=[] if place.type == "cpu" else [place])
