"""RepMLPNet: fully connected kernels over positions, trained with small convolutions that are folded into them.

"RepMLPNet: Hierarchical Vision MLP with Re-parameterized Locality" (Ding et al., CVPR 2022, arXiv 2112.11081).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from timm.models import generate_default_cfgs, register_model
from torch import Tensor, nn

from harness.architectures.building import Renamings, built, check_least, check_switches, configuration, renamed
from harness.architectures.pyramid import Pyramid, Size, Stage, map_sizes
from harness.architectures.repmlp import Normed, RepMLP


class FeedForward(nn.Sequential):
    """Convolution 1x1 to four times the width, norm, GELU, convolution back, norm."""

    def __init__(self, width: int, expansion: int) -> None:
        super().__init__(
            OrderedDict(
                fc1=Normed(nn.Conv2d(width, width * expansion, 1, bias=False)),
                act=nn.GELU(),
                fc2=Normed(nn.Conv2d(width * expansion, width, 1, bias=False)),
            )
        )


class Block(nn.Module):
    """y = x + RepMLP(BN(x)), then y + FFN(BN(y)) (figure 2); there is no drop path."""

    def __init__(self, width: int, mixer: RepMLP, expansion: int = 4) -> None:
        super().__init__()
        self.norm1, self.mixer = nn.BatchNorm2d(width), mixer
        self.norm2, self.mlp = nn.BatchNorm2d(width), FeedForward(width, expansion)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, H, W) to the same."""
        x = x + self.mixer(self.norm1(x))
        added: Tensor = self.mlp(self.norm2(x))
        return x + added


