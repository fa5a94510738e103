"""Which parameters decay, and which learn at a lower rate."""

from __future__ import annotations

from typing import Any

import pytest
from torch import nn
from trainings import net_of

from harness.errors import SpecError
from harness.training.groups import layer_decay_groups, parameter_groups, weight_decay_groups


def test_only_matrices_decay() -> None:
    net = net_of(qkv_bias=True, class_token=True)
    decaying, kept = weight_decay_groups(net, 0.05)
    names = {id(parameter): name for name, parameter in net.named_parameters()}

    def found(group: dict[str, Any]) -> set[str]:
        return {names[id(parameter)] for parameter in group["params"]}

    assert (decaying["weight_decay"], kept["weight_decay"]) == (0.05, 0.0)
    in_blocks = {f"blocks.{i}.{m}.weight" for i in (0, 1) for m in ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2")}
    assert found(decaying) == in_blocks | {"patch_embed.proj.weight", "head.weight"}
    assert found(kept) == set(names.values()) - found(decaying)
    assert {"pos_embed", "cls_token", "norm.weight", "blocks.0.attn.qkv.bias"} <= found(kept)


def test_each_layer_away_from_the_head_learns_at_a_lower_rate() -> None:
    net = net_of()
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    groups = layer_decay_groups(net, 0.05, 0.5)
    found = {names[id(p)]: (group["lr_scale"], group["weight_decay"]) for group in groups for p in group["params"]}
    assert set(found) == {name for name, _ in net.named_parameters()}
    # Stem, two blocks, head: four layers, and the head is the last.
    assert found["head.weight"] == (1.0, 0.05)
    assert found["blocks.1.attn.qkv.weight"] == (0.5, 0.05)
    assert found["blocks.0.mlp.fc1.bias"] == (0.25, 0.0)
    assert found["pos_embed"] == (0.125, 0.0)


def test_without_layer_decay_there_are_the_two_plain_groups() -> None:
    net = net_of()
    assert [len(group["params"]) for group in parameter_groups(net, 0.05, None)] == [
        len(group["params"]) for group in weight_decay_groups(net, 0.05)
    ]


def test_a_network_that_does_not_know_its_layers_is_the_users_to_fix() -> None:
    with pytest.raises(SpecError, match="layer_decay: Linear does not say which layer a weight belongs to"):
        layer_decay_groups(nn.Linear(2, 2), 0.05, 0.5)
