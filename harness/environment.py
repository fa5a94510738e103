"""What a record says about where it was made: code, machine, versions, variables; no host, user or path."""

from __future__ import annotations

import functools
import importlib.util
import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

import harness
from harness.containers import container
from harness.device import gpu_address, pieces
from harness.hardware import machine_class, machine_details, machine_fields
from harness.kinds import class_of_software
from harness.nvml import driver
from harness.records import Environment
from harness.schema import Json

PACKAGES = (
    "torch", "torchvision", "timm", "numpy", "accelerate", "fvcore", "ptflops", "scikit-learn", "scipy",
    "safetensors", "pydantic", "pandas", "submitit", "nvidia-ml-py", "transformers", "lm-eval",
)  # fmt: skip
VARIABLES = (
    "OMP_NUM_THREADS", "OMP_WAIT_POLICY", "OMP_PROC_BIND", "OMP_PLACES", "OMP_DYNAMIC", "GOMP_CPU_AFFINITY",
    "GOMP_SPINCOUNT", "KMP_AFFINITY", "KMP_BLOCKTIME", "MKL_NUM_THREADS", "MKL_DYNAMIC", "MKL_CBWR",
    "OPENBLAS_NUM_THREADS", "ONEDNN_MAX_CPU_ISA", "ONEDNN_DEFAULT_FPMATH_MODE", "ATEN_CPU_CAPABILITY", "LD_PRELOAD",
    "MALLOC_ARENA_MAX", "PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_NO_CUDA_MEMORY_CACHING",
    "CUDA_LAUNCH_BLOCKING", "CUDA_DEVICE_ORDER", "CUDA_DEVICE_MAX_CONNECTIONS", "CUDA_MODULE_LOADING",
    "CUBLAS_WORKSPACE_CONFIG", "NVIDIA_TF32_OVERRIDE", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "TORCHDYNAMO_DISABLE",
    "TORCHINDUCTOR_MAX_AUTOTUNE", "TORCHINDUCTOR_FREEZING", "TIMM_FUSED_ATTN",
)  # fmt: skip
HARMLESS = re.compile(r"[A-Za-z0-9_.,:;=+()\[\]{} -]{0,200}")  # no slash of either kind: a path cannot be spelled
GIT_TIMEOUT_S = 5


def environment_of(device: str, threads: int, libraries: Sequence[str] = ()) -> Environment:
    """Everything that may explain a difference between two records; `device` is `cpu` or `cuda:N`.

    It is `cuda:N+M` where several GPUs hold a network together.

    `libraries` build the network of the trial, beside those that every trial needs.
    """
    found = versions()
    return Environment(
        harness={"version": harness.__version__, **_state(_own_root())},
        project=_state(_root_above(Path.cwd())),
        machine_class=machine_class(device),
        machine=_machine(device),
        software_class=class_of_software(found, libraries),
        versions=found,
        device=device,
        threads=threads,
        container=container(),
        variables=variables(os.environ),
    )


def _machine(device: str) -> dict[str, Json]:
    address = gpu_address(pieces(device)[0])
    uuid, bus_id = (None, None) if address is None else (address.uuid, address.bus_id)
    return {**machine_fields(), **machine_details(uuid, bus_id)}


def versions() -> dict[str, str]:
    """Versions by name, the same whether or not torch has been loaded."""
    return dict(_versions())


@functools.cache
def _versions() -> dict[str, str]:
    found = {name: _version(name) for name in PACKAGES}
    cuda = _cuda()
    found |= {"python": platform.python_version(), "cuda": cuda, "driver": driver()}
    if cuda is not None:
        found["cudnn"] = _version(f"nvidia-cudnn-cu{cuda.partition('.')[0]}")
    return {name: version for name, version in found.items() if version is not None}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _cuda() -> str | None:
    """The CUDA that torch was built for, read without loading torch."""
    found = importlib.util.find_spec("torch")
    if found is None or found.origin is None:
        return None
    try:
        text = (Path(found.origin).parent / "version.py").read_text()
    except OSError:
        return None
    written = re.search(r"^cuda\b[^=]*=\s*'([\d.]+)'", text, re.MULTILINE)
    return written[1] if written else None


def variables(source: Mapping[str, str]) -> dict[str, str]:
    """Variables that change numbers or speed, from a fixed list; a value that could hold a path is withheld."""
    found = {name: source[name] for name in VARIABLES if name in source}
    shown = {name: value if HARMLESS.fullmatch(value) else "withheld" for name, value in found.items()}
    visible = source.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        # Its entries may be serial numbers of GPUs; how many there are is enough.
        shown["CUDA_VISIBLE_DEVICES"] = f"{len([part for part in visible.split(',') if part.strip()])} devices"
    return shown


def _own_root() -> Path | None:
    # Only the checkout itself: an installed package may lie inside somebody else's, below .venv.
    parent = Path(harness.__file__).resolve().parent.parent
    return parent if (parent / ".git").exists() else None


def _root_above(folder: Path) -> Path | None:
    return next((place for place in (folder, *folder.parents) if (place / ".git").exists()), None)


def _state(root: Path | None) -> dict[str, Json]:
    commit, is_dirty = (None, None) if root is None else _commit(root.resolve())
    return {"commit": commit, "dirty": is_dirty}


@functools.cache
def _commit(root: Path) -> tuple[str | None, bool | None]:
    """Commit of a checkout, and whether files that git follows differ from it; asked once per process."""
    question = ["git", "-C", str(root), "status", "--porcelain=v2", "--branch", "--untracked-files=no"]
    try:
        answer = subprocess.run(
            question,
            capture_output=True,
            text=True,
            timeout=GIT_TIMEOUT_S,
            check=False,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None, None
    oid = re.search(r"^# branch\.oid ([0-9a-f]{40,64})$", answer.stdout, re.MULTILINE)
    if answer.returncode or oid is None:
        return None, None
    return oid[1], any(not line.startswith("#") for line in answer.stdout.splitlines())
