"""What a network's head reads, and the tokens that it is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from harness.criteria.layouts import as_tokens
from harness.errors import Problem, SpecError

if TYPE_CHECKING:
    from torch import Tensor, nn


def head_input(net: nn.Module, inputs: Tensor, where: str) -> Tensor:
    """What the head reads: on a DeiT the class token after the last norm, (n, channels).

    The head of a language model reads every token: (n, tokens, channels).
    """
    if _is_language_model(net):
        return final_tokens(net, inputs, where)
    whole = _shown(net, where)
    feature: Tensor = whole.forward_head(whole.forward_features(inputs), pre_logits=True)
    return feature


def final_tokens(net: nn.Module, inputs: Tensor, where: str) -> Tensor:
    """The last block's output, after the last norm where that comes before pooling: (n, tokens, channels)."""
    if _is_language_model(net):
        last: Tensor = net.base_model(inputs, use_cache=False).last_hidden_state  # type: ignore[operator]  # a module
        return last
    whole = _shown(net, where)
    width = int(getattr(whole, "num_features", 0))
    return as_tokens(whole.forward_features(inputs), width, is_first=True, where=where)


def reduced(tokens: Tensor, how: Literal["class", "mean", "all"]) -> Tensor:
    """Samples of a feature (n, tokens, channels): of each item the first token, the mean of its tokens, or them all."""
    if how == "class":
        return tokens[:, 0]
    return tokens.mean(1) if how == "mean" else tokens.flatten(0, 1)


def check_class_token(net: nn.Module, where: str) -> None:
    """Raises SpecError for a network whose tokens all stand for places."""
    if getattr(net, "cls_token", None) is None:
        message = f"{type(net).__name__} has no class token; 'mean' or 'all' would do"
        raise SpecError(Problem(where, message))


def _is_language_model(net: nn.Module) -> bool:
    """Whether a network is one of transformers with a head that tells tokens."""
    return callable(getattr(net, "get_output_embeddings", None))


def _shown(net: nn.Module, where: str) -> Any:
    if not (hasattr(net, "forward_features") and hasattr(net, "forward_head")):
        raise SpecError(Problem(where, f"{type(net).__name__} doesn't show what its head reads"))
    return net
