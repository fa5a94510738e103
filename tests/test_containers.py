"""The kind of a container and the digest of its image, as far as the container can tell; never a path."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from harness.containers import container

DIGEST = "sha256:" + "0a" * 32


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize(
    ("file", "source", "kind"),
    [
        (None, {}, None),
        (".dockerenv", {}, "docker"),
        (".singularity.d", {}, "apptainer"),
        (None, {"APPTAINER_CONTAINER": "x"}, "apptainer"),
        (".dockerenv", {"KUBERNETES_SERVICE_HOST": "x"}, "kubernetes"),
    ],
)
def test_the_kind_of_container_is_told(tmp_path: Path, file: str | None, source: dict[str, str], kind: str) -> None:
    if file:
        (tmp_path / file).touch()
    assert container(tmp_path, source) == kind


@pytest.mark.parametrize("name", ["APPTAINER_CONTAINER", "SINGULARITY_CONTAINER"])
def test_an_image_that_is_a_file_is_known_by_its_hash(tmp_path: Path, name: str) -> None:
    image = tmp_path / "image.sif"
    image.write_bytes(b"image")
    kind = name.partition("_")[0].lower()
    expected = f"{kind} sha256:{hashlib.sha256(b'image').hexdigest()}"
    assert container(tmp_path, {name: str(image)}) == expected
    # As large and as old as before: it is not read again.
    stat = image.stat()
    image.write_bytes(b"other")
    os.utime(image, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert container(tmp_path, {name: str(image)}) == expected
    image.write_bytes(b"another")
    assert container(tmp_path, {name: str(image)}) == f"{kind} sha256:{hashlib.sha256(b'another').hexdigest()}"


def test_a_digest_is_kept_for_the_next_process(tmp_path: Path) -> None:
    from harness import containers

    image = tmp_path / "image.sif"
    image.write_bytes(b"image")
    first = container(tmp_path, {"APPTAINER_CONTAINER": str(image)})
    containers._file_digest.cache_clear()
    kept = tmp_path / "cache/harness/images.json"
    kept.write_text(kept.read_text().replace(str(first).partition(" ")[2], DIGEST))
    assert container(tmp_path, {"APPTAINER_CONTAINER": str(image)}) == f"apptainer {DIGEST}"
    containers._file_digest.cache_clear()
    kept.write_text("{")
    assert container(tmp_path, {"APPTAINER_CONTAINER": str(image)}) == first


@pytest.mark.parametrize("place", ["absent.sif", "."], ids=["not seen from inside", "a sandbox"])
def test_where_the_image_is_no_file_only_the_kind_is_told(tmp_path: Path, place: str) -> None:
    assert container(tmp_path, {"APPTAINER_CONTAINER": str(tmp_path / place)}) == "apptainer"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f'engine="podman-5.1"\nname="x"\nimage="reg.org/x"\nimageid="{DIGEST[7:]}"\n', f"podman {DIGEST}"),
        ("", "podman"),
    ],
    ids=["privileged", "not privileged"],
)
def test_podman_tells_its_image_where_it_does(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/.containerenv").write_text(text)
    assert container(tmp_path, {}) == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (DIGEST, f"docker {DIGEST}"),
        (f"registry.org:5000/us/image@{DIGEST}", f"docker {DIGEST}"),
        ("v1.2-cuda12", "docker v1.2-cuda12"),
        ("/home/us/image.sif", "docker"),
        ("", "docker"),
    ],
)
def test_the_user_may_say_what_the_image_is(tmp_path: Path, word: str, expected: str) -> None:
    (tmp_path / ".dockerenv").touch()
    assert container(tmp_path, {"HARNESS_CONTAINER_DIGEST": word}) == expected


def test_where_nothing_tells_of_a_container_the_users_word_counts(tmp_path: Path) -> None:
    assert container(tmp_path, {"HARNESS_CONTAINER_DIGEST": DIGEST}) == f"container {DIGEST}"
    assert container(tmp_path, {}) is None
