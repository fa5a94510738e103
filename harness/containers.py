"""The container that a process runs in: its kind, and the digest of its image where that can be known."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from harness.whole_file import write_whole

OWN_WORD = "HARNESS_CONTAINER_DIGEST"  # what the user says of the image; it goes before what is found
IMAGE_FILES = ("APPTAINER_CONTAINER", "SINGULARITY_CONTAINER")  # apptainer names its image by its path
DIGEST = re.compile(r"sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})(?![0-9a-f])")
PLAIN = re.compile(r"[A-Za-z0-9_.:+-]{1,100}")  # no slash: a path or a registry cannot be spelled
IMAGE_ID = re.compile(r'^imageid="?(?:sha256:)?([0-9a-f]{64})"?$', re.MULTILINE)


def container(root: Path = Path("/"), source: Mapping[str, str] | None = None) -> str | None:
    """`apptainer sha256:...`, the kind alone where the image cannot be known, None outside of any container."""
    known = os.environ if source is None else source
    kind = _kind(root, known)
    digest = _own_word(known) or _image_file(known) or _podman_image(root)
    return f"{kind or 'container'} {digest}" if digest else kind


def _kind(root: Path, known: Mapping[str, str]) -> str | None:
    """By its usual signs."""
    signs = {
        "apptainer": "APPTAINER_CONTAINER" in known or (root / ".singularity.d").exists(),
        "singularity": "SINGULARITY_CONTAINER" in known,
        "kubernetes": "KUBERNETES_SERVICE_HOST" in known,
        "docker": (root / ".dockerenv").exists(),
        "podman": (root / "run/.containerenv").exists(),
    }
    return next((kind for kind, is_there in signs.items() if is_there), None)


def _own_word(known: Mapping[str, str]) -> str | None:
    """Of `registry/name@sha256:...` the digest alone; a word that could hold a path is not taken."""
    word = known.get(OWN_WORD, "").strip()
    found = DIGEST.search(word)
    return found[0] if found else word if PLAIN.fullmatch(word) else None


def _image_file(known: Mapping[str, str]) -> str | None:
    """The SHA-256 of the image, where the container can see the file that it was started from."""
    path = next((Path(known[name]) for name in IMAGE_FILES if known.get(name)), None)
    if path is None:
        return None
    try:
        found = path.stat()
        return _file_digest(path, found.st_size, found.st_mtime_ns) if path.is_file() else None
    except OSError:
        return None


def _podman_image(root: Path) -> str | None:
    """Podman tells it to privileged containers only; docker, enroot and kubernetes tell it to none."""
    try:
        found = IMAGE_ID.search((root / "run/.containerenv").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None
    return f"sha256:{found[1]}" if found else None


@functools.cache
def _file_digest(path: Path, size: int, mtime_ns: int) -> str:
    """Kept beside size and time of change for processes to come: an image has gigabytes."""
    key = hashlib.sha256(f"{path}\n{size}\n{mtime_ns}".encode()).hexdigest()
    kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "harness" / "images.json"
    known = _read(kept)
    if key not in known:
        with path.open("rb") as stream:
            known[key] = f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
        with suppress(OSError):  # then the next process reads the image again
            kept.parent.mkdir(parents=True, exist_ok=True)
            write_whole(kept, json.dumps(known))
    return known[key]


def _read(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    is_sound = isinstance(found, dict) and all(isinstance(v, str) and DIGEST.fullmatch(v) for v in found.values())
    return found if is_sound else {}
