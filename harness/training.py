"""The one training loop: AdamW, linear warm-up, cosine decay; the same seed gives the same weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import islice
from time import monotonic
from typing import TypeAlias

import torch
from torch import Tensor, nn

from harness.datasets.base import Part
from harness.errors import DataError, Problem, SpecError
from harness.recipes import Initialisation, TrainOptions
from harness.schema import digest
from harness.tasks.base import Batch, Task

Progress: TypeAlias = Callable[[str], None]
CHECK_EVERY = 100  # steps between looks at the loss: each look waits for the device
REMEDY = "a lower lr, a longer warmup or a smaller clip may help"


def learning_rate(step: int, steps: int, options: TrainOptions) -> float:
    """Rate of step 0 <= `step` < `steps`: a line up to `lr`, then half a cosine down to `min_lr`.

    With w = floor(warmup * steps), step k < w has lr (k + 1) / (w + 1); step w is the first at full `lr`.
    The cosine would reach `min_lr` at step `steps`, one past the last, so that every step still moves.
    """
    rising = int(options.warmup * steps)
    if step < rising:
        return options.lr * (step + 1) / (rising + 1)
    share = (step - rising) / (steps - rising)
    return options.min_lr + (options.lr - options.min_lr) * (1 + math.cos(math.pi * share)) / 2


def weight_decay_groups(net: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Parameters in two groups: those that decay; and biases, norms, vectors and what the network exempts itself."""
    exempt_names: Callable[[], Iterable[str]] = getattr(net, "no_weight_decay", tuple)
    exempt = set(exempt_names())
    trained = [(name, p) for name, p in net.named_parameters() if p.requires_grad]
    is_kept = [p.ndim <= 1 or name.endswith("bias") or name in exempt for name, p in trained]
    return [
        {
            "params": [p for (_, p), keep in zip(trained, is_kept, strict=True) if not keep],
            "weight_decay": weight_decay,
        },
        {"params": [p for (_, p), keep in zip(trained, is_kept, strict=True) if keep], "weight_decay": 0.0},
    ]


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
    chance = torch.Generator().manual_seed(_derived(seed, "pos_embed"))
    drawn = nn.init.trunc_normal_(torch.empty(embedding.shape), std=init.pos_embed_std, a=-2.0, b=2.0, generator=chance)
    with torch.no_grad():
        embedding.copy_(drawn)


def train(  # noqa: PLR0913, PLR0917  # what is trained, on what, how, where, from which chance, and who is told
    net: nn.Module, task: Task, part: Part, options: TrainOptions, device: str, seed: int, progress: Progress
) -> dict[str, float]:
    """Trains in place and leaves the network in eval mode; returns the mean loss of the last epoch, and the steps.

    The items' order, dropout and drop path follow `seed` alone; the caller's random state is left as it was.
    Raises FloatingPointError when the loss or the weights stop being finite.
    """
    if len(part) == 0:
        raise DataError("the training part has no items")
    steps = options.steps or (options.epochs or 0) * math.ceil(len(part) / options.batch)
    net.train()
    try:
        with _threads(options.threads), _own_randomness(device):
            loss = _Training(net, task, options, steps).run(_Shuffled(part, options.batch, device, seed), progress)
    finally:
        net.zero_grad(set_to_none=True)
        net.eval()
    if not all(bool(torch.isfinite(p).all()) for p in net.parameters()):
        raise FloatingPointError(f"training: the weights are not finite after step {steps}; {REMEDY}")
    return {"loss": loss, "steps": float(steps)}


@dataclass(frozen=True)
class _Shuffled:
    """The items of every epoch in an order of its own; dropout of an epoch follows the same seed."""

    part: Part
    size: int
    device: str
    seed: int

    def __len__(self) -> int:
        return math.ceil(len(self.part) / self.size)

    def epoch(self, number: int) -> Iterator[Batch]:
        own = _derived(self.seed, number)
        torch.manual_seed(own)
        return (batch.to(self.device) for batch in self.part.batches(self.size, shuffle=own))


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

    def __init__(self, net: nn.Module, task: Task, options: TrainOptions, steps: int) -> None:
        self.net, self.task, self.options, self.steps = net, task, options, steps
        groups = weight_decay_groups(net, options.weight_decay)
        self.optimizer = torch.optim.AdamW(groups, lr=options.lr, fused=True)
        self.parameters = [p for p in net.parameters() if p.requires_grad]

    def run(self, shuffled: _Shuffled, progress: Progress) -> float:
        """Every step; the mean loss of the last epoch."""
        losses, step, told = _Losses(self.steps), 0, -math.inf
        epochs = math.ceil(self.steps / len(shuffled))
        for number in range(1, epochs + 1):
            for batch in islice(shuffled.epoch(number), self.steps - step):
                losses.add(self._step(batch, step), len(batch), step)
                step += 1
            loss = losses.mean(step - 1)
            if number == epochs or monotonic() - told >= 1:
                progress(f"epoch {number}/{epochs}, loss {loss:.3g}")
                told = monotonic()
        return loss

    def _step(self, batch: Batch, step: int) -> Tensor:
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(step, self.steps, self.options)
        loss = self.task.loss(self.task.forward(self.net, batch), batch, self.options.label_smoothing)
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        if self.options.clip is not None:
            nn.utils.clip_grad_norm_(self.parameters, self.options.clip)
        self.optimizer.step()
        return loss


def _derived(seed: int, purpose: int | str) -> int:
    return int(digest([seed, purpose], length=8), 16)


@contextmanager
def _threads(threads: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _own_randomness(device: str) -> AbstractContextManager[None]:
    place = torch.device(device)
    return torch.random.fork_rng(devices=[] if place.type == "cpu" else [place])
