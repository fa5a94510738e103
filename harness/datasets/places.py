"""Where a data set is: what problems call it, and the folder that a site file names for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.errors import DataError, Problem


def where(name: str, title: str) -> str:
    """`npz data 'openclip'`: how problems name a data set; folders of a machine are not said."""
    return f"{name} data" if title == name else f"{name} data {title!r}"


def fault(place: str, message: str, option: str = "") -> Problem:
    """A problem with the data called `place`; `option` is the field of the study file that would put it right."""
    return Problem(option, f"{place}: {message}")


def data_folder(paths: Mapping[str, Path], title: str, place: str, advice: str = "") -> Path:
    """The folder `paths[title]`; raises DataError where it is not named, or not there."""
    remedy = f"; {advice}" if advice else ""
    if title not in paths:
        raise DataError(fault(place, f"no folder is known; say it in the site file: paths: {{{title}: DIR}}{remedy}"))
    if not paths[title].is_dir():
        what = "is no folder" if paths[title].exists() else "is not there"
        message = f"the folder that the site file names (paths: {{{title}: DIR}}) {what}{remedy}"
        raise DataError(fault(place, message))
    return paths[title]
