"""What the software here allows: packages, compilers, Slurm, and the folders of data."""

from __future__ import annotations

import os
import shutil
import sysconfig
from importlib import util
from pathlib import Path

from harness.doctor.finding import Finding
from harness.doctor.gpu import GET_GPU
from harness.environment import versions

PACKAGES = ("torch", "timm", "fvcore", "ptflops", "submitit")
COMPILERS = ("g++", "clang++", "c++")
SLURM_COMMANDS = ("sbatch", "squeue", "scancel", "sacct")


def software_findings(has_gpu: bool) -> list[Finding]:
    """Findings about what is installed."""
    return [
        compile_on_cpu(Path(sysconfig.get_paths()["include"])),
        compile_on_gpu(has_gpu),
        *(_package(name) for name in PACKAGES),
        _slurm(),
    ]


def compile_on_cpu(headers: Path) -> Finding:
    """Whether torch.compile finds what it needs for the CPU: a C++ compiler and the headers of Python."""
    what, named = "compile on the CPU", os.environ.get("CXX")
    found = next((name for name in ((named,) if named else COMPILERS) if shutil.which(name)), None)
    if found is None:
        why = "no C++ compiler is on PATH" if named is None else "the C++ compiler that CXX names is not there"
        return Finding(what, False, why, "install g++ (`apt install g++`), or name a compiler in CXX")
    if not (headers / "Python.h").is_file():
        return Finding(what, False, "the headers of Python are not there", "install them (`apt install python3-dev`)")
    return Finding(what, True, "there are a C++ compiler and the headers of Python")


def compile_on_gpu(has_gpu: bool) -> Finding:
    """Whether torch.compile finds what it needs for the GPU."""
    what = "compile on the GPU"
    if not has_gpu:
        return Finding(what, False, "torch has no GPU to compile for", GET_GPU)
    if util.find_spec("triton") is None:
        return Finding(what, False, "triton is not installed", "install the triton that belongs to this torch")
    return Finding(what, True, "triton is installed")


def _package(name: str) -> Finding:
    version = versions().get(name)
    return Finding(f"package {name}", version is not None, version or "not installed", _to_install(name, version))


def _to_install(name: str, version: str | None) -> str | None:
    return f"`pip install {name}`" if version is None else None


def _slurm() -> Finding:
    missing = [command for command in SLURM_COMMANDS if shutil.which(command) is None]
    why = f"not on PATH: {', '.join(missing)}" if missing else f"on PATH: {', '.join(SLURM_COMMANDS)}"
    return Finding("Slurm", not missing, why, "log in where jobs are submitted from" if missing else None)


def data_folder(label: str, folder: Path) -> Finding:
    """Whether the data under this label can be read."""
    what = f"data {label!r}"
    if not folder.is_dir():
        return Finding(what, False, "the site file's path is not a folder", "correct the path in the site file")
    if not os.access(folder, os.R_OK | os.X_OK):
        return Finding(what, False, "the folder may not be read", "ask its owner to let you read it")
    return Finding(what, True, "the folder is readable")
