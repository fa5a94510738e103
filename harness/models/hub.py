"""Language models of the Hugging Face hub: whether this machine's cache holds them, and how they come there."""

from __future__ import annotations

from importlib.metadata import distributions
from pathlib import Path

from harness.errors import DataError, Problem, SpecError
from harness.models.configs import FILE, HUB, INDEX, SAFE_FILES
from harness.models.weights import safe_files
from harness.pretrained import is_damaged, refusal

# Nothing that would be run: neither pickles nor Python. Tokenizers come along.
WANTED = (FILE, "generation_config.json", SAFE_FILES, INDEX, "tokenizer*", "*.txt", "*.model")


def cached_folder(architecture: str) -> Path | None:
    """The files of `hf:NAME` or `hf:NAME@REVISION` in the cache of this machine; nobody is asked for them."""
    from huggingface_hub import try_to_load_from_cache

    name, revision = _checked(architecture)
    found = try_to_load_from_cache(name, FILE, revision=revision)
    return Path(found).parent if isinstance(found, str) else None


def has_weights(architecture: str) -> bool:
    """Whether the cache of this machine holds its weights, all pieces of them."""
    folder = cached_folder(architecture)
    try:
        return folder is not None and bool(safe_files(folder))
    except DataError:
        return False


def made_with(architecture: str) -> list[str]:
    """What the name of a language model leaves open: the version of transformers, and of a repository its revision."""
    library = next((one.version for one in distributions(name="transformers")), "")
    folder = cached_folder(architecture) if architecture.startswith(HUB) else None
    return [library, folder.name if folder else ""]


def fetched_folder(architecture: str) -> Path:
    """Its files, asked for over the network where they are not here, or damaged; raises DataError."""
    from huggingface_hub import errors, snapshot_download

    here = cached_folder(architecture) if has_weights(architecture) else None
    is_broken = here is not None and _is_broken(here)
    if here is not None and not is_broken:
        return here
    name, revision = _checked(architecture)
    offline = errors.HTTPError  # type: ignore[attr-defined]  # of the client that the hub's stands on: no connection
    try:
        found = Path(snapshot_download(name, revision=revision, allow_patterns=[*WANTED], force_download=is_broken))
    except (OSError, offline, ValueError) as error:
        raise DataError(f"{architecture} cannot be fetched: {refusal(error)}") from None
    if _is_broken(found):  # without a connection the client gives what it has
        raise DataError(f"{architecture} cannot be fetched: what the cache holds is damaged, and the hub is not asked")
    return found


def _is_broken(folder: Path) -> bool:
    return any(map(is_damaged, folder.glob(SAFE_FILES)))


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
