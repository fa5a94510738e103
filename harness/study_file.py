"""A study or site file from disk: bounded, safe YAML 1.2, overrides, and every problem of its shape at once."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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

MAX_BYTES = 1 << 20
MAX_NODES = 100_000
MAX_DEPTH = 50
SITE_KEYS = frozenset(Site.model_fields)


@dataclass(frozen=True)
class StudyFile:
    """What a file asks for; `study` is None where its shape is too broken to go on, and `problems` say why.

    With problems, `study` holds what is left when the broken entries are taken out, so that the rest can be checked
    in the same go; it must not be run.
    """

    path: Path
    study: Study | None
    site: Site
    problems: tuple[Problem, ...]


def read_yaml(path: Path) -> dict[str, Any]:
    """One mapping of JSON-like values; raises SpecError with the line of the fault."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SpecError(f"{path}: larger than {MAX_BYTES} bytes; a study file is a few kilobytes")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SpecError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise SpecError(f"{path}: is not UTF-8 text") from None
    found = _parsed(path, text)
    if not isinstance(found, dict):
        raise SpecError(f"{path}: must be a mapping such as 'study: my_study', not {type(found).__name__}")
    problems = _not_plain(found)
    if problems:
        raise SpecError([p.in_file(path) for p in problems])
    return found


def _parsed(path: Path, text: str) -> Any:
    try:
        return YAML(typ="safe", pure=True).load(text)
    except DuplicateKeyError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise SpecError(f"{path}: line {line}: {str(error.problem).partition(' with')[0]}; each key once") from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise SpecError(f"{path}: {place}not valid YAML: {error.problem or error.context}") from None
    except RecursionError:
        raise SpecError(f"{path}: nested more than {MAX_DEPTH} levels deep") from None
    except (YAMLError, ValueError, TypeError, OverflowError) as error:
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
            problems += [
                Problem(where, f"keys must be words, not {key!r}") for key in value if not isinstance(key, str)
            ]
            stack += [(f"{where}.{key}".lstrip("."), item, depth + 1) for key, item in value.items()]
        elif isinstance(value, list):
            stack += [(f"{where}.{index}", item, depth + 1) for index, item in enumerate(value)]
        elif not (value is None or isinstance(value, str | int | float | bool)) or _is_not_finite(value):
            problems.append(Problem(where, f"must be text, a number, true, false or null, not {str(value)[:40]}"))
    return problems


def _is_not_finite(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


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
        if not step.isdigit() or int(step) >= len(holder):
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
    own = {key: raw.pop(key) for key in list(raw) if key in SITE_KEYS}
    site, problems = _site(path, own, site_file)
    study, found = _study(raw)
    return StudyFile(path, study, site, tuple(p.in_file(path) for p in found) + tuple(problems))


def _study(raw: dict[str, Any]) -> tuple[Study | None, list[Problem]]:
    problems: list[Problem] = []
    known = sorted({*Study.model_fields, *SITE_KEYS})
    for _ in range(2):
        try:
            return Study.model_validate(raw), problems
        except ValidationError as error:
            problems = problems or problems_of(error, known)
            raw = _without(raw, [tuple(item["loc"]) for item in error.errors(include_url=False)])
    return None, problems


def _without(raw: dict[str, Any], places: list[tuple[int | str, ...]]) -> dict[str, Any]:
    """The same mapping without its broken entries: list items where the fault is in one, whole keys elsewhere."""
    kept = dict(raw)
    broken = {place[:2] for place in places if place}
    for key in {place[0] for place in broken}:
        value = kept.pop(str(key), None)
        indices = {place[1] for place in broken if place[0] == key and len(place) > 1}
        if isinstance(value, list) and indices and all(isinstance(index, int) for index in indices):
            rest = [item for index, item in enumerate(value) if index not in indices]
            if rest:
                kept[str(key)] = rest
    return kept


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
            problems += [p.in_file(file) for p in problems_of(error, Site.model_fields)]
            continue
        absolute = {key: str((file.parent / Path(item).expanduser()).resolve()) for key, item in _paths(layer).items()}
        merged = {**merged, **layer, "paths": {**merged.get("paths", {}), **absolute}}
    return Site.model_validate(merged), problems


def _paths(layer: Mapping[str, Any]) -> dict[str, str]:
    return dict(layer.get("paths") or {})


def _site_places(path: Path) -> list[Path]:
    settings = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return [path.parent / "site.yaml", settings / "harness" / "site.yaml"]
