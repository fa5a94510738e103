"""GPUs by name: memory and peak rates as their makers state them, for what is reckoned before anything runs."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from harness.errors import UnknownNameError, unknown

GIB = 1 << 30


@dataclass(frozen=True)
class Card:
    """One kind of GPU: GiB that torch sees, dense FLOP/s in fp32 and in 16 bit, bytes per second from its memory.

    `number` of them hold each network together.
    """

    name: str
    memory_gib: float
    fp32: float
    half: float
    bandwidth: float
    number: int = 1

    @property
    def memory_bytes(self) -> float:
        """What torch sees."""
        return self.memory_gib * GIB

    def told(self) -> str:
        """`h100 (79 GiB, 989 TFLOP/s in 16 bit, 67 in fp32, 3.4 TB/s)`."""
        rates = f"{self.half / 1e12:.0f} TFLOP/s in 16 bit, {self.fp32 / 1e12:.0f} in fp32"
        several = f"{self.number} x " if self.number > 1 else ""
        return f"{several}{self.name} ({self.memory_gib:.0f} GiB, {rates}, {self.bandwidth / 1e12:.1f} TB/s)"


# Data sheets; products in 16 bit are summed in fp32, without sparsity.
_SHEETS = (
    ("a100-40", 39, 19.5, 312, 1555),
    ("a100-80", 79, 19.5, 312, 2039),
    ("a6000", 47, 38.7, 155, 768),
    ("b200", 178, 75, 2250, 8000),
    ("h100", 79, 67, 989, 3350),
    ("h200", 139, 67, 989, 4800),
    ("l40s", 44, 91.6, 362, 864),
    ("rtx6000-ada", 47, 91.1, 364, 960),
)
CARDS = {
    name: Card(name, gib, fp32 * 1e12, half * 1e12, bandwidth * 1e9) for name, gib, fp32, half, bandwidth in _SHEETS
}


def card_of(name: str) -> Card:
    """A card by name, `h100`, or several that hold each network together, `2xh100`.

    Raises UnknownNameError for one without a sheet here.
    """
    several = re.fullmatch(r"([1-9][0-9]?)x(.+)", name.lower())
    number, kind = several.groups() if several else ("1", name.lower())
    if kind not in CARDS:
        raise UnknownNameError(unknown("GPU", kind, CARDS, "--gpu"))
    return replace(CARDS[kind], number=int(number))
