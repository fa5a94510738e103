"""A hub on this machine: its client's cache as it lays it out, and a server that answers like the real one."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NO_FILE = {"X-Error-Code": "EntryNotFound"}
GATED = {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access to model is restricted"}


def put_into_cache(cache: Path, repository: str, file: str, content: bytes) -> Path:
    """A file as the hub's client keeps it: a blob named by its hash, a link in a snapshot, the commit as a ref."""
    home = cache / f"models--{repository.replace('/', '--')}"
    blob = home / "blobs" / hashlib.sha256(content).hexdigest()
    link = home / "snapshots" / COMMIT / file
    for place in (blob, link, home / "refs" / "main"):
        place.parent.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(content)
    link.unlink(missing_ok=True)
    link.symlink_to(Path("../../blobs") / blob.name)
    (home / "refs" / "main").write_text(COMMIT)
    return link


@dataclass
class Hub:
    """What a server offers by `REPOSITORY/FILE`, which repositories it guards, and what it was asked for."""

    files: dict[str, bytes] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    address: str = ""

    def file(self, name: str) -> tuple[int, dict[str, str], bytes]:
        """Code, headers and body of the answer to `REPOSITORY/FILE`."""
        if name.rpartition("/")[0] in self.gated:
            return 403, GATED, b""
        if name not in self.files:
            return 404, NO_FILE, b""
        tag = f'"{hashlib.sha256(self.files[name]).hexdigest()}"'
        return 200, {"X-Repo-Commit": COMMIT, "ETag": tag, "X-Linked-Etag": tag}, self.files[name]

    def told(self, address: str) -> bytes:
        """A repository's commit, or the files of it; the hub tells both of guarded ones too."""
        repository, what, _ = re.split("/(revision|tree)/", address, maxsplit=1)
        if what == "revision":
            return json.dumps({"id": repository, "sha": COMMIT, "siblings": []}).encode()
        found = [
            {"type": "file", "path": name.rpartition("/")[2], "size": len(content), "oid": git_name(content)}
            for name, content in self.files.items()
            if name.rpartition("/")[0] == repository
        ]
        return json.dumps(found).encode()


@contextmanager
def served(hub: Hub) -> Iterator[Hub]:
    """The hub under an address of this machine while the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _answers_of(hub))
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def reachable(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The hub as the one that the client of this process asks."""
    with served(hub):
        template = hub.address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.address)
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        yield hub


def git_name(content: bytes) -> str:
    """What git, and so the hub, calls a small file of this content."""
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


def _answers_of(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.wfile.write(self._head())

        def do_HEAD(self) -> None:
            self._head()

        def _head(self) -> bytes:
            """Answers without a body, and gives that."""
            if self.path.startswith("/api/models/"):
                return self._sent(200, {}, hub.told(self.path.removeprefix("/api/models/")))
            repository, _, rest = self.path.lstrip("/").partition("/resolve/")
            name = f"{repository}/{rest.partition('/')[2]}"
            hub.asked.append(f"{self.command} {name}")
            return self._sent(*hub.file(name))

        def _sent(self, code: int, headers: dict[str, str], content: bytes) -> bytes:
            self.send_response(code)
            for key, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(key, value)
            self.end_headers()
            return content

        def log_message(self, *_: object) -> None:
            pass

    return Answers
