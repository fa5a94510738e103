"""Weights of a network: kept as safetensors, put back where they fit exactly, known by their content."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import LONGEST_NAME, DataError, Problem
from harness.models.configs import INDEX, SAFE_FILES
from harness.schema import file_digest, sha256

if TYPE_CHECKING:
    from torch import Tensor, nn

MOST_LISTED = 3  # names that an error lists


def save_weights(net: nn.Module, path: Path, tags: Mapping[str, str] | None = None) -> None:
    """Writes the state of a network, tensors only; what shares memory is written once for each name.

    `tags` are words in the head of the file. Raises OSError.
    """
    seen: set[int] = set()
    state: dict[str, Tensor] = {}
    for name, tensor in net.state_dict().items():
        plain = tensor.detach().cpu().contiguous()
        state[name] = plain.clone() if plain.data_ptr() in seen else plain
        seen.add(plain.data_ptr())
    save_tensors(state, path, tags)


def save_tensors(tensors: Mapping[str, Tensor], path: Path, tags: Mapping[str, str] | None = None) -> None:
    """Writes tensors by name; raises OSError where the disk does not take them."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        save_file(dict(tensors), path, dict(tags) if tags else None)
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), path.name) from None


def load_file(net: nn.Module, path: Path) -> None:
    """Puts a file of tensors into a network that has exactly its names and shapes; raises DataError otherwise."""
    from safetensors import SafetensorError
    from safetensors import torch as safetensors

    try:
        state = safetensors.load_file(path)
    except FileNotFoundError:
        raise DataError(f"{path.name}: no such file of weights") from None
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path.name}: not a readable safetensors file: {error}") from None
    put_state(net, state, path.name)


def put_state(net: nn.Module, state: Mapping[str, Tensor], where: str) -> None:
    """Puts tensors into a network that has exactly their names and shapes; raises DataError otherwise.

    A network that has been published under other names may say by `from_published` what these are called here.
    """
    state = getattr(net, "from_published", dict)(state)
    problems = list(_misfits(net.state_dict(), state))
    if problems:
        raise DataError(Problem(where, f"these weights belong to another network: {text}") for text in problems)
    net.load_state_dict(state)


def content_of(net: nn.Module) -> str:
    """16 hex digits of the SHA-256 over names, types, shapes and bytes of the state; the device does not matter."""
    import torch

    found = hashlib.sha256()
    for name, tensor in sorted(net.state_dict().items()):
        head = [name, str(tensor.dtype), list(tensor.shape)]
        found.update(json.dumps(head).encode() + b"\n")
        found.update(memoryview(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()))
    return found.hexdigest()[:16]


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits, or of the names and hashes of a folder's weights; raises DataError."""
    try:
        if path.is_dir():
            return sha256({file.name: file_digest(file) for file in safe_files(path)})
        return file_digest(path)
    except OSError as error:
        raise DataError(f"{path.name}: cannot be read: {error.strerror}") from None


def safe_files(folder: Path) -> list[Path]:
    """The files of weights in a folder, sorted; raises DataError where none is safe to read, or not all are there."""
    found = sorted(folder.glob(SAFE_FILES))
    if not found:
        pickled = sorted(file.name for file in folder.glob("*.bin"))
        why = f"only {pickled[0]}, a pickle, which could run code when it is read" if pickled else "no such file"
        raise DataError(f"{folder.name}: no weights in safetensors: {why}")
    absent = sorted(_indexed(folder) - {file.name for file in found})  # a path out of the folder is no name in it
    if absent:
        raise DataError(f"{folder.name}: {INDEX} names {absent[0][:LONGEST_NAME]!r}, which is not in the folder")
    return found


def _indexed(folder: Path) -> set[str]:
    """Files that a folder's index says the weights are in; none where there is no index."""
    index = folder / INDEX
    if not index.exists():
        return set()
    try:
        return {str(name) for name in json.loads(index.read_bytes())["weight_map"].values()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise DataError(f"{folder.name}: {INDEX} does not say which file holds what") from None


def _misfits(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> Iterator[str]:
    both = [name for name in expected if name in found]
    shapes = [
        f"{name} is {tuple(found[name].shape)} and not {tuple(expected[name].shape)}"
        for name in both
        if found[name].shape != expected[name].shape
    ]
    yield from _listed("missing", [name for name in expected if name not in found])
    yield from _listed("unexpected", [name for name in found if name not in expected])
    yield from _listed("of another shape", shapes)


def _listed(what: str, names: list[str]) -> Iterator[str]:
    if names:
        more = ", ..." if len(names) > MOST_LISTED else ""
        yield f"{len(names)} {what}: {', '.join(names[:MOST_LISTED])}{more}"
