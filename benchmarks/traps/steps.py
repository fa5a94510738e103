"""The networks that are timed, side by side as a study has them, and plain times of their steps."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import nn

from harness.collectors.base import Subject
from harness.collectors.pairs import PairOptions, Pairs, Setting, measure
from harness.device import IdleClock, seed_everything
from harness.models import create
from harness.tasks.classification import Classification

ARCHITECTURE = "deit_tiny_patch16_224"
BLOCKS, FEWER_BLOCKS = 12, 9
BATCH = 4
AT_ONCE = PairOptions(warmup=1, warmup_s=0, warmup_limit_s=0.001, rounds=1, pairs=8, round_s=0, min_sample_s=0)

Step = Callable[[], object]


def subject(blocks: int = FEWER_BLOCKS) -> Subject:
    """deit_tiny with so many of its 12 blocks beside the whole one, on the CPU, weights as they are built."""
    seed_everything(0)
    task = Classification()
    whole, fewer = (create(ARCHITECTURE, {"depth": depth}, {}) for depth in (BLOCKS, blocks))
    config = task.input_config(whole)
    return Subject(
        candidate=fewer,
        baseline=whole,
        task=task,
        example=lambda items: task.example(config, items, "cpu"),
        device="cpu",
    )


def step_of(pair: Subject, net: nn.Module, batch: int = BATCH) -> Step:
    """One forward pass as a study times it."""
    step = pair.step(net, pair.example(batch))

    def run() -> object:
        with torch.inference_mode():
            return step()

    return run


def seconds(step: Step, count: int) -> list[float]:
    """Wall-clock seconds of each of so many steps."""
    found = []
    for _ in range(count):
        started = time.perf_counter()
        step()
        found.append(time.perf_counter() - started)
    return found


def in_turn(pair: Subject, options: PairOptions = AT_ONCE, batch: int = BATCH) -> Pairs:
    """Samples of both networks in turn, by the code that a study runs."""
    setting = Setting(batch)
    found = measure(pair, [setting], IdleClock(pair.device), options)[setting]
    if isinstance(found, str):
        raise SystemExit(found)
    return found
