"""One row per trial in the columns of timm's own result files: validation and inference benchmark in one."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from harness.exports.base import Results
from harness.records import Measurement
from harness.results import TrialResult
from harness.tables.derived import is_plain
from harness.tables.frame import csv_text

COLUMNS = (
    *("model", "top1", "top1_err", "top5", "top5_err", "param_count", "img_size"),
    *("infer_samples_per_sec", "infer_step_time", "infer_batch_size", "infer_img_size", "infer_gmacs"),
    *("architecture", "target", "criterion", "count", "machine_class"),
)
SCALES = {"%": 100.0, "M": 1e-6, "G": 1e-9, "ms": 1e3}


def timm_results(given: Results) -> bytes:
    """CSV; accuracies in per cent, parameters in millions, times of a step in ms, as timm writes them.

    `model` is the trial, since one architecture has many; further columns of ours come last.
    """
    rows = [_row(result) for result in given.good]
    return csv_text(pd.DataFrame(rows, columns=list(COLUMNS))).encode()


def _row(result: TrialResult) -> dict[str, object]:
    held = _plain(result)
    size = _size(result)
    rate = held.get("images_per_s")
    batch = rate.at.get("batch") if rate else None
    return {
        "model": result.info.id,
        **_share("top1", held),
        **_share("top5", held),
        "param_count": _scaled(held.get("params"), SCALES["M"], 2),
        "img_size": size,
        "infer_samples_per_sec": _scaled(rate, 1.0, 2),
        "infer_step_time": _step(rate),
        "infer_batch_size": batch,
        "infer_img_size": size if rate else None,
        "infer_gmacs": _scaled(held.get("macs"), SCALES["G"], 2),
        "architecture": result.info.spec.get("architecture"),
        "target": result.info.target,
        "criterion": result.info.criterion,
        "count": result.info.count,
        "machine_class": result.machine_class,
    }


def _plain(result: TrialResult) -> dict[str, Measurement]:
    """Of each metric its first measurement on the test split, or without one, at the network's own size."""
    found: dict[str, Measurement] = {}
    for m in result.measurements.values():
        if m.split in (None, "test") and is_plain(m) and "image_size" not in m.at and m.value is not None:
            found.setdefault(m.metric, m)
    return found


def _share(name: str, held: Mapping[str, Measurement]) -> dict[str, float | None]:
    value = _scaled(held.get(name), SCALES["%"], 4)
    return {name: value, f"{name}_err": None if value is None else round(100 - value, 4)}


def _scaled(m: Measurement | None, factor: float, digits: int) -> float | None:
    return None if m is None or m.value is None else round(factor * m.value, digits)


def _step(rate: Measurement | None) -> float | None:
    """Milliseconds of one batch."""
    batch = rate.at.get("batch") if rate else None
    if rate is None or not rate.value or not isinstance(batch, int):
        return None
    return round(SCALES["ms"] * batch / rate.value, 3)


def _size(result: TrialResult) -> int | None:
    """Pixels of a side, where the study gives them or the architecture's name ends with them."""
    options = result.info.spec.get("options")
    given = options.get("img_size") if isinstance(options, dict) else None
    if isinstance(given, int):
        return given
    last = str(result.info.spec.get("architecture")).partition(".")[0].rpartition("_")[2]
    return int(last) if last.isdecimal() else None
