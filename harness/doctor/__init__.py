"""What this machine can measure, and what it cannot, why, and how to improve it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.device import IdleClock
from harness.doctor.finding import Finding
from harness.doctor.gpu import gpu_findings, gpu_here
from harness.doctor.processor import processor_findings
from harness.doctor.software import data_folder, software_findings
from harness.machine import fitness, machine_fields

__all__ = ["Finding", "doctor_findings"]


def doctor_findings(paths: Mapping[str, Path] | None = None) -> list[Finding]:
    """Every ability, the same ones on every machine; `paths` are the folders of data by label, as a site file has."""
    clock = IdleClock("cpu")
    address, why_not = gpu_here()
    return [
        *processor_findings(fitness(), machine_fields(), clock),
        *gpu_findings(address, why_not, clock),
        *software_findings(address is not None),
        *(data_folder(label, folder) for label, folder in (paths or {}).items()),
    ]
