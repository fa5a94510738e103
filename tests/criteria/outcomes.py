"""What the tests of outcomes compare with: log probabilities and answers by numpy, from logits made by hand."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scorings import Array, head_input
from torch import Tensor, nn


def logits(net: nn.Module, inputs: Tensor, without: Iterable[str] = ()) -> Array:
    """The head's product with what it reads, (n, outputs)."""
    weight, bias = (parameter.detach().double().numpy() for parameter in net.get_submodule("head").parameters())
    found: Array = head_input(net, inputs, without) @ weight.T + bias
    return found


def log_probabilities(outputs: Array) -> Array:
    """Logarithms of the softmax of each row."""
    shifted = outputs - outputs.max(axis=1, keepdims=True)
    found: Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return found


def loss(outputs: Array, targets: Tensor) -> float:
    """Mean cross entropy in nats."""
    return float(-log_probabilities(outputs)[np.arange(len(targets)), targets.numpy()].mean())


def error(outputs: Array, targets: Tensor) -> float:
    """Share of rows whose largest entry is not the target's."""
    return float((outputs.argmax(axis=1) != targets.numpy()).mean())


def divergence(before: Array, after: Array) -> float:
    """Mean over rows of KL(before || after), in nats."""
    p, q = log_probabilities(before), log_probabilities(after)
    return float((np.exp(p) * (p - q)).sum(axis=1).mean())
