"""The digest of the package's code: the same wherever it lies, another for any change of a name or a byte."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import harness

PRINT = "from harness.own_code import code_digest; print(code_digest())"


def digest_in(folder: Path) -> str:
    done = subprocess.run([sys.executable, "-c", PRINT], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def test_the_code_decides_and_not_its_place(tmp_path: Path) -> None:
    source = Path(harness.__file__).parent
    copy = shutil.copytree(source, tmp_path / "harness", ignore=shutil.ignore_patterns("__pycache__"))
    same = digest_in(tmp_path)
    assert same == digest_in(source.parent)
    (copy / "stats.py").rename(copy / "statistics_of.py")
    renamed = digest_in(tmp_path)
    with (copy / "statistics_of.py").open("a") as stream:
        stream.write("\n# one line more\n")
    assert len({same, renamed, digest_in(tmp_path)}) == 3
