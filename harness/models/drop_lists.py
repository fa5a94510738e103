"""Which blocks of a decoder lack their attention or MLP, as its configuration says it in LLM-Drop's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

KEYS = {"attention": "drop_attn_list", "mlp": "drop_mlp_list"}  # a dropped block stands in both


def drop_lists(config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Depths by kind, from a configuration without faults; a kind of which nothing is dropped is absent."""
    return {kind: tuple(config[key]) for kind, key in KEYS.items() if config.get(key)}


def drop_faults(config: Mapping[str, Any], blocks: int) -> Iterator[str]:
    """What is wrong with the lists of a network of so many blocks, in sentences."""
    for key in KEYS.values():
        listed = config.get(key) or []
        if not isinstance(listed, list) or not all(type(depth) is int for depth in listed):
            yield f"{key} must be a list of block numbers, as [25, 26]"
            continue
        twice = sorted({depth for depth in listed if listed.count(depth) > 1})
        if twice:
            yield f"{key} holds {twice[0]} twice; a sublayer can be dropped once"
        beyond = sorted({depth for depth in listed if not 0 <= depth < blocks})
        if beyond:
            yield f"{key} holds {beyond[0]}, and blocks are numbered 0 to {blocks - 1}"


def whole_faults(config: Mapping[str, Any], blocks: int) -> Iterator[str]:
    """Why a study cannot begin with such a network, in sentences: its lists are wrong, or drop something."""
    faults = list(drop_faults(config, blocks))
    yield from faults
    for kind, depths in ({} if faults else drop_lists(config)).items():
        shown = ", ".join(map(str, depths))
        yield f"{KEYS[kind]} drops {shown} already; a study removes from the whole network: name that one"
