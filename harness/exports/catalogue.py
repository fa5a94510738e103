"""The formats by name."""

from __future__ import annotations

from harness.exports.base import Export
from harness.exports.bencher import bencher
from harness.exports.flat import csv, parquet
from harness.exports.pytest_benchmark import pytest_benchmark
from harness.exports.timm_results import timm_results

EXPORTS: dict[str, Export] = {
    "csv": Export(".csv", "anything: the trials table in base units", csv),
    "parquet": Export(".parquet", "pandas, polars, DuckDB: the same with types and units", parquet, is_text=False),
    "timm": Export(".csv", "whatever reads timm's result files", timm_results),
    "bencher": Export(".json", "bencher run --adapter json --file", bencher),
    "pytest-benchmark": Export(".json", "pytest-benchmark compare", pytest_benchmark),
}
