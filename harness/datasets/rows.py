"""Documents from the rows of a table: a data set of the Hugging Face hub, or files of rows in a folder."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from harness.datasets.base import PARTS
from harness.datasets.documents import Document, same_line_ends
from harness.datasets.places import data_folder, fault
from harness.datasets.tokenizing import HUB_NAME
from harness.errors import DataError, MissingExtraError, Problem, short, unknown
from harness.schema import Schema

OPTION = "rows"
MISSING = "rows of a table are read by datasets: pip install 'ablation-harness[datasets]'"
LAYOUT = "it holds files of rows as the datasets library takes them: data/SPLIT-00000-of-00001.parquet, or .jsonl"
FORMATS = {  # the library's readers of plain rows; none of them runs code
    **{".parquet": "parquet", ".json": "json", ".jsonl": "json", ".ndjson": "json", ".csv": "csv"},
    **{".arrow": "arrow", ".txt": "text"},
}
PACKED = ".gz"
SPLIT = r"[\w.-]{1,100}(\[[\d%:-]{1,40}\])?"


def _repository(value: Any) -> Any:
    if value is None or (isinstance(value, str) and HUB_NAME.fullmatch(value) and "@" not in value):
        return value
    raise ValueError("must be the name of a repository (ORG/NAME), or null for files in a folder")


def _by_part(value: Any) -> Any:
    for part in value if isinstance(value, Mapping) else ():
        if part not in PARTS:
            raise ValueError(str(unknown("part", str(part), PARTS)))
    return value


class Rows(Schema):
    """A table of documents, one a row: in the datasets library's cache by name, else files in the data's folder."""

    repository: Annotated[str | None, BeforeValidator(_repository)] = Field(
        None, description="ORG/NAME on the hub; null: files in the folder paths[label]"
    )
    config: str | None = Field(None, pattern=r"^[\w.-]{1,100}$", description="its configuration, where it has several")
    column: str = Field("text", min_length=1, description="the column that holds the text")
    parts: Annotated[dict[str, Annotated[str, Field(pattern=rf"^{SPLIT}$")]], BeforeValidator(_by_part)] = Field(
        {}, description="part -> split, or rows of one: 'validation[:2000]'; empty: splits that are called so"
    )

    def documents(self, paths: Mapping[str, Path], title: str, place: str) -> dict[str, tuple[Document, ...]]:
        """Documents of every given part, white space around them taken off; raises DataError, MissingExtraError."""
        with _quiet(), _told(self, place):
            builder = self._builder(paths, title, place)
            splits = [*(builder.info.splits or ())]
            chosen = self.parts or {part: part for part in PARTS if part in splits}
            found = {part: self._texts(builder, split, place) for part, split in chosen.items()}
        if not found:
            message = f"none of its splits is called as a part is ({', '.join(splits)}); say which is which"
            raise DataError(fault(place, message, f"{OPTION}.parts"))
        empty = [Problem(f"{OPTION}.parts.{part}", f"{place}: has no text") for part, held in found.items() if not held]
        if empty:
            raise DataError(empty)
        return found

    def fetch(self) -> None:
        """Brings a repository into the library's cache, over the network; raises DataError."""
        if self.repository is not None:
            place = f"{OPTION} of {self.repository}"
            with _quiet(), _told(self, place):
                builder = _library().load_dataset_builder(self.repository, self.config)
                _check(builder, f"hf://datasets/{self.repository}", place)
                builder.download_and_prepare()

    def told(self) -> str:
        """What a document is, in words."""
        return f"rows {self.column!r} of {self.repository or 'files'}{f' ({self.config})' if self.config else ''}"

    def _builder(self, paths: Mapping[str, Path], title: str, place: str) -> Any:
        """What reads the table; nobody is asked for it over a network."""
        library = _library()
        if self.repository is not None:
            cached = importlib.import_module("datasets.packaged_modules.cache.cache").Cache
            name = self.repository.rpartition("/")[2]
            here = {"repo_id": self.repository, "dataset_name": name, "config_name": self.config}
            return cached(**here, version="auto", hash="auto")
        folder = data_folder(paths, title, place, LAYOUT)
        kind, files = _files(folder, place)
        # By its files and not as a folder: what a README there says of places elsewhere is not followed.
        builder = library.load_dataset_builder(kind, self.config, data_files=files)
        builder.download_and_prepare()  # into the library's cache
        return builder

    def _texts(self, builder: Any, split: str, place: str) -> tuple[Document, ...]:
        known, called = [*(builder.info.splits or ())], split.partition("[")[0]
        if called not in known:
            raise DataError(unknown("split", called, known, f"{OPTION}.parts"))
        table = builder.as_dataset(split=split)
        if self.column not in table.column_names:
            raise DataError(unknown("column", self.column, table.column_names, f"{OPTION}.column"))
        texts = table[self.column]
        documents = []
        for number, text in enumerate(texts, 1):
            if not isinstance(text, str):
                message = f"row {number} of {split} holds {short(repr(text))} in {self.column!r}, and a text is needed"
                raise DataError(fault(place, message, f"{OPTION}.column"))
            if text.strip():
                documents.append(Document(same_line_ends(text).strip(), f"{split}, row {number}"))
        return tuple(documents)


