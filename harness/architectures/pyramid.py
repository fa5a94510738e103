"""A pyramid of stages, the mean over its last map and a linear head, as timm's tools know such networks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from torch import Tensor, nn

from harness.architectures.building import check_choice

Size: TypeAlias = int | Sequence[int]  # of a square, or height and width


class Stage(nn.Sequential):
    """What makes a map half as large, or patches of the inputs, and the blocks that work on that map."""

    def __init__(self, embedding: nn.Module, blocks: Iterable[nn.Module]) -> None:
        super().__init__(OrderedDict(embedding=embedding, blocks=nn.Sequential(*blocks)))


class Pyramid(nn.Module):
    """Maps (n, channels, height, width) through `stages`, a norm, the mean over positions and a linear head.

    Each stage is a `Stage`, and `width` the channels of the last one's maps; subclasses say the number of classes by
    `reset_classifier`.
    """

    def __init__(self, stages: Sequence[Stage], norm: nn.Module, width: int, drop_rate: float = 0.0) -> None:
        super().__init__()
        self.num_features = self.head_hidden_size = width
        self.stages = nn.Sequential(*stages)
        self.norm = norm
        self.head_drop = nn.Dropout(drop_rate)
        self.head: nn.Module = nn.Identity()

    def get_classifier(self) -> nn.Module:
        """The head."""
        return self.head

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """A new head, none for no classes; `global_pool` is `avg`, or empty for the map itself before the head."""
        check_choice("global_pool", global_pool, (None, "avg", ""))
        self.global_pool = getattr(self, "global_pool", "avg") if global_pool is None else global_pool
        self.num_classes = num_classes
        device = next(self.stages.parameters()).device
        self.head = nn.Linear(self.num_features, num_classes, device=device) if num_classes > 0 else nn.Identity()

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Which layer a parameter belongs to, for timm's layer decay: stages, or their blocks."""
        fine = [(r"^stages\.(\d+)\.embedding", (0,)), (r"^stages\.(\d+)\.blocks\.(\d+)", None), (r"^norm", (99999,))]
        return {"stem": r"^stages\.0\.embedding", "blocks": r"^stages\.(\d+)" if coarse else fine}

    def forward_features(self, x: Tensor) -> Tensor:
        """The last map, normed: (n, width, height, width)."""
        found: Tensor = self.norm(self.stages(x))
        return found

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Logits (n, classes) of the last map, or what the head reads."""
        if self.global_pool == "avg":
            x = x.mean((2, 3))
        x = self.head_drop(x)
        found: Tensor = x if pre_logits else self.head(x)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, classes) of inputs (n, channels, height, width)."""
        return self.forward_head(self.forward_features(x))


def map_sizes(img_size: Size, patch_size: int, stages: int) -> list[tuple[int, int]]:
    """Height and width of each stage's map: patches of the input, then half of both from stage to stage.

    Raises ValueError for a size that cannot be halved so often.
    """
    sides = (img_size, img_size) if isinstance(img_size, int) else tuple(img_size)
    if patch_size < 1 or stages < 1:
        raise ValueError(f"patch_size and the number of stages must be at least 1, not {patch_size} and {stages}")
    step = patch_size << (stages - 1)
    if len(sides) != 2 or any(side < 1 or side % step for side in sides):
        halved = f"{patch_size}, halved {stages - 1} times"
        raise ValueError(f"img_size must be a multiple of {step} (patches of {halved}), not {img_size}")
    height, width = sides
    return [(height // (patch_size << stage), width // (patch_size << stage)) for stage in range(stages)]
