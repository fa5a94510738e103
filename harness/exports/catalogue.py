"""The formats by name."""

from __future__ import annotations

from harness.exports.base import Export
from harness.exports.bencher import bencher
from harness.exports.flat import csv, parquet
from harness.exports.pytest_benchmark import pytest_benchmark
from harness.exports.timm_results import timm_results

EXPORTS: dict[str, Export] = {
    "csv": Export(".csv", csv),
    "parquet": Export(".parquet", parquet, is_text=False),
    "timm": Export(".csv", timm_results),
    "bencher": Export(".json", bencher),
    "pytest-benchmark": Export(".json", pytest_benchmark),
}
