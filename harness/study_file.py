"""A study or site file from disk: bounded, safe YAML 1.2, overrides, and every problem of its shape at once."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from harness.errors import Problem, SpecError
from harness.schema import problems_of
from harness.site import Site
from harness.spec import Study

MAX_BYTES = 1 << 17
MAX_NODES = 100_000
MAX_DEPTH = 50
MAX_INTEGER = 2**63 - 1
MAX_PROBLEMS = 50  # of one kind, in one file
SITE_KEYS = frozenset(Site.model_fields)
_KINDS = {type(None): "an empty file", list: "a list", str: "a text"}


@dataclass(frozen=True)
class StudyFile:
    """What a file asks for; `study` is None where its shape is too broken to go on, and `problems` say why.

    With problems, `study` holds what is left when the broken entries are taken out, so that the rest can be checked
    in the same go; it must not be run. `left` has the numbers of the entries that are left of a list.
    """

    path: Path
    study: Study | None
    site: Site
    problems: tuple[Problem, ...]
    left: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def located(self, problem: Problem) -> Problem:
        """A problem of `study` at its place in the file, with entries numbered as they stand there."""

        def as_there(match: re.Match[str]) -> str:
            numbers = self.left.get(match[1])
            return match[0] if numbers is None else f"{match[1]}.{numbers[int(match[2])]}"

        where, message = (re.sub(r"\b([a-z]+)\.(\d+)\b", as_there, text) for text in (problem.where, problem.message))
        return Problem(where, message).in_file(self.path)


def read_yaml(path: Path) -> dict[str, Any]:
    """One mapping of JSON-like values; raises SpecError with the line of the fault."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)  # never more: a device has no end, whatever size it tells
        if len(data) > MAX_BYTES:
            raise SpecError(f"{path}: larger than {MAX_BYTES} bytes; a study file is a few kilobytes")
        text = data.decode("utf-8")
    except OSError as error:
        raise SpecError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise SpecError(f"{path}: is not UTF-8 text") from None
    found = _parsed(path, text)
    if not isinstance(found, dict):
        raise SpecError(f"{path}: must be a mapping of keys to values, not {_KINDS.get(type(found), 'a single value')}")
    _check_plain(path, found)
    return found


def _check_plain(path: Path, found: Any) -> None:
    problems = _not_plain(found)
    if problems:
        raise SpecError([p.in_file(path) for p in problems[:MAX_PROBLEMS]])


def _parsed(path: Path, text: str) -> Any:
    reader = YAML(typ="safe", pure=True)
    reader.composer.warn_double_anchors = False  # YAML allows an anchor to be set anew
    try:
        return reader.load(text)
    except DuplicateKeyError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise SpecError(f"{path}: line {line}: {str(error.problem).partition(' with')[0]}; each key once") from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise SpecError(f"{path}: {place}not valid YAML: {error.problem or error.context}") from None
    except RecursionError:
        raise SpecError(f"{path}: nested more than {MAX_DEPTH} levels deep") from None
    except (YAMLError, ValueError, TypeError, ArithmeticError, LookupError, AttributeError) as error:
        raise SpecError(f"{path}: not valid YAML: {str(error).partition(chr(10))[0]}") from None


def _not_plain(root: Any) -> list[Problem]:
    """Values that JSON does not have, cycles and alias bombs, found with bounded work."""
    problems: list[Problem] = []
    stack: list[tuple[str, Any, int]] = [("", root, 0)]
    seen = 0
    while stack:
        where, value, depth = stack.pop()
        seen += 1
        if seen > MAX_NODES or depth > MAX_DEPTH:
            return [Problem(where[:200], "too large or too deeply nested for a study file")]
        if isinstance(value, dict):
            problems += [Problem(where, f"keys must be words, not {key!r}") for key in value if not _is_word(key)]
            stack += [(f"{where}.{key}".lstrip("."), item, depth + 1) for key, item in value.items()]
        elif isinstance(value, list):
            stack += [(f"{where}.{index}", item, depth + 1) for index, item in enumerate(value)]
        elif not _is_scalar(value):
            shown = hex(value) if isinstance(value, int) else ascii(value) if isinstance(value, str) else str(value)
            problems.append(Problem(where, f"must be text, a finite number, true, false or null, not {shown[:40]}"))
    return problems


def _is_word(value: Any) -> bool:
    # NUL may stand in no path, and half of a surrogate pair in no file.
    return isinstance(value, str) and not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value)


def _is_scalar(value: Any) -> bool:
    if isinstance(value, int):
        return abs(value) <= MAX_INTEGER
    return value is None or _is_word(value) or (isinstance(value, float) and math.isfinite(value))


def with_override(raw: Mapping[str, Any], assignment: str) -> dict[str, Any]:
    """`--set a.b=value`: the value is YAML, list entries go by number."""
    path, equals, text = assignment.partition("=")
    if not equals or not path.strip():
        raise SpecError(f"--set {assignment}: must look like key.path=value, for example seeds=[0]")
    value = _parsed(Path(f"--set {path}"), text) if text.strip() else None
    assigned: dict[str, Any] = _assigned(dict(raw), path.strip().split("."), value, path)
    return assigned


