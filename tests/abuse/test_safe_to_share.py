"""What a study writes can be given away: it names no machine, user, folder or secret, and shows every label as text."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import uuid
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from matplotlib import get_configdir
from pyarrow import parquet
from small_studies import called, environment, small, written

from harness.record_lines import FILE

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
HOST, USER, SECRET = "planted-host-7f3a", "planted-user-91c2", "planted-secret-5be0d4"
PRIVATE = {"logs", "jobs", ".leases"}  # of this user's own, and told to be so (SECURITY.md)
# The run finds itself on another machine, as another user, with secrets in its environment.
ELSEWHERE = f"""
import os, socket, platform

real = os.uname()
os.uname = lambda: os.uname_result((real.sysname, {HOST!r}, real.release, real.version, real.machine))
socket.gethostname = platform.node = lambda: {HOST!r}
"""
OFFLINE = """
import socket

plain = socket.socket.connect

def local_only(self, address):
    if self.family != socket.AF_UNIX:  # the fork server's, which is a file
        raise SystemExit(f"the network was used: {address}")
    return plain(self, address)

def refused(*names, **options):
    raise SystemExit(f"a name was looked up: {names}")

socket.socket.connect = socket.socket.connect_ex = local_only
socket.getaddrinfo = socket.gethostbyname = refused
"""
ENVIRONMENT = {
    "USER": USER,
    "LOGNAME": USER,
    "HOSTNAME": HOST,
    "HF_TOKEN": SECRET,
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "CUBLAS_WORKSPACE_CONFIG": f"/home/{USER}/{SECRET}",
}
# What a failure says is whatever the code that failed had at hand.
PLUGIN = """
import os, socket
from harness.criteria.base import UnitCriterion, criteria

@criteria.register("talkative")
class Talkative(UnitCriterion):
    '''Fails, and says all that it knows.'''

    needs_calibration = False

    def scores(self, scoring):
        place = f"{os.path.expanduser('~')}/data.npz or {os.getcwd()}/data.npz"
        names = f"{socket.gethostname()} ({os.environ['USER']}@{socket.gethostname()}.example.org)"
        raise OSError(f"cannot reach 10.20.30.40:8080 from aa:bb:cc:dd:ee:ff on {names}, nor {place}")
"""
SHORT = {"name": "latency", "rounds": 1, "pairs": 4, "round_s": 0, "warmup": 1, "warmup_s": 0, "warmup_limit_s": 0.01}
EVIL = '"><script>alert(1)</script>'
AFTERWARDS = f"""
import sys
from harness.cli import main

def said(*words):
    sys.argv = ["harness", *words]
    return main()

