"""Traps of accuracy: what changes outputs and top-1 of one network on the same items, and what a share hides."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from math import sqrt
from statistics import mean

import torch
from torch import Tensor, nn

from benchmarks.traps.spreads import rounded
from harness import numerics
from harness.collectors.accuracy import Accuracy, label_ranks
from harness.datasets.base import Part
from harness.datasets.digits import Digits
from harness.device import set_threads
from harness.models import create
from harness.recipes import Initialisation, TrainOptions
from harness.runtimes import Runtime
from harness.schema import Json
from harness.stats import detectable, wilson
from harness.tasks.base import Batch
from harness.tasks.classification import Classification
from harness.training.loop import initialise, train

OPTIONS = {"img_size": 8, "patch_size": 2, "embed_dim": 64, "num_heads": 4, "depth": 8}
TASK = Classification()
MICRO_BATCH = 50
IMAGENET = 50_000


@lru_cache
def trained(epochs: int = 12) -> tuple[nn.Module, Part]:
    """A ViT of 8 blocks of width 64 on the digits, and their test part (497 items)."""
    data = Digits()
    net = create("deit_tiny_patch16_224", {**OPTIONS}, TASK.model_options(data.describe({})))
    parts = data.load({}, TASK.input_config(net)).parts
    initialise(net, Initialisation(pos_embed_std=0.5), seed=0)
    train(net, TASK, parts["train"], TrainOptions(epochs=epochs, lr=2e-3), "cpu", 0, lambda _: None)
    return net, parts["test"]


def outputs(net: nn.Module, part: Part, size: int = MICRO_BATCH, runtime: Runtime | None = None) -> Tensor:
    """Outputs (items, classes) in fp32, in micro-batches, as a study computes them."""
    runtime = runtime or Runtime()
    with torch.inference_mode(), numerics.in_force(runtime, "cpu"):
        shown = numerics.cast(net, runtime)
        return torch.cat([TASK.forward(shown, numerics.cast_batch(b, runtime)).float() for b in part.batches(size)])


def _compared(found: Tensor, reference: Tensor, targets: Tensor) -> dict[str, Json]:
    mine, theirs = found.argmax(dim=1), reference.argmax(dim=1)
    return {
        "bit_equal": bool(torch.equal(found, reference)),
        "largest_difference": rounded(float((found - reference).abs().max())),
        "top1_that_changed": int((mine != theirs).sum()),
        "right": int((mine == targets).sum()),
    }


def _targets(part: Part) -> Tensor:
    return torch.cat([batch.targets for batch in part.batches(MICRO_BATCH)])


def batches() -> Json:
    """The same items in other micro-batches and on another number of threads, against batches of 50; and once more."""
    net, part = trained()
    reference, targets = outputs(net, part), _targets(part)
    found: dict[str, Json] = {"once_more": _compared(outputs(net, part), reference, targets)}
    for size in (1, 7, 64, len(part)):
        found[f"batch_{size}"] = _compared(outputs(net, part, size), reference, targets)
    before = torch.get_num_threads()
    set_threads(1)
    found[f"one_thread_instead_of_{before}"] = _compared(outputs(net, part), reference, targets)
    set_threads(before)
    return {"items": len(part), **found}


def arithmetic() -> Json:
    """Other arithmetics of the same weights against fp32, well trained and stopped early; also fp32 that is none."""
    return {"trained": _arithmetics(*trained()), "stopped_early": _arithmetics(*trained(2))}


def _arithmetics(net: nn.Module, part: Part) -> Json:
    reference, targets = outputs(net, part), _targets(part)
    found: dict[str, Json] = {"fp32": _compared(reference, reference, targets)}
    cases = {
        "math_attention": Runtime(attention="math"),
        "bf16_weights": Runtime(dtype="bf16"),
        "bf16_autocast": Runtime(dtype="bf16", autocast=True),
        "fp16_weights": Runtime(dtype="fp16"),
    }
    for name, runtime in cases.items():
        found[name] = _compared(outputs(net, part, runtime=runtime), reference, targets)
    with _lowered("medium"):
        found["fp32_by_label_with_matmul_precision_medium"] = _compared(outputs(net, part), reference, targets)
    return {"items": len(part), **found}


@contextmanager
def _lowered(precision: str) -> Iterator[None]:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def shares() -> Json:
    """Top-1 by items, and as the mean of the batches' shares with the short last batch as heavy as the others."""
    net, part = trained()
    right = outputs(net, part).argmax(dim=1) == _targets(part)
    size = 160  # the last of four batches has 17 items
    by_batch = [float(chunk.float().mean()) for chunk in torch.split(right, size)]
    interval = wilson(int(right.sum()), len(part))
    return {
        "by_items": rounded(float(right.float().mean())),
        "mean_of_batches": rounded(mean(by_batch)),
        "dropping_the_last": rounded(mean(by_batch[:-1])),
        "wilson": [rounded(interval.low), rounded(interval.high)],
        "items": len(part),
    }


