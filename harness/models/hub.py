"""Language models of the Hugging Face hub: whether this machine's cache holds them, and how they come there."""

from __future__ import annotations

from pathlib import Path

from harness.errors import DataError, Problem, SpecError
from harness.models.configs import FILE, HUB, SAFE_FILES

# Nothing that would be run: neither pickles nor Python. Tokenizers come along.
WANTED = (FILE, "generation_config.json", SAFE_FILES, "*.safetensors.index.json", "tokenizer*", "*.txt", "*.model")


def cached_folder(architecture: str) -> Path | None:
    """The files of `hf:NAME` or `hf:NAME@REVISION` in the cache of this machine; nobody is asked for them."""
    from huggingface_hub import try_to_load_from_cache

    name, revision = _checked(architecture)
    found = try_to_load_from_cache(name, FILE, revision=revision)
    return Path(found).parent if isinstance(found, str) else None


def has_weights(architecture: str) -> bool:
    """Whether the cache of this machine holds its weights, or a part of them."""
    folder = cached_folder(architecture)
    return folder is not None and any(folder.glob(SAFE_FILES))


def fetched_folder(architecture: str) -> Path:
    """Its files, asked for over the network where they are not here; raises DataError."""
    from huggingface_hub import errors, snapshot_download

    here = cached_folder(architecture) if has_weights(architecture) else None
    if here is not None:
        return here
    name, revision = _checked(architecture)
    broken = errors.HTTPError  # type: ignore[attr-defined]  # of the client that the hub's stands on: no connection
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=list(WANTED)))
    except (OSError, broken, ValueError) as error:
        raise DataError(f"{architecture} cannot be fetched: {str(error).strip().partition(chr(10))[0]}") from None


def _checked(architecture: str) -> tuple[str, str | None]:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]  # public, and not said to be

    named = architecture.removeprefix(HUB)
    name, _, revision = named.partition("@")
    try:
        validate_repo_id(name)
    except HFValidationError:
        message = f"{named!r} cannot be the name of a repository: hf:OWNER/NAME, or hf:./DIR for a folder"
        raise SpecError(Problem("architecture", message)) from None
    return name, revision or None
