"""Does a study keep the reporting rules of the field? Read from its plan file alone, without torch."""

from harness.lint.base import Finding, Rule, Source
from harness.lint.rules import RULES, findings

__all__ = ["RULES", "Finding", "Rule", "Source", "findings"]
