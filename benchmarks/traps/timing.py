"""Traps of times: which statistic, in which process, in which order, and after what."""

from __future__ import annotations

from functools import partial
from statistics import mean, median

import torch
from torch import nn

from benchmarks.traps.processes import fresh, variables
from benchmarks.traps.spreads import rounded, spread
from benchmarks.traps.steps import AT_ONCE, BATCH, BLOCKS, FEWER_BLOCKS, Step, in_turn, seconds, step_of, subject
from harness import numerics
from harness.counting import count_macs
from harness.models import create
from harness.runtimes import Runtime
from harness.schema import Json, Options

STEPS = 8
FLUSHED_FLOATS = 64 * 2**20  # 256 MiB, more than the caches of any CPU here


def medians(blocks: int) -> list[list[float]]:
    """Seconds of every step of the same code, in blocks of equal length, after two that are not counted."""
    pair = subject()
    step = step_of(pair, pair.baseline)
    seconds(step, 2)
    return [seconds(step, STEPS) for _ in range(blocks)]


def same_code() -> Json:
    """Medians of the same steps in four fresh processes, and of six blocks within one; mean against median."""
    processes = [median(fresh(medians, 1)[0]) for _ in range(4)]
    blocks = fresh(medians, 6)
    inside = [median(block) for block in blocks]
    together = [one for block in blocks for one in block]
    return {
        "medians_of_processes_s": [*map(rounded, processes)],
        "slowest_over_fastest_process": rounded(max(processes) / min(processes)),
        "medians_of_blocks_s": [*map(rounded, inside)],
        "slowest_over_fastest_block": rounded(max(inside) / min(inside)),
        "mean_s": rounded(mean(together)),
        "median_s": rounded(median(together)),
        "mean_of_rates_per_s": rounded(mean(BATCH / one for one in together)),
        "total_by_total_per_s": rounded(BATCH * len(together) / sum(together)),
    }


def ratios() -> Json:
    """9 of 12 blocks against 12, eight estimates in each of three ways from the same number of steps."""
    pair = subject()
    steps = [step_of(pair, net) for net in (pair.baseline, pair.candidate)]
    found: dict[str, list[float]] = {"blocks_by_medians": [], "blocks_by_minima": [], "in_turn": []}
    for _ in range(8):
        whole, fewer = (seconds(step, STEPS) for step in steps)
        found["blocks_by_medians"].append(median(fewer) / median(whole))
        found["blocks_by_minima"].append(min(fewer) / min(whole))
        found["in_turn"].append(median(in_turn(pair).ratios))
    inputs = pair.example(1).inputs
    promised = count_macs(pair.candidate, inputs).total / count_macs(pair.baseline, inputs).total
    told: dict[str, Json] = {name: spread(values) for name, values in found.items()}
    return {"blocks": [FEWER_BLOCKS, BLOCKS], "ratio_of_macs": rounded(promised), **told}


def first_call() -> Json:
    """The first step of a network in a fresh process over its steady one, three times."""
    return {"first_over_steady": spread([fresh(_first_over_steady) for _ in range(3)])}


def _first_over_steady() -> float:
    pairs = in_turn(subject())
    return pairs.cold_first_s[0] / median(pairs.baseline_seconds)


def compiled() -> Json:
    """The first step of a compiled network, of one without a block, and at another batch, over a steady one."""
    fault = numerics.fault(Runtime(compile="default"), "cpu")
    if fault:
        return {"first_over_steady": None, "reason": fault}
    with variables({"TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1"}):
        return fresh(_compiled)


def _compiled() -> Json:
    runtime = Runtime(compile="default")
    found: dict[str, Json] = {}
    with numerics.in_force(runtime, "cpu"), torch.inference_mode():
        compiler = numerics.Compiler(runtime)
        nets = {depth: _small(depth) for depth in (2, 1)}
        for name, depth, batch in (("whole", 2, 8), ("pruned", 1, 8), ("another_batch", 2, 16)):
            step = partial(compiler(nets[depth]), torch.zeros(batch, 1, 8, 8))
            first, *steady = seconds(step, 40)
            found[name] = {
                "first_s": rounded(first),
                "steady_s": rounded(median(steady)),
                "first_over_steady": rounded(first / median(steady)),
            }
    return {**found, "graphs": numerics.compilation()["graphs"]}


def _small(depth: int) -> nn.Module:
    options: Options = {"img_size": 8, "patch_size": 2, "embed_dim": 64, "num_heads": 4, "depth": depth}
    return create("deit_tiny_patch16_224", options, {"num_classes": 10, "in_chans": 1})


def caches() -> Json:
    """Time after the caches were overwritten over time right after the last call, for one product and for a network."""
    pair = subject()
    product, narrow = nn.Linear(768, 768).eval(), torch.zeros(4, 768)
    rubbish = torch.zeros(FLUSHED_FLOATS)
    steps: dict[str, Step] = {"one_product": partial(product, narrow), "network": step_of(pair, pair.baseline, 1)}
    found: dict[str, Json] = {}
    with torch.inference_mode():
        for name, step in steps.items():
            seconds(step, 3)
            flushed, warm = [], []
            for _ in range(15):
                rubbish.add_(1)
                flushed += seconds(step, 1)
                seconds(step, 1)
                warm += seconds(step, 1)
            found[name] = spread([cold / hot for cold, hot in zip(flushed, warm, strict=True)])
    return found


def latency_of_batches() -> Json:
    """Milliseconds per image at batch 1 over those at a larger batch: two questions, not one."""
    pair = subject()
    single, many = step_of(pair, pair.baseline, 1), step_of(pair, pair.baseline, 16)
    seconds(single, 2)
    seconds(many, 1)
    found = [seconds(single, 1)[0] / (seconds(many, 1)[0] / 16) for _ in range(8)]
    at = {batch: median(in_turn(pair, AT_ONCE, batch).ratios) for batch in (1, 16)}
    return {
        "per_image_at_1_over_16": spread(found),
        "nine_of_twelve_blocks_at": {str(batch): rounded(ratio) for batch, ratio in at.items()},
    }


TRAPS = {
    "same_code": same_code,
    "ratios": ratios,
    "first_call": first_call,
    "compiled": compiled,
    "caches": caches,
    "latency_of_batches": latency_of_batches,
}
