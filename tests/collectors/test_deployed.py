"""The deployed form is timed beside the form of training of the same network, and is shown to give the same."""

from __future__ import annotations

import pytest
import timm
import torch
from subjects import MovingClock, subject_of
from torch import nn

import harness.architectures  # noqa: F401  # registers the names
from harness.collectors.deployed import Deployed
from harness.records import Measurement

QUICK = Deployed(warmup=1, rounds=1, pairs=2, warmup_s=0, round_s=0)


@pytest.fixture(scope="module")
def trained() -> nn.Module:
    torch.manual_seed(0)
    net: nn.Module = timm.create_model(
        "repmlpnet_cifar100", img_size=8, patch_size=1, in_chans=1, dim=8, depths=(1, 1), share_sets=(2, 4)
    )
    net(torch.randn(4, 1, 8, 8))  # statistics that are not the neutral ones
    return net.eval()


def measured(net: nn.Module, baseline: nn.Module) -> Measurement:
    (found,) = QUICK.collect(subject_of(net, baseline), MovingClock())
    return found


def test_pairs_are_of_one_network_in_two_forms(trained: nn.Module, tiny_net: nn.Module) -> None:
    names = set(trained.state_dict())
    found = measured(trained, tiny_net)  # of the baseline nothing is asked
    assert len(found.samples) == len(found.baseline_samples) == 2
    assert set(trained.state_dict()) == names


def test_a_network_with_nothing_to_fold_is_null_with_the_reason(tiny_net: nn.Module) -> None:
    found = measured(tiny_net, tiny_net)
    assert found.value is None
    assert found.reason is not None
    assert found.reason.startswith("not_deployable: ")
