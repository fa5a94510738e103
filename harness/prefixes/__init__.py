"""Forward passes over many sets of removed units, with what they have in common run once."""

from harness.prefixes.growing import Growing
from harness.prefixes.walker import Walker

__all__ = ["Growing", "Walker"]
