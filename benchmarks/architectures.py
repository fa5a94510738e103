"""Is what `harness.architectures` computes as fast as the einsum that its tests compare it with? In turn, side by side.

    OMP_WAIT_POLICY=passive .venv/bin/python benchmarks/architectures.py [--pairs 15]

Prints one JSON object: for each module the median over pairs of its time divided by that of the einsum, forward on the
CPU with one thread, at the size of a stage of the published networks; and RepMLP deployed against trained.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
from collections.abc import Callable
from time import perf_counter

import torch
from torch import Tensor
from torch.nn.functional import gelu

from harness.architectures.repmlp import ChannelPerceptron, RepMLP
from harness.architectures.smlpnet import SparseMLP

Run = Callable[[Tensor], Tensor]


def smlp() -> tuple[Run, Run, Tensor]:
    """The sMLP module of T's first stage, and algorithm 1 by einsum."""
    module = SparseMLP(80, (56, 56)).eval()

    def reference(x: Tensor) -> Tensor:
        x = gelu(module.norm(x))
        rows = torch.einsum("vw,nchw->nchv", module.row.weight, x) + module.row.bias
        columns = torch.einsum("uh,nchw->ncuw", module.column.weight, x) + module.column.bias[:, None]
        return torch.einsum("oc,nchw->nohw", module.fusion.weight[:, :, 0, 0], torch.cat([x, rows, columns], 1))

    return module, reference, torch.randn(8, 80, 56, 56)


def channel_perceptron() -> tuple[Run, Run, Tensor]:
    """FC3 of T224's third stage, deployed, and one product for each channel's share-set by einsum."""
    module = ChannelPerceptron(16, (14, 14), deploy=True).eval()

    bias = module.bias if module.bias is not None else torch.zeros(())

    def reference(x: Tensor) -> Tensor:
        vectors = x.reshape(len(x), -1, 16, 196)
        return (torch.einsum("sij,ncsj->ncsi", module.weight, vectors) + bias).reshape(x.shape)

    return module, reference, torch.randn(8, 256, 14, 14)


def deployed() -> tuple[Run, Run, Tensor]:
    """RepMLP of T224's third stage, deployed, and as it is trained."""
    trained = RepMLP(256, (14, 14), 16).eval()
    module = copy.deepcopy(trained)
    module.reparameterize()
    return module, trained, torch.randn(8, 256, 14, 14)


def ratio(module: Run, reference: Run, x: Tensor, pairs: int) -> float:
    """Median over pairs of the time of one divided by that of the other; the first of each is not looked at."""
    torch.testing.assert_close(module(x), reference(x), rtol=1e-3, atol=1e-4)
    found = [_seconds(module, x) / _seconds(reference, x) for _ in range(pairs + 1)]
    return statistics.median(found[1:])


def _seconds(run: Run, x: Tensor) -> float:
    begun = perf_counter()
    run(x)
    return perf_counter() - begun


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=15)
    pairs = parser.parse_args().pairs
    torch.manual_seed(0)
    torch.set_num_threads(1)
    with torch.no_grad():
        found = {case.__name__: ratio(*case(), pairs) for case in (smlp, channel_perceptron, deployed)}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