def _library() -> Any:
    if importlib.util.find_spec("datasets") is None:
        raise MissingExtraError(Problem(OPTION, MISSING))
    return importlib.import_module("datasets")


def _files(folder: Path, place: str) -> tuple[str, dict[str, list[str]]]:
    """The library's reader of a folder's files, and the files of each split by the library's rules of names.

    Raises DataError where they are not plain rows: others of the library's readers open what they find.
    """
    finding = importlib.import_module("datasets.data_files")
    patterns = finding.get_data_patterns(str(folder))
    files = {
        str(split): sorted({file for one in own for file in _matching(finding, one, folder)})
        for split, own in patterns.items()
    }
    kinds = {Path(file.removesuffix(PACKED)).suffix.lower() for own in files.values() for file in own}
    for kind in sorted(kinds - FORMATS.keys()):
        known = ", ".join(dict.fromkeys(FORMATS.values()))
        raise DataError(fault(place, f"holds {kind[1:] or 'other'} files, no rows of text; known: {known}", OPTION))
    if len({FORMATS[kind] for kind in kinds}) > 1:
        raise DataError(fault(place, f"holds files of several kinds ({', '.join(sorted(kinds))}); one is read", OPTION))
    return FORMATS[kinds.pop()], files


def _check(builder: Any, home: str, place: str) -> None:
    """Raises DataError where what a repository names are no plain rows, or files that are not its own."""
    kind = type(builder).__module__.rpartition(".")[2]
    if kind not in FORMATS.values():
        raise DataError(fault(place, f"holds {kind} files, no rows of text", OPTION))
    files = [str(file) for own in (builder.config.data_files or {}).values() for file in own]
    if any(not file.startswith((f"{home}/", f"{home}@")) for file in files):
        raise DataError(fault(place, "names files that are not its own", OPTION))


def _matching(finding: Any, pattern: str, folder: Path) -> Sequence[str]:
    """The files of a pattern; of the several that a split has, one may have none."""
    with suppress(FileNotFoundError):
        found: Sequence[str] = finding.resolve_pattern(pattern, str(folder))
        return found
    return ()


@contextmanager
def _told(rows: Rows, place: str) -> Iterator[None]:
    """What the library raises over data that it does not find or cannot read, in terms of the study."""
    try:
        yield
    except (DataError, MissingExtraError):
        raise
    except Exception as error:  # noqa: BLE001  # its readers raise whatever the libraries below them raise
        why = short(" ".join(str(error).split()))
        remedy = f" is not in this machine's cache, or cannot be read; `harness fetch STUDY.yaml` brings it ({why})"
        called = f"{rows.repository}{remedy}" if rows.repository else f"its files cannot be read: {why}; {LAYOUT}"
        raise DataError(fault(place, called, OPTION)) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the library's bars and warnings."""
    library = _library()
    logging = library.utils.logging
    level, had_bars = logging.get_verbosity(), library.are_progress_bars_disabled()
    logging.set_verbosity_error()
    library.disable_progress_bars()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if not had_bars:
            library.enable_progress_bars()
