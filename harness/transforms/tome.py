"""Token merging: alike tokens become one on their way through the attention that is left."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from harness.errors import Problem, SpecError
from harness.transforms.base import Transform, transforms

if TYPE_CHECKING:
    from torch import nn


@transforms.register("tome")
class TokenMerging(Transform):
    """Merges the r most alike pairs of tokens in every block that still has attention, between attention and MLP.

    "Token Merging: Your ViT But Faster" (Bolya et al., arXiv 2210.09461), equations 1 and 2 and section 3, written
    from the text. Tokens (n, t, width) alternate between two sets A and B, the first in A. Each of A proposes the one
    of B whose keys, averaged over the heads, have the largest cosine with its own; the r best proposals merge:

        x_b <- (s_b x_b + sum_a s_a x_a) / (s_b + sum_a s_a),    s_b <- s_b + sum_a s_a

    over all a that go to b, with s the number of input tokens a token stands for. What is left of A comes first, then
    B. Attention is proportional: softmax(Q K' / sqrt(d) + log s). Tokens that stand for no place (class, distillation,
    registers) neither merge nor take up others, and stay in front. A merge leaves t - min(r, floor((t - p) / 2)) tokens
    of t, p of them protected. `start` counts the blocks that still have attention; a block without it merges nothing.
    Applied after training, as the last table of lambda-ViT (arXiv 2404.05657) does.

    For timm's VisionTransformer and its distilled form (ViT, DeiT), whichever attention and MLPs are left. A network
    that averages its tokens at the end averages over what they stand for, if its last norm comes after that mean.
    """

    is_once: ClassVar[bool] = True
    shares_prefixes: ClassVar[bool] = False  # sizes travel beside the stream

    start: int = Field(0, ge=0, description="first block that merges, counting blocks that still have attention from 0")
    r: int = Field(ge=1, description="tokens that each such block merges away")

    def fault(self, attentions: int, foldable: int) -> str:
        found = f"{self.start}: no block merges; the network has {attentions} blocks with attention, counted from 0"
        return "" if self.start < attentions else f"tome.start: {found}"

    def apply(self, net: nn.Module) -> nn.Module:
        from harness.merging import MergingBlocks, refusal

        reason = refusal(net)
        if reason is not None:
            raise SpecError(Problem("transforms.tome", reason))
        net.blocks = MergingBlocks(net, self.start, self.r)
        return net