def broken() -> Json:
    """A network whose outputs are NaN: the accuracy that argmax gives, and what a study says."""
    net, part = trained()
    poisoned = create("deit_tiny_patch16_224", {**OPTIONS}, {"num_classes": 10, "in_chans": 1})
    poisoned.load_state_dict(net.state_dict())
    with torch.no_grad():
        next(poisoned.parameters()).fill_(float("nan"))
    found, targets = outputs(poisoned, part), _targets(part)
    try:
        told = str(_top1(found, targets))
    except ArithmeticError as error:
        told = f"ArithmeticError: {error}"
    return {"argmax": rounded(float((found.argmax(dim=1) == targets).float().mean())), "study": told}


def _top1(found: Tensor, targets: Tensor) -> float | None:
    tally = Accuracy().tally("test", TASK, "")
    tally.update(found, Batch(found, targets))
    return tally.finish()[0][0].value


def ties() -> Json:
    """Items that have two equal outputs, in fp32 and bf16; the first five of equal outputs by torch and by our rule."""
    net, part = trained()
    found: dict[str, Json] = {}
    for name, runtime in {"fp32": Runtime(), "bf16": Runtime(dtype="bf16")}.items():
        ordered = outputs(net, part, runtime=runtime).sort(dim=1).values
        found[name] = int((ordered.diff(dim=1) == 0).any(dim=1).sum())
    equal = torch.zeros(1, 1000)
    return {
        "items_tied": found,
        "items": len(part),
        "first_of_1000_equal_outputs_by_topk": equal.topk(5).indices[0].tolist(),
        "ranks_of_classes_0_to_4_by_our_rule": label_ranks(equal.expand(5, -1), torch.arange(5)).tolist(),
    }


def standardised() -> Json:
    """Top-1 of the same network where items are standardised with other numbers than those it learned with."""
    net, part = trained()
    other = Digits(normalize="model").load({}, TASK.input_config(net)).parts["test"]
    return {"own": _share(outputs(net, part), part), "published": _share(outputs(net, other), other)}


def _share(found: Tensor, part: Part) -> float:
    return rounded(float((found.argmax(dim=1) == _targets(part)).float().mean()))


def widths() -> Json:
    """Half of Wilson's interval at 82 % of 50,000 images; the difference that paired bits show where few disagree."""
    interval = wilson(round(0.82 * IMAGENET), IMAGENET)
    seen = {str(share): _seen(share) for share in (0.01, 0.02, 0.05)}
    return {"wilson_half": rounded((interval.high - interval.low) / 2), "detectable_where_so_many_disagree": {**seen}}


def _seen(share: float) -> float | None:
    found = detectable(sqrt(share), IMAGENET)  # verdicts that differ are +1 or -1, the others 0
    return None if found is None else rounded(found)


def few_items() -> Json:
    """How far a mean of log standard deviations moves from draw to draw, by the items that each deviation is of."""
    chance = torch.Generator().manual_seed(0)
    found: dict[str, Json] = {"features": 192, "draws": 500}
    for items in (2, 4, 8, 32):
        drawn = torch.randn(500, items, 192, generator=chance).std(dim=1).log().mean(dim=1)
        found[f"{items}_items"] = {"mean": rounded(float(drawn.mean())), "sd": rounded(float(drawn.std()))}
    return found


TRAPS = {
    "batches": batches,
    "arithmetic": arithmetic,
    "shares": shares,
    "broken": broken,
    "ties": ties,
    "standardised": standardised,
    "widths": widths,
    "few_items": few_items,
}
