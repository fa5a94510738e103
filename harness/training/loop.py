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
from harness.datasets.label_noise import LabelNoise
from harness.datasets.mixing import Mixing
from harness.errors import DataError, DeviceError, Problem, SpecError
from harness.models import content_of
from harness.recipes import Initialisation, TrainOptions
from harness.schema import digest
from harness.tasks.base import Batch, Task
from harness.training.averaging import Average
from harness.training.checkpoints import Checkpoints, Position
from harness.training.circle import ALONE, Circle, Share
from harness.training.declared import with_auxiliary_losses
from harness.training.groups import parameter_groups
from harness.training.halting import Halt, Halted, halting
from harness.training.losses import REMEDY, Losses
from harness.training.schedules import learning_rate
from harness.training.shuffled import Shuffled
from harness.training.state import TrainingState

Progress: TypeAlias = Callable[[str], None]


@dataclass(frozen=True)
class Course:
    """What a training does beside the plain loop.

    `outputs` is the size of the head, which mixed and redrawn targets need. `loss(outputs, batch)` stands in for the
    task's own. `before_step(epoch, step)` is called ahead of every step, both counted from 0. Where the training stands
    is kept in `checkpoints`, every `checkpoint_s` seconds and when SIGTERM comes, which then ends the training; with
    `keeps_end` its end too, so that a second call does nothing again. `meet` waits for the other processes of the
    training.
    """

    outputs: int | None = None
    loss: Callable[[Tensor, Batch], Tensor] | None = None
    before_step: Callable[[int, int], None] | None = None
    checkpoints: Path | None = None
    checkpoint_s: float | None = None
    keeps_end: bool = False
    meet: Callable[[], Circle] | None = None


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

    The items' order, dropout and drop path follow `seed` alone; the caller's random state is left as it was. `batch`
    and `lr` are those of all processes together: how many there are changes the course by rounding and dropout only.
    Raises FloatingPointError when the loss or the weights stop being finite, Halted when it was told to end.
    """
    if len(part) == 0:
        raise DataError("the training part has no items")
    fault = task.training_fault(options)
    if fault is not None:
        raise SpecError(fault)
    _check_amp(options, device)
    steps = steps_of(options, len(part))
    checkpoints = _checkpoints(course, net, part, options, seed)
    circle = course.meet() if course.meet else ALONE
    circle.check(net)
    net.train()
    try:
        with cpu_threads(options.threads), _own_randomness(device), halting(checkpoints is not None) as halt:
            mixing, noise = _mixing(options, course, device), _label_noise(options, course, part, seed)
            shuffled = Shuffled(part, options, device, seed, mixing, circle, task.scored, noise)
            training = _Training(net, task, options, steps, course, circle, halt)
            position = training.run(shuffled, progress, checkpoints if circle.leads else None)
    finally:
        net.zero_grad(set_to_none=True)
        net.eval()
    if not all(bool(torch.isfinite(p).all()) for p in net.parameters()):
        raise FloatingPointError(f"training: the weights are not finite after step {steps}; {REMEDY}")
    figures = {"loss": position.loss, "steps": float(steps), "elapsed_s": position.elapsed_s}
    return figures if circle.is_alone else figures | {"processes": float(circle.size)}


def steps_of(options: TrainOptions, items: int) -> int:
    """Optimiser steps of a training on so many items; an epoch's last batch may be short."""
    return options.steps or (options.epochs or 0) * math.ceil(items / options.batch)


