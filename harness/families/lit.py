"""LIT: blocks of early stages have an MLP alone, those of late ones attention before it."""

from __future__ import annotations

from harness.families.base import Family
from harness.families.branches import PRE_NORM

_HOME = "harness.architectures.lit"

# What merges tokens changes width and resolution; it is no block, and stays.
FAMILIES: tuple[Family, ...] = (Family("lit", (f"{_HOME}.Lit",), {f"{_HOME}.Block": PRE_NORM}),)