class RepMLPNet(Pyramid):
    """Stages of RepMLP and feed-forward layers, each twice as wide and half as large as the one before (table 1).

    `dim` is the width of the first stage and `share_sets` the number of each stage's, which divides its width;
    `kernels` are the sides of the local perceptron's convolutions, none for no local perceptron (table 4), and a
    `reduction` of 0 leaves the global perceptron out (table 3). A tile is the whole map of an input of `tile_size`,
    by default `img_size`; inputs may be any multiple of it. `deploy` builds the deployed form.
    """

    def __init__(  # noqa: PLR0913  # what a study may set
        self,
        img_size: Size = 224,
        patch_size: int = 4,
        in_chans: int = 3,
        num_classes: int = 1000,
        *,
        dim: int = 64,
        depths: Sequence[int] = (2, 2, 6, 2),
        share_sets: Sequence[int] = (1, 4, 16, 128),
        kernels: Sequence[int] = (1, 3),
        reduction: int = 4,
        expansion: int = 4,
        tile_size: Size | None = None,
        drop_rate: float = 0.0,
        global_pool: str = "avg",
        deploy: bool = False,
    ) -> None:
        sizes = map_sizes(img_size if tile_size is None else tile_size, patch_size, len(depths))
        check_switches(deploy=deploy)
        check_least(1, expansion=expansion)
        _check(dim, depths, share_sets, kernels, reduction)
        made: list[Stage] = []
        for number, (size, depth, sets) in enumerate(zip(sizes, depths, share_sets, strict=True)):
            width = dim << number
            before, step = (width // 2, 2) if number else (in_chans, patch_size)
            embedding = Normed(nn.Conv2d(before, width, step, step, bias=False), nn.ReLU())
            mixers = [RepMLP(width, size, sets, kernels, reduction, deploy) for _ in range(depth)]
            made.append(Stage(embedding, [Block(width, mixer, expansion) for mixer in mixers]))
        width = dim << (len(depths) - 1)
        super().__init__(made, nn.BatchNorm2d(width), width, drop_rate)
        self.tile_size = (sizes[0][0] * patch_size, sizes[0][1] * patch_size)
        self._check_size((img_size, img_size) if isinstance(img_size, int) else img_size)
        self.reset_classifier(num_classes, global_pool)

    def forward_features(self, x: Tensor) -> Tensor:
        """The last map, normed; raises ValueError for inputs that cannot be cut into tiles."""
        self._check_size(x.shape[2:])
        return super().forward_features(x)

    def _check_size(self, size: Sequence[int]) -> None:
        if any(side < 1 or side % tile for side, tile in zip(size, self.tile_size, strict=True)):
            found, tile = ("x".join(map(str, sides)) for sides in (size, self.tile_size))
            raise ValueError(f"inputs must be a multiple of the tiles of {tile}, which tile_size sets, not {found}")

    def from_published(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Tensors of the paper's own code under this network's names; what has those already is left as it is.

        There linear maps of vectors are 1x1 convolutions, FC3 with the share-sets as its groups.
        """
        own = {name: tensor.shape for name, tensor in self.state_dict().items()}
        named = {renamed(name, _NAMES): tensor for name, tensor in state.items()}
        return {
            name: tensor.reshape(own[name]) if name in own and tensor.numel() == own[name].numel() else tensor
            for name, tensor in named.items()
        }


def _check(dim: int, depths: Sequence[int], share_sets: Sequence[int], kernels: Sequence[int], reduction: int) -> None:
    if dim < 1 or min(depths) < 1:
        raise ValueError(f"dim and depths must be at least 1, not {dim} and {list(depths)}")
    if len(share_sets) != len(depths):
        raise ValueError(f"share_sets must be one number for each of {len(depths)} stages, not {list(share_sets)}")
    for stage, sets in enumerate(share_sets):
        if sets < 1 or (dim << stage) % sets:
            raise ValueError(f"share_sets must divide the widths: stage {stage + 1} has {dim << stage}, not {sets}")
    if len(set(kernels)) != len(kernels) or any(k < 1 or k % 2 == 0 for k in kernels):
        raise ValueError(f"kernels must be odd and differ, not {list(kernels)}: an even one would shift the map")
    if not 0 <= reduction <= dim:
        raise ValueError(f"reduction must be between 1 and dim ({dim}), or 0 for no global perceptron, not {reduction}")


_NAMES: Renamings = (
    (r"^conv_embedding\.", "stages.0.embedding."),
    (r"^embeds\.(\d+)\.", lambda found: f"stages.{int(found[1]) + 1}.embedding."),
    (r"^stages\.(\d+)\.(\d+)\.", r"stages.\1.blocks.\2."),
    (r"\.repmlp_block\.gp\.", ".mixer.global_perceptron."),
    (r"\.repmlp_block\.fc3_bn\.", ".mixer.channel.norm."),
    (r"\.repmlp_block\.fc3\.", ".mixer.channel."),
    (r"\.repmlp_block\.repconv(\d+)\.", r".mixer.local.branches.k\1."),
    (r"\.prebn([12])\.", r".norm\1."),
    (r"\.ffn_block\.ffn_fc", ".mlp.fc"),
    (r"\.bn\.", ".norm."),
    (r"^head_norm\.", "norm."),
)


_T: dict[str, Any] = {"dim": 64, "depths": (2, 2, 6, 2), "share_sets": (1, 4, 16, 128)}
_B: dict[str, Any] = {"dim": 96, "depths": (2, 2, 12, 2), "share_sets": (1, 4, 32, 128)}
_TABLE: dict[str, dict[str, Any]] = {
    "repmlpnet_t224": {**_T, "img_size": 224},
    "repmlpnet_t256": {**_T, "img_size": 256},
    "repmlpnet_b224": {**_B, "img_size": 224},
    "repmlpnet_b256": {**_B, "img_size": 256},
    "repmlpnet_d256": {"dim": 80, "depths": (2, 2, 18, 2), "share_sets": (1, 4, 16, 128), "img_size": 256},
    "repmlpnet_l256": {"dim": 96, "depths": (2, 2, 18, 2), "share_sets": (1, 4, 32, 256), "img_size": 256},
    "repmlpnet_cifar100": {"dim": 128, "depths": (6, 6), "share_sets": (8, 32), "img_size": 32, "patch_size": 2},
}
default_cfgs = generate_default_cfgs(
    {name: configuration(table["img_size"], "stages.0.embedding.conv", "head") for name, table in _TABLE.items()}
)


def _repmlpnet(name: str, pretrained: bool, options: dict[str, Any]) -> RepMLPNet:
    return built(RepMLPNet, name, _TABLE[name], pretrained, options)


@register_model
def repmlpnet_t224(pretrained: bool = False, **options: Any) -> RepMLPNet:
    """38.3 M parameters, for 224 x 224."""
    return _repmlpnet("repmlpnet_t224", pretrained, options)


@register_model
def repmlpnet_t256(pretrained: bool = False, **options: Any) -> RepMLPNet:
    """58.7 M parameters: T for 256 x 256."""
    return _repmlpnet("repmlpnet_t256", pretrained, options)


@register_model
def repmlpnet_b224(pretrained: bool = False, **options: Any) -> RepMLPNet:
    """68.2 M parameters, for 224 x 224."""
    return _repmlpnet("repmlpnet_b224", pretrained, options)


@register_model
def repmlpnet_b256(pretrained: bool = False, **options: Any) -> RepMLPNet:
    """96.4 M parameters: B for 256 x 256."""
    return _repmlpnet("repmlpnet_b256", pretrained, options)


@register_model
def repmlpnet_d256(pretrained: bool = False, **options: Any) -> RepMLPNet:
    """86.9 M parameters: deeper and narrower than B."""
    return _repmlpnet("repmlpnet_d256", pretrained, options)


@register_model
def repmlpnet_l256(pretrained: bool = False, **options: Any) -> RepMLPNet:
    """117.6 M parameters."""
    return _repmlpnet("repmlpnet_l256", pretrained, options)


@register_model
def repmlpnet_cifar100(pretrained: bool = False, **options: Any) -> RepMLPNet:
    """8.3 M parameters with 100 classes: the small network of the paper's study of the local perceptron (table 4)."""
    return _repmlpnet("repmlpnet_cifar100", pretrained, {"num_classes": 100, **options})
