"""What a network that looks at images wants to be fed."""

from __future__ import annotations

from dataclasses import dataclass

from harness.schema import Options
from harness.tasks.base import InputConfig


@dataclass(frozen=True)
class ImageInput(InputConfig):
    """Images of `size` (channels, height, width), and timm's names for the rest."""

    size: tuple[int, int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str
    crop_pct: float
    crop_mode: str

    def limits(self) -> dict[str, int]:  # images are made to fit when they are loaded
        return {}

    def told(self) -> Options:
        return {"size": list(self.size), "mean": list(self.mean), "std": list(self.std)}