def _assigned(holder: Any, steps: Sequence[str], value: Any, path: str) -> Any:
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if isinstance(holder, list):
        if not step.isdecimal() or int(step) >= len(holder):
            raise SpecError(f"--set {path}: no entry {step!r} in a list of {len(holder)}")
        index = int(step)
        return [*holder[:index], _assigned(holder[index], rest, value, path), *holder[index + 1 :]]
    if holder is not None and not isinstance(holder, dict):
        raise SpecError(f"--set {path}: {step!r} is inside {holder!r}, which is not a mapping")
    held = dict(holder or {})
    return {**held, step: _assigned(held.get(step), rest, value, path)}


def load_study(path: Path, overrides: Sequence[str] = (), site_file: Path | None = None) -> StudyFile:
    """The study and where it runs; raises SpecError only where the file cannot be read as a mapping at all."""
    raw: dict[str, Any] = read_yaml(path)
    for assignment in overrides:
        raw = with_override(raw, assignment)
    _check_plain(path, raw)
    own = {key: raw.pop(key) for key in list(raw) if key in SITE_KEYS}
    site, problems = _site(path, own, site_file)
    read = _study(raw)
    found = tuple(p.in_file(path) for p in read.problems) + tuple(problems)
    return StudyFile(path, read.study, site, found, read.left)


@dataclass(frozen=True)
class _Read:
    study: Study | None
    problems: tuple[Problem, ...]
    left: Mapping[str, Sequence[int]]


def _study(raw: dict[str, Any]) -> _Read:
    try:
        return _Read(Study.model_validate(raw), (), {})
    except ValidationError as error:
        problems = tuple(dict.fromkeys(_as_typed(raw, p) for p in problems_of(error, Study, also=SITE_KEYS)))
        rest, left = _without(raw, [tuple(item["loc"]) for item in error.errors(include_url=False)])
    try:
        return _Read(Study.model_validate(rest), problems, left)
    except ValidationError:
        return _Read(None, problems, {})


def _as_typed(raw: dict[str, Any], problem: Problem) -> Problem:
    """Seeds in one list stand for three; what is wrong with them is said of the list."""
    if isinstance(raw.get("seeds"), dict):
        return problem
    return Problem(re.sub(r"^seeds\.(model|selection|recovery)\b", "seeds", problem.where), problem.message)


def _without(raw: dict[str, Any], places: list[tuple[int | str, ...]]) -> tuple[dict[str, Any], dict[str, list[int]]]:
    """The same mapping without its broken entries, and which entries of a list are left.

    List items go where the fault is in one, whole keys elsewhere; what cannot be left out has a stand-in.
    """
    kept = dict(raw)
    left: dict[str, list[int]] = {}
    inside: dict[str, set[int | str]] = {}
    for place in filter(None, places):
        inside.setdefault(str(place[0]), set()).update(place[1:2])
    for key, broken in inside.items():
        value = kept.pop(key, None)
        if isinstance(value, list) and broken and all(isinstance(index, int) for index in broken):
            left[key] = [index for index in range(len(value)) if index not in broken]
            kept |= {key: [value[index] for index in left[key]]} if left[key] else {}
    if (kept.get("counts") is None) == (kept.get("ratios") is None):
        kept |= {"counts": [1], "ratios": None}
    for key in ("zip", "exclude", "report"):  # they speak of entries that may be gone
        kept.pop(key, None)
    return {"study": "unnamed", **kept}, left


def _site(path: Path, own: dict[str, Any], site_file: Path | None) -> tuple[Site, list[Problem]]:
    """The study's own site keys, overridden by a site file: the one named, beside the study, or the user's."""
    layers = [(path, own)]
    found = site_file or next((place for place in _site_places(path) if place.is_file()), None)
    if found is not None:
        layers.append((found, read_yaml(found)))
    merged: dict[str, Any] = {}
    problems: list[Problem] = []
    for file, layer in layers:
        try:
            Site.model_validate(layer)
        except ValidationError as error:
            problems += [p.in_file(file) for p in problems_of(error, Site)]
            broken = {item["loc"][0] for item in error.errors(include_url=False)}
            layer = {key: value for key, value in layer.items() if key not in broken}
        places = placed(layer.get("paths", {}), file.parent)
        merged = {**merged, **layer, "paths": {**merged.get("paths", {}), **places}}
    return Site.model_validate(merged), problems


def placed(paths: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The paths of a file in `folder`, absolute; a scratch folder that a variable names is known on its node alone."""
    return {
        label: place if label == "scratch" and place.startswith("$") else str(absolute(place, folder))
        for label, place in paths.items()
    }


def absolute(place: str, folder: Path) -> Path:
    """A path that a file in `folder` names: relative to that folder, `~` for the user's own."""
    try:
        return folder.absolute() / Path(place).expanduser()
    except RuntimeError:
        raise SpecError(f"{place}: no such user has a folder here") from None


def _site_places(path: Path) -> list[Path]:
    return [path.parent / "site.yaml", users_site()]


def users_site() -> Path:
    """The user's own site file, whether it is there or not."""
    settings = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return settings / "harness" / "site.yaml"