assert said("archive", "small", "--to", "out", "--author", {EVIL!r}, "--pack", "zip") == 0
assert said("history", "small", "--to", "history.html") == 3  # of one state of the code
assert said("verify", "out") == 0
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a study ran, one of its trials failed, and everything that can be written was."""
    folder = tmp_path_factory.mktemp("own") / f"work-of-{USER}"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(OFFLINE + ELSEWHERE)
    (folder / "mine.py").write_text(PLUGIN)
    study = small(
        question=EVIL,
        criteria=["last", "talkative"],
        collectors=["accuracy", {"name": "macs", "cross_check": False}, "params", SHORT],
        plugins=["./mine.py"],
        paths={"cache": str(folder / "cache")},
    )
    words = {**ENVIRONMENT, "HOME": str(folder), "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
    words["MPLCONFIGDIR"] = get_configdir()  # else fonts are looked for anew in every new home
    ran = called(folder, "run", written(folder, study), "--device", "cpu", **words)
    assert ran.returncode == 1  # one trial fails
    (folder / "said").write_text(ran.stdout + ran.stderr)
    python = [sys.executable, "-c", AFTERWARDS]
    done = subprocess.run(python, cwd=folder, env=environment(folder, **words), capture_output=True, check=False)
    assert (done.returncode, done.stderr.decode()) == (0, "nothing to compare: every series has one point only\n")
    return folder


def _shared(home: Path) -> Iterator[Path]:
    """Every file that may be given away."""
    tops = [home / name for name in ("results", "reports", "out", "out.zip", "history.html")]
    for top in tops:
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            if path.is_file() and not PRIVATE & set(path.relative_to(home).parts):
                yield path


def _contents(path: Path) -> Iterator[bytes]:
    """The bytes of a file, and what is packed in them: archives, compressed records, texts of PNG, streams of PDF."""
    raw = path.read_bytes()
    yield path.name.encode()
    yield raw
    if path.suffix == ".gz":
        yield gzip.decompress(raw)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as pack:
            for name in pack.namelist():
                yield name.encode()
                yield gzip.decompress(pack.read(name)) if name.endswith(".gz") else pack.read(name)
    for packed in re.findall(rb"stream\r?\n(.*?)endstream", raw, re.DOTALL) if path.suffix == ".pdf" else ():
        yield zlib.decompress(packed.strip(b"\r\n"))
    if path.suffix == ".png":
        yield from _chunks(raw)
    if path.suffix == ".parquet":
        table = parquet.read_table(path)
        yield json.dumps(table.to_pylist(), default=str).encode()
        yield str(table.schema.metadata).encode()


def _chunks(png: bytes) -> Iterator[bytes]:
    """What a PNG holds beside the picture, unpacked where it is packed."""
    place = 8
    while place < len(png):
        length, kind = int.from_bytes(png[place : place + 4], "big"), png[place + 4 : place + 8]
        body = png[place + 8 : place + 8 + length]
        if kind == b"zTXt":
            yield zlib.decompress(body.partition(b"\0")[2][1:])
        place += length + 12


def _own_addresses() -> set[str]:
    """Of this machine's network cards, less those that every machine has."""
    found = {one.address.partition("%")[0] for card in psutil.net_if_addrs().values() for one in card}
    node = f"{uuid.getnode():012x}"
    found |= {node, ":".join(node[i : i + 2] for i in range(0, 12, 2))}
    return {one for one in found if len(one) > 6 and set(one) - set("0:") and one not in ("127.0.0.1",)}


def test_nothing_that_may_be_shared_names_the_machine_the_user_a_folder_or_a_secret(home: Path) -> None:
    needles = {HOST, USER, SECRET, str(home), str(home.parent), str(ROOT), str(Path.home()) + "/", *_own_addresses()}
    needles |= {"10.20.30.40", "aa:bb:cc:dd:ee:ff", "example.org"}
    paths = [*_shared(home)]
    assert {"index.html", "history.html", "out.zip", "trials.csv", FILE, "trials.json"} <= {path.name for path in paths}
    assert {".png", ".svg", ".pdf", ".parquet", ".json"} <= {path.suffix for path in paths}
    found = {
        (path.relative_to(home).as_posix(), needle)
        for path in paths
        for content in _contents(path)
        for needle in needles
        if needle.encode() in content
    }
    assert found == set()


def test_a_study_that_asks_for_nothing_from_the_network_uses_none(home: Path) -> None:
    said = (home / "said").read_text()
    assert "2 done now" in said
    assert "1 failed" in said
    assert "the network was used" not in said
    assert "a name was looked up" not in said


def test_a_failure_keeps_what_it_said_but_names(home: Path) -> None:
    records = (json.loads(path.read_text()) for path in sorted((home / "results" / "small").glob("*talkative*/*.json")))
    (failure,) = (record["failure"] for record in records)
    assert "cannot reach ADDRESS from ADDRESS on HOST (USER@HOST), nor" in failure["message"]
    assert "data.npz" in failure["message"]


def test_no_page_runs_or_shows_unescaped_what_a_label_holds(home: Path) -> None:
    for path in _shared(home):
        if path.suffix in (".html", ".md", ".svg"):
            assert EVIL not in path.read_text(encoding="utf-8")
            assert "<script>alert" not in path.read_text(encoding="utf-8")
