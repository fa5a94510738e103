"""What is published: what it is called, whether this machine's caches hold it, and how it comes there."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse

from harness.errors import DataError, UnknownNameError, unknown
from harness.schema import file_digest

# What the hubs' clients ask before they reach out. A worker sets them, and so does whatever it starts.
OFFLINE_SWITCHES = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE")
SILENCE = "HF_HUB_DISABLE_TELEMETRY"  # its client tells by itself what it runs on, and in whose hands
SAFE = "model.safetensors"
PICKLED = "pytorch_model.bin"  # read with weights_only by timm, where nothing safer is published
SHA256_NAME = re.compile(r"[0-9a-f]{64}")  # the hub's client names a large file after its hash
GIT_NAME = re.compile(r"[0-9a-f]{40}")  # and a small one after the name that git would give it
HASH_IN_NAME = re.compile(r"-([0-9a-f]{8,64})\.")  # and torch's writes its beginning into the name


def go_offline() -> None:
    """From here on the hubs' clients answer from their caches, in this process and its children; before they load."""
    for switch in OFFLINE_SWITCHES:
        os.environ[switch] = "1"


def stay_silent() -> None:
    """From here on the hub's client asks for what it is told to bring and for nothing else; before it loads."""
    os.environ[SILENCE] = "1"


def tags(architecture: str) -> list[str]:
    """The tags that timm knows of an architecture, sorted."""
    import timm

    found = timm.list_pretrained(f"{architecture}.*") + timm.list_pretrained(architecture)
    return sorted({full.partition(".")[2] for full in found} - {""})


@dataclass(frozen=True)
class Published:
    """Weights by their whole name, `deit_tiny_patch16_224.fb_in1k`, or another file, with where it is published."""

    name: str
    repository: str | None  # on the Hugging Face hub; `@` and a revision may follow
    files: tuple[str, ...]  # there, the first that there is; of weights in the order in which timm looks for them
    url: str | None  # where there is no repository
    kept_as: str = ""  # the file of such weights in torch's cache

    def found(self) -> Path | None:
        """The file in a cache of this machine; nobody is asked for it."""
        if self.repository is None:
            place = _torch_cache(self.kept_as)
            return place if place.is_file() else None
        from huggingface_hub import try_to_load_from_cache

        repository, revision = _revised(self.repository)
        held = (try_to_load_from_cache(repository, file, revision=revision) for file in self.files)
        return next((Path(path) for path in held if isinstance(path, str)), None)

    def fetched(self, again: bool = False) -> Path:
        """The file, asked for over the network; `again` replaces one that is damaged. Raises DataError."""
        if self.repository is None:
            return self._downloaded(again)
        return _from_hub(self.repository, self.files, again)

    def _downloaded(self, again: bool) -> Path:
        from torch.hub import download_url_to_file

        place = _torch_cache(self.kept_as)
        if place.is_file() and not again:
            return place
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            download_url_to_file(str(self.url), str(place), _hash_in(place.name) or None, progress=False)
        except (OSError, RuntimeError) as error:  # torch's word for a hash that does not fit is RuntimeError
            raise DataError(f"the published weights of {self.name} cannot be fetched: {_first_line(error)}") from None
        return place


def published(architecture: str, tag: str | None) -> Published:
    """The published weights of an architecture; raises DataError without any, UnknownNameError for a tag that is none.

    Without a tag those that the architecture's own name says, else timm's default ones.
    """
    import timm

    name, _, own = architecture.partition(".")
    tag = tag or own
    if tag and tag not in tags(name):
        raise UnknownNameError(unknown(f"tag of {name}", tag, tags(name)))
    full = f"{name}.{tag}" if tag else name
    found = timm.get_pretrained_cfg(full)
    if found is None or not found.has_weights:
        raise DataError(f"no weights are published for {full}; use 'random', a file, or train them")
    url = found.url or ""
    address, kept_as = (url, Path(urlparse(url).path).name) if isinstance(url, str) else url
    files = tuple(_files(found.hf_hub_filename or PICKLED))
    return Published(full, found.hf_hub_id or None, files, address or None, kept_as)


def is_damaged(path: Path) -> bool:
    """Whether a cached file is not what its name says by hash; where the name says nothing, nobody can tell."""
    named = path.resolve().name
    if GIT_NAME.fullmatch(named):
        return _git_name(path.read_bytes()) != named
    known = named if SHA256_NAME.fullmatch(named) else _hash_in(path.name)
    return bool(known) and not file_digest(path).startswith(known)


def _git_name(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def absent(name: str, source: str = "STUDY.yaml") -> str:
    """The sentence for weights that no cache of this machine holds; `source` is the file that asks for them."""
    return f"the published weights of {name} are not on this machine; `harness fetch {source}` brings them"


def _files(named: str) -> Iterator[str]:
    """What timm takes in place of the file that it is told of, the safe one first."""
    if named == PICKLED:
        yield SAFE
    elif named.endswith(".bin"):
        yield named.removesuffix(".bin") + ".safetensors"
    yield named


def _revised(repository: str) -> tuple[str, str | None]:
    name, _, revision = repository.partition("@")
    return name, revision or None


def _torch_cache(file: str) -> Path:
    from torch.hub import get_dir

    return Path(get_dir()) / "checkpoints" / file


def _hash_in(name: str) -> str:
    found = HASH_IN_NAME.search(name)
    return found[1] if found else ""


def _from_hub(repository: str, files: tuple[str, ...], again: bool) -> Path:
    from huggingface_hub import errors, hf_hub_download

    broken = errors.HTTPError  # type: ignore[attr-defined]  # of the client that the hub's stands on: no connection

    name, revision = _revised(repository)
    try:
        for file in files:
            try:
                return Path(hf_hub_download(name, file, revision=revision, force_download=again))
            except errors.RemoteEntryNotFoundError:
                continue
    except (OSError, broken, ValueError) as error:  # ValueError: asked for again, and there is no way there
        raise DataError(f"{name}: {refusal(error)}") from None
    raise DataError(f"{name}: the repository holds none of {', '.join(files)}")


def refusal(error: Exception) -> str:
    """Why the hub's client did not bring something, and what helps."""
    from huggingface_hub import constants
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE forbids to ask the hub; fetch without it, where there is a network"
    if isinstance(error, GatedRepoError):
        return "its owners ask for an agreement: accept it on the hub's page, log in with `hf auth login`, fetch again"
    if isinstance(error, RepositoryNotFoundError):
        return "the hub knows no such repository, or it is private: log in with `hf auth login`"
    if isinstance(error, HfHubHTTPError):
        return f"the hub answered: {_first_line(error)}"
    return "the hub cannot be reached from here; fetch on a machine that has a network and the same cache"


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or "no reason given"
