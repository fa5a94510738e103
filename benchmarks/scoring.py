"""What it costs to score all sublayers of a decoder by similarity: one pass with its scores against a bare pass.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/scoring.py [--blocks 6 30] [--pairs 9] [--items 2] [--length 128]

SmolLM2-135M's shape (width 576, 9 heads that share 3 keys and values) with random weights, target `joint`. CPU time of
one thread; the two passes are taken in turn over the same items, every second pair the other way round. `growth_bytes`
is how much more memory a scoring of eight times the items takes at its peak. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import nn

from harness.criteria.base import Scoring
from harness.criteria.similarity import Similarity
from harness.families.base import units
from harness.families.catalogue import family_of
from harness.host_memory import HostProbe
from harness.models import create
from harness.schema import Options
from harness.tasks.base import Batch
from harness.tasks.language_modelling import LanguageModelling

VOCABULARY = 49_152
SHAPE: Options = {
    "vocab_size": VOCABULARY, "hidden_size": 576, "intermediate_size": 1536, "num_attention_heads": 9,
    "num_key_value_heads": 3, "max_position_embeddings": 8192, "tie_word_embeddings": True,
}  # fmt: skip
TASK = LanguageModelling()
LONGER = 8


def scoring_of(net: nn.Module, batches: Sequence[Batch]) -> Scoring:
    """All attentions and MLPs of a decoder."""
    found = units(family_of(net).sublayers(net), "joint")
    return Scoring(net, TASK, found, tuple(batches), lambda _: nullcontext(), "skip", 0)


def texts(batches: int, items: int, length: int) -> list[Batch]:
    """Batches of seeded token ids, (items, length) each."""
    generator = torch.Generator().manual_seed(0)
    return [TASK.given(torch.randint(VOCABULARY, (items, length), generator=generator), None) for _ in range(batches)]


def cpu_s(work: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    started = time.process_time()
    work()
    return time.process_time() - started


def ratios(net: nn.Module, batch: Batch, pairs: int) -> list[float]:
    """Scoring over a bare pass, pair by pair; the first pair warms up."""
    scoring = scoring_of(net, [batch])

    def bare() -> None:
        with torch.inference_mode():
            TASK.forward(net, batch)

    def scored() -> None:
        Similarity().scores(scoring)

    found = []
    for pair in range(pairs + 1):
        order = (bare, scored) if pair % 2 else (scored, bare)
        taken = {work: cpu_s(work) for work in order}
        found.append(taken[scored] / taken[bare])
    return found[1:]


def growth_bytes(net: nn.Module, items: int, length: int) -> int:
    """How much higher the peak of a scoring of many batches is than that of one."""
    peaks = []
    for batches in (1, LONGER):
        scoring, probe = scoring_of(net, texts(batches, items, length)), HostProbe()
        probe.start()
        Similarity().scores(scoring)
        found = probe.stop()
        peaks.append(found.peak_bytes - found.resting_bytes)
    return peaks[1] - peaks[0]


def main() -> None:
    """Reads the options, prints the figures."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--blocks", type=int, nargs="+", default=[6, 30])
    options.add_argument("--pairs", type=int, default=9)
    options.add_argument("--items", type=int, default=2)
    options.add_argument("--length", type=int, default=128)
    asked = options.parse_args()
    torch.set_num_threads(1)
    found: dict[str, Any] = {"threads": 1, "tokens": asked.items * asked.length}
    for blocks in asked.blocks:
        net = create("hf-config:llama", {**SHAPE, "num_hidden_layers": blocks}, {})
        each = ratios(net, texts(1, asked.items, asked.length)[0], asked.pairs)
        found[f"blocks_{blocks}"] = {
            "ratio": round(statistics.median(each), 3),
            "from": round(min(each), 3),
            "to": round(max(each), 3),
            "growth_bytes": growth_bytes(net, asked.items, asked.length),
        }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