class _Training:
    """A network under an optimiser, for `steps` steps."""

    def __init__(  # noqa: PLR0913, PLR0917  # what is trained, how, for how long, with whom, and who may end it
        self, net: nn.Module, task: Task, options: TrainOptions, steps: int, course: Course, circle: Circle, halt: Halt
    ) -> None:
        self.net, self.task, self.options, self.steps, self.course = net, task, options, steps, course
        self.circle, self.halt = circle, halt
        groups = parameter_groups(net, options.weight_decay, options.layer_decay)
        self.optimizer = torch.optim.AdamW(groups, lr=options.lr, fused=True)
        self.parameters = [p for p in net.parameters() if p.requires_grad]
        self.average = Average(net, options.ema) if options.ema is not None else None
        self.state = TrainingState(net, self.optimizer, self.average)
        self.losses = Losses(steps)
        self.begun = 0.0

    def run(self, shuffled: Shuffled, progress: Progress, checkpoints: Checkpoints | None) -> Position:
        """Every step that is left, and where that leads."""
        position = self._resumed(checkpoints)
        if 0 < position.steps < self.steps:
            progress(f"goes on after step {position.steps} of {self.steps}")
        told, self.begun = -math.inf, perf_counter() - position.elapsed_s
        epochs = math.ceil(self.steps / len(shuffled))
        while position.steps < self.steps:
            position, is_halted = self._epoch(shuffled, position, checkpoints)
            if is_halted and position.steps < self.steps:
                progress(f"halted after step {position.steps} of {self.steps}")
                raise Halted
            if position.epochs == epochs or monotonic() - told >= 1:
                progress(f"epoch {position.epochs}/{epochs}, loss {position.loss:.3g}")
                told = monotonic()
        if self.average is not None:
            self.average.put()
        return position

    def _epoch(self, shuffled: Shuffled, position: Position, checkpoints: Checkpoints | None) -> tuple[Position, bool]:
        """The rest of an epoch, or as far as it comes; whether somebody asked for the end."""
        number, step, is_halted = position.epochs + 1, position.steps, False
        first, last = len(shuffled) * (number - 1), min(len(shuffled) * number, self.steps)
        shares = shuffled.epoch(number, step - first)
        if step > first:
            self.state.load_chance(self.circle)
        for share in islice(shares, last - step):
            loss, is_halted = self._step(share, number - 1, step)
            self.losses.add(loss, share.scored, step)
            step += 1
            if step < last and (is_halted or (checkpoints is not None and checkpoints.is_due)):
                position = self._at(position, step, epochs=number - 1, loss=position.loss)
                if checkpoints is not None:
                    checkpoints.write(position, self.state.tensors(self.losses.tensor(step - 1), self.circle))
                if is_halted:
                    return position, True
        position = self._at(position, step, epochs=number, loss=self.losses.mean(step - 1))
        is_kept = self.course.keeps_end if step == self.steps else is_halted or (checkpoints and checkpoints.is_due)
        if checkpoints is not None and is_kept:
            checkpoints.write(position, self.state.tensors())
        return position, is_halted

    def _at(self, before: Position, step: int, epochs: int, loss: float) -> Position:
        elapsed_s = perf_counter() - self.begun
        return Position(fits=before.fits, epochs=epochs, steps=step, loss=loss, elapsed_s=elapsed_s)

    def _resumed(self, checkpoints: Checkpoints | None) -> Position:
        """Where an earlier training stood, or the beginning; the same in all processes, with the leader's weights."""
        kept = checkpoints.read() if checkpoints else None
        fits = checkpoints.fits if checkpoints else ""
        position, tensors = kept or (Position(fits=fits, epochs=0, steps=0, loss=0.0, elapsed_s=0.0), {})
        position = Position.model_validate_json(self.circle.told(position.model_dump_json()))
        if not self.circle.is_alone:
            tensors = self.circle.given(tensors or self.state.tensors())
        if tensors:
            self.state.load(tensors)
            self.losses.load(self.state.losses)
        return position

    def _step(self, share: Share, epoch: int, step: int) -> tuple[Tensor, bool]:
        """The mean loss over the whole batch, and whether any process was told to end."""
        if self.course.before_step is not None:
            self.course.before_step(epoch, step)
        rate = learning_rate(step, self.steps, self.options)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group.get("lr_scale", 1.0)
        with torch.autocast("cuda", dtype=torch.bfloat16) if self.options.amp else nullcontext():
            loss = self._loss(self.task.forward(self.net, share.batch), share.batch)
        self.optimizer.zero_grad(set_to_none=True)
        loss, is_halted = self._backward(loss, share)
        if self.options.clip is not None:
            nn.utils.clip_grad_norm_(self.parameters, self.options.clip)
        self.optimizer.step()
        if self.average is not None:
            self.average.update()
        return loss, is_halted

    def _backward(self, loss: Tensor, share: Share) -> tuple[Tensor, bool]:
        """Leaves in every process the gradient of the mean over all items; the word to end travels with it."""
        if self.circle.is_alone:
            torch.autograd.backward(loss)
            return loss, self.halt.is_asked
        loss = loss * share.weight
        torch.autograd.backward(loss)
        both = torch.stack([loss.detach(), torch.full_like(loss, float(self.halt.is_asked))])
        self.circle.sum([both, *(p.grad for p in self.parameters if p.grad is not None)])
        return both[0], bool(both[1])

    def _loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        if self.course.loss is not None:
            loss = self.course.loss(outputs, batch)
        else:
            loss = self.task.loss(outputs, batch, self.options.label_smoothing)
        return with_auxiliary_losses(self.net, loss)


def _mixing(options: TrainOptions, course: Course, device: str) -> Mixing | None:
    if not options.mixes and not options.erase:
        return None
    return Mixing(options, _outputs(course), device)


def _label_noise(options: TrainOptions, course: Course, part: Part, seed: int) -> LabelNoise | None:
    return LabelNoise.drawn(len(part), _outputs(course), options.label_noise, seed) if options.label_noise else None


def _outputs(course: Course) -> int:
    if course.outputs is None:
        raise ValueError("a training that mixes or redraws targets has to be told the number of outputs")
    return course.outputs


def _checkpoints(course: Course, net: nn.Module, part: Part, options: TrainOptions, seed: int) -> Checkpoints | None:
    if course.checkpoints is None:
        return None
    data = [part.info.sha256, part.info.transform]
    asked = [type(options).__name__, options.model_dump(mode="json"), seed, *data, content_of(net)]
    every = {} if course.checkpoint_s is None else {"every_s": course.checkpoint_s}
    return Checkpoints(course.checkpoints, digest(asked, 32), **every)


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
