"""Records of a study in one file: an uncompressed zip beside their folders, read as if they lay there."""

from __future__ import annotations

import functools
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from harness.record_file import FILE_NAME, UnreadableError, in_words

PACK = "records.zip"
# What reading a damaged zip raises; the last for a compression or a version of which Python's own module has none.
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)
MEMBER = re.compile(rf"{FILE_NAME}/{FILE_NAME}\.json")


@dataclass(frozen=True)
class PackedRecord:
    """One record in an open pack; has what is read of a file's path, and `size` and `crc` to know it again by."""

    pack: zipfile.ZipFile
    info: zipfile.ZipInfo

    @property
    def parent(self) -> PurePosixPath:
        """Its last part is the trial."""
        return PurePosixPath(self.info.filename).parent

    @property
    def stem(self) -> str:
        """The run."""
        return PurePosixPath(self.info.filename).stem

    @property
    def size(self) -> int:
        """Bytes of the record."""
        return self.info.file_size

    @property
    def crc(self) -> int:
        """CRC-32 of the record."""
        return self.info.CRC

    def read_bytes(self) -> bytes:
        """The record as it was written; raises UnreadableError where it is not that any more."""
        if self.info.compress_type != zipfile.ZIP_STORED or self.info.flag_bits & 1:
            raise UnreadableError("is compressed, which harness never does: something else wrote it")
        try:
            return self.pack.read(self.info)
        except DAMAGED:
            raise UnreadableError("is damaged in its pack") from None
        except OSError as error:
            raise UnreadableError(in_words(error, "read")) from None

    def read_text(self, encoding: str) -> str:
        """The same as text."""
        return self.read_bytes().decode(encoding)


def stamp(study: Path) -> tuple[int, int, int] | None:
    """What changes when the pack of a study's folder does; None without one.

    Packing takes files away and undoing takes the pack away: who read while the stamp changed reads again.
    """
    try:
        found = (study / PACK).stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino


def packed(study: Path, trial: str | None = None) -> Iterator[PackedRecord]:
    """The records in the pack of a study's folder, or those of one trial, to be read while they are given.

    Raises UnreadableError for a pack that is none any more. A name that leads elsewhere is no record's: passed over.
    """
    path, known = study / PACK, stamp(study)
    if known is None or (trial is not None and trial not in _trials(path, known)):
        return
    with _opened(path) as pack:
        for name, info in sorted(_members(pack).items()):
            if trial is None or name.partition("/")[0] == trial:
                yield PackedRecord(pack, info)


@contextmanager
def open_again(study: Path) -> Iterator[Callable[[PackedRecord], PackedRecord]]:
    """Gives what takes a record that was given before and may be read within this context.

    Raises UnreadableError for a pack that is none any more.
    """
    with ExitStack() as stack:

        @functools.cache
        def pack() -> zipfile.ZipFile:
            return stack.enter_context(_opened(study / PACK))

        yield lambda record: replace(record, pack=pack())


@functools.lru_cache(maxsize=4)
def _trials(path: Path, _stamp: tuple[int, int, int]) -> frozenset[str]:
    """The trials of a pack: a worker asks for each of its own, and a list of a hundred thousand takes a second."""
    with _opened(path) as pack:
        return frozenset(name.partition("/")[0] for name in _members(pack))


def _members(pack: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    return {info.filename: info for info in pack.infolist() if MEMBER.fullmatch(info.filename)}


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (*DAMAGED, ValueError):
        raise UnreadableError("a damaged pack: none of its records can be read") from None
    except OSError as error:
        raise UnreadableError(in_words(error, "read")) from None
