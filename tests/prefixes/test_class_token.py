"""The last block for the class token alone: close where it is allowed, refused where it is not."""

from __future__ import annotations

from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn
from walks import Noted, alone, batches_of, scoring_of, subsets, walker_over

from harness.errors import SpecError
from harness.tasks.base import Batch

TARGETS = [("attention", "skip"), ("attention", "identity"), ("mlp", "skip"), ("block", "skip"), ("joint", "skip")]
TWO_BLOCKS: dict[str, Any] = {
    "img_size": 8,
    "patch_size": 2,
    "embed_dim": 32,
    "num_heads": 2,
    "depth": 2,
    "in_chans": 1,
}
SWIN: dict[str, Any] = {"img_size": 32, "window_size": 4, "embed_dim": 16, "depths": [1, 1], "num_heads": [2, 4]}


@pytest.mark.parametrize(("target", "removal"), TARGETS)
@pytest.mark.parametrize("options", [{}, {"qk_norm": True, "init_values": 0.5}, {"qkv_bias": False}])
def test_values_are_close(target: str, removal: str, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    net = timm.create_model("vit_tiny_patch16_224", num_classes=10, **TWO_BLOCKS, **options).eval()
    scoring, seen = scoring_of(net, batches_of(4, 4), target, removal), Noted()
    walker_over(scoring, class_token_only=True).every(None, seen)
    for gone, reads in alone(scoring, subsets(scoring.units)).items():
        torch.testing.assert_close(torch.cat(seen.reads[gone]), torch.cat(reads), rtol=1e-4, atol=1e-5)


def test_the_whole_network_is_read_in_the_same_way(tiny_net: nn.Module) -> None:
    walker, seen = walker_over(scoring_of(tiny_net, batches_of(3, 3)), class_token_only=True), Noted()
    walker.every(0, seen)
    assert all(torch.equal(a, b) for a, b in zip(seen.reads[()], walker.untouched(), strict=True))


@pytest.mark.parametrize("read", ["features", "mean"])
def test_what_reads_other_tokens_is_refused(tiny_net: Any, read: str) -> None:
    def run(batch: Batch) -> Tensor:
        features: Tensor = tiny_net.forward_features(batch.inputs)
        return features if read == "features" else features.mean(1)

    walker = walker_over(scoring_of(tiny_net, batches_of(2)), run, class_token_only=True)
    with pytest.raises(SpecError, match="class_token_only: what is read depends on other tokens; leave it out"):
        walker.untouched()


def test_another_network_is_refused() -> None:
    swin = timm.create_model("swin_tiny_patch4_window7_224", num_classes=10, in_chans=1, **SWIN).eval()
    walker = walker_over(scoring_of(swin, batches_of(2, side=32)), class_token_only=True)
    with pytest.raises(SpecError, match=r"class_token_only: .*SwinTransformer is not timm's VisionTransformer"):
        walker.untouched()


def test_a_mean_over_tokens_is_refused() -> None:
    net = timm.create_model("vit_tiny_patch16_224", num_classes=10, global_pool="avg", **TWO_BLOCKS).eval()
    with pytest.raises(SpecError, match="its head does not read the class token alone"):
        walker_over(scoring_of(net, batches_of(2)), class_token_only=True).untouched()
