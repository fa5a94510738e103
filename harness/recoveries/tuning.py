"""One training, or one for each learning rate that is tried: the best on validation is kept."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from harness.recipes import RecoveryOptions
from harness.recoveries.base import Recovering

if TYPE_CHECKING:
    from torch import Tensor, nn

    from harness.datasets.base import Part
    from harness.tasks.base import Task
    from harness.training.loop import Course

O = TypeVar("O", bound=RecoveryOptions)  # noqa: E741  # options
Attempt = Callable[[O, Recovering, bool], dict[str, float]]


def recovered(options: O, recovering: Recovering, attempt: Attempt[O]) -> dict[str, float]:
    """Runs `attempt(options, recovering, keeps_end)`, which trains `recovering.net` in place, as often as asked.

    Each learning rate begins at the same weights with the same seed. The lowest mean validation loss wins, the first
    of equals; a training that stops being finite cannot win, and is an error only where all of them stop so. Figures:
    those of the winner, its `lr`, how many were tried, seconds of all, and each one's loss and seconds.
    """
    if options.tune is None:
        return attempt(options, recovering, False)
    figures: dict[str, float] = {}
    best: tuple[float, dict[str, Tensor], dict[str, float]] | None = None
    failure: FloatingPointError | None = None
    for number, rate in enumerate(options.tune.lr):
        arm = options.model_copy(update={"lr": rate, "tune": None})
        trial = _trial(recovering, number, len(options.tune.lr))
        try:
            found = attempt(arm, trial, True)
        except FloatingPointError as error:
            failure = error
            figures[f"diverged[lr={rate:g}]"] = 1.0
            continue
        part = recovering.data.parts[options.tune.select_on]
        loss = mean_loss(trial.net, recovering.task, part, options, recovering.device)
        figures |= {f"elapsed_s[lr={rate:g}]": found["elapsed_s"]}
        if not math.isfinite(loss):
            failure = FloatingPointError(f"training: the validation loss is {loss} after a rate of {rate:g}")
            figures[f"diverged[lr={rate:g}]"] = 1.0
            continue
        figures[f"validation_loss[lr={rate:g}]"] = loss
        if best is None or loss < best[0]:
            best = loss, trial.net.state_dict(), found | {"lr": rate}
    if best is None:
        raise failure or ValueError("nothing was tried")
    recovering.net.load_state_dict(best[1])
    elapsed_s = sum(value for name, value in figures.items() if name.startswith("elapsed_s"))
    return best[2] | {"elapsed_s": elapsed_s, "tried": float(len(options.tune.lr))} | figures


def mean_loss(net: nn.Module, task: Task, part: Part, options: RecoveryOptions, device: str) -> float:
    """Mean loss over a part in eval mode, without label smoothing or augmentation."""
    import torch

    from harness.training.loop import cpu_threads

    total, scored = 0.0, 0
    with torch.no_grad(), cpu_threads(options.threads):
        for batch in part.batches(options.batch):
            on_device = batch.to(device)
            predictions = task.scored(batch)
            total += float(task.loss(task.forward(net, on_device), on_device)) * predictions
            scored += predictions
    return total / scored


def course_of(recovering: Recovering, keeps_end: bool) -> Course:
    """The plain course of a recovery's training."""
    from harness.training.loop import Course

    outputs = recovering.data.description.outputs
    return Course(
        outputs=outputs,
        checkpoints=recovering.checkpoints,
        checkpoint_s=recovering.checkpoint_s,
        keeps_end=keeps_end,
        meet=recovering.meet,
    )


def _trial(recovering: Recovering, number: int, of: int) -> Recovering:
    home = recovering.checkpoints
    return replace(
        recovering,
        net=copy.deepcopy(recovering.net),
        checkpoints=None if home is None else home / f"rate-{number}",
        progress=lambda note: recovering.progress(f"rate {number + 1}/{of}, {note}"),
    )
