"""Is what `harness.architectures` computes as fast as the einsum that its tests compare it with? In turn, side by side.

    OMP_WAIT_POLICY=passive .venv/bin/python -m benchmarks.architectures [--pairs 15] [--only NAME]

Prints a JSON object for each module: median and quartiles over pairs of its processor time divided by that of the
einsum, forward on the CPU with one thread, at the size of a stage of the published networks; RepMLP deployed against
trained; and mixtures of experts against computing all experts, beside the share of the MACs that is routed.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
from collections.abc import Iterator
from time import process_time

import torch
from torch import Tensor
from torch.nn.functional import gelu

from benchmarks.einsum_blocks import Case, Run, experts, networks
from harness.architectures.repmlp import ChannelPerceptron, RepMLP
from harness.architectures.smlpnet import SparseMLP


def smlp() -> Case:
    """The sMLP module of T's first stage, and algorithm 1 by einsum."""
    module = SparseMLP(80, (56, 56)).eval()

    def reference(x: Tensor) -> Tensor:
        x = gelu(module.norm(x))
        rows = torch.einsum("vw,nchw->nchv", module.row.weight, x) + module.row.bias
        columns = torch.einsum("uh,nchw->ncuw", module.column.weight, x) + module.column.bias[:, None]
        return torch.einsum("oc,nchw->nohw", module.fusion.weight[:, :, 0, 0], torch.cat([x, rows, columns], 1))

    return module, reference, torch.randn(8, 80, 56, 56)


def channel_perceptron() -> Case:
    """FC3 of T224's third stage, deployed, and one product for each channel's share-set by einsum."""
    module = ChannelPerceptron(16, (14, 14), deploy=True).eval()

    bias = module.bias if module.bias is not None else torch.zeros(())

    def reference(x: Tensor) -> Tensor:
        vectors = x.reshape(len(x), -1, 16, 196)
        return (torch.einsum("sij,ncsj->ncsi", module.weight, vectors) + bias).reshape(x.shape)

    return module, reference, torch.randn(8, 256, 14, 14)


def deployed() -> Case:
    """RepMLP of T224's third stage, deployed, and as it is trained."""
    trained = RepMLP(256, (14, 14), 16).eval()
    module = copy.deepcopy(trained)
    module.reparameterize()
    return module, trained, torch.randn(8, 256, 14, 14)


def ratios(module: Run, reference: Run, x: Tensor, pairs: int) -> list[float]:
    """Processor time of one divided by that of the other, ascending; the first pair is not looked at."""
    torch.testing.assert_close(module(x), reference(x), rtol=1e-3, atol=1e-4)
    return sorted([_seconds(module, x) / _seconds(reference, x) for _ in range(pairs + 1)][1:])


def spread(found: list[float]) -> dict[str, float]:
    """Median and quartiles."""
    low, median, high = statistics.quantiles(found, n=4)
    return {"median": round(median, 3), "low": round(low, 3), "high": round(high, 3)}


def _seconds(run: Run, x: Tensor) -> float:
    begun = process_time()
    run(x)
    return process_time() - begun


def cases() -> Iterator[tuple[str, float | None, Case]]:
    """All of them; of experts the share of their MACs that is routed."""
    for case in (smlp, channel_perceptron, deployed):
        yield case.__name__, None, case()
    for name, found in networks():
        yield name, None, found
    yield from experts()


def main() -> None:
    """Measures and prints, a line as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--only", default="", help="a part of the names of what is measured")
    asked = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    with torch.no_grad():
        for name, share, case in cases():
            if asked.only in name:
                macs = {} if share is None else {"macs": share}
                print(json.dumps({"case": name, **spread(ratios(*case, asked.pairs)), **macs}), flush=True)


if __name__ == "__main__":
    main()
