"""Files that a command line asks for: their folders are made, and what cannot be written is told in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import StoreError
from harness.record_file import in_words
from harness.whole_file import write_whole


def write_asked(path: Path, content: str | bytes) -> None:
    """Puts a file where it was asked for; a pipe or a device is written to, and not replaced. Raises StoreError."""
    with written(path):
        if path.exists() and not path.is_file():
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        else:
            write_whole(path, content)


@contextmanager
def written(path: Path) -> Iterator[None]:
    """Around whatever writes a file: makes its folder; raises StoreError where it cannot be written."""
    try:
        if path.is_dir():
            raise StoreError(f"{path.name}: is a folder; name a file")
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise StoreError(f"{path.name}: {in_words(error, 'written')}") from None
