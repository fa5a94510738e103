"""Does it pay to skip the columns of hidden units that do not fire? The second layer of an MLP, and the whole of it.

    OMP_WAIT_POLICY=passive .venv/bin/python benchmarks/sparse_mlp_kernel.py [--pairs 15] [--cases ..] [--tokens ..]

Prints one JSON object: for tokens of a pass and shares of active units, how many times faster `skip_zeros` is than the
dense layer (above 1 it pays): quartiles over pairs in turn, CPU time, one thread, float32, d_model 768, d_ff 3072.
`second` is the second layer alone on units that fire by chance; `mlp` is linear, Top-k, linear against linear, ReLU,
linear on random inputs, so with what choosing the k units takes; `decoder` is four such blocks of an OPT with a small
vocabulary, each token being the first of a text of its own.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
from collections.abc import Callable
from time import process_time

import torch
from torch import Tensor, nn

from harness.models import create
from harness.schema import Options
from harness.top_k import TopK
from harness.transforms.skip_zeros import SkipZeros
from harness.transforms.topk import TopKUnits
from harness.zero_skipping import ZeroSkipping

WIDTH, UNITS = 768, 3072
ACTIVE = (32, 64, 194, 384, 768, 1536)  # units: 1.0, 2.1, 6.3 (ViT-B/16 by nature), 12.5, 25 and 50 %
AT_LEAST_S = 0.01  # of one measurement: short runs are repeated within it


def second(tokens: int, active: int) -> tuple[nn.Module, nn.Module, Tensor]:
    """Skipping and dense second layer, and hidden units of which so many fire on average."""
    dense = nn.Linear(UNITS, WIDTH)
    fires = torch.rand(tokens, UNITS) < active / UNITS
    return ZeroSkipping(dense, tokens), dense, torch.randn(tokens, UNITS).abs() * fires


def mlp(tokens: int, active: int) -> tuple[nn.Module, nn.Module, Tensor]:
    """Top-k and skipping against plain ReLU."""
    dense = nn.Sequential(nn.Linear(WIDTH, UNITS), nn.ReLU(), nn.Linear(UNITS, WIDTH))
    sparse = nn.Sequential(copy.deepcopy(dense[0]), TopK(active), ZeroSkipping(copy.deepcopy(dense[2]), tokens))  # type: ignore[arg-type]  # a Linear
    return sparse, dense, torch.randn(tokens, WIDTH)


def decoder(tokens: int, active: int) -> tuple[nn.Module, nn.Module, Tensor]:
    """Top-k and skipping in every block against plain ReLU."""
    heads: Options = {"num_hidden_layers": 4, "num_attention_heads": 12, "vocab_size": 512}
    shape: Options = {"hidden_size": WIDTH, "word_embed_proj_dim": WIDTH, "ffn_dim": UNITS, **heads}
    dense = create("hf-config:opt", shape, {}, seed=0).eval()
    sparse = SkipZeros(tokens=tokens).apply(TopKUnits(k=active).apply(copy.deepcopy(dense)))
    return sparse, dense, torch.randint(512, (tokens, 1))


def speed_up(sparse: nn.Module, dense: nn.Module, x: Tensor, pairs: int) -> dict[str, float]:
    """Quartiles of the dense time over the sparse one; the first pair is not looked at."""
    runs = max(1, round(AT_LEAST_S / max(_seconds(sparse, x, 1), 1e-6)))
    found = [_seconds(dense, x, runs) / _seconds(sparse, x, runs) for _ in range(pairs + 1)]
    low, middle, high = statistics.quantiles(found[1:], n=4)
    return {"median": round(middle, 2), "low": round(low, 2), "high": round(high, 2)}


def _seconds(net: nn.Module, x: Tensor, runs: int) -> float:
    begun = process_time()
    for _ in range(runs):
        net(x)
    return (process_time() - begun) / runs


Case = Callable[[int, int], tuple[nn.Module, nn.Module, Tensor]]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--cases", nargs="+", default=["second", "mlp", "decoder"])
    parser.add_argument("--tokens", type=int, nargs="+", default=[1, 4, 16, 32, 197])
    asked = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    cases: tuple[Case, ...] = (second, mlp, decoder)
    with torch.inference_mode():
        found = {
            f"{case.__name__}, {tokens} tokens": {
                f"{active / UNITS:.1%}": speed_up(*case(tokens, active), asked.pairs) for active in ACTIVE
            }
            for case in cases
            if case.__name__ in asked.cases
            for tokens in asked.tokens
        }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
