"""The pages of a study: figures, tables, an answer in words."""

from harness.report.write import write_report

__all__ = ["write_report"]
