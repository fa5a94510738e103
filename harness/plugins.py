"""A user's own plug-ins: Python files that a study names, loaded so that their classes are known."""

from __future__ import annotations

import hashlib
import inspect
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, ModuleType

from harness.collectors.base import Collector, collectors
from harness.criteria.base import Criterion, criteria
from harness.datasets.base import Dataset, datasets
from harness.errors import HarnessError, Problem, SpecError
from harness.executors.base import Executor, executors
from harness.failures import classified
from harness.recoveries.base import Recovery, recoveries
from harness.registry import Registry
from harness.schema import Plugin, digest
from harness.searches.base import Search, searches
from harness.transforms.base import Transform, transforms

DIGITS = 12  # of a file's SHA-256 in the identity of its classes
REGISTRIES: tuple[Registry[Plugin], ...] = (
    criteria,  # type: ignore[assignment]  # a registry of one kind, used for what all kinds share
    searches,
    recoveries,
    transforms,
    collectors,
    datasets,
    executors,
)
BASES: dict[str, type[Plugin]] = {
    criteria.kind: Criterion,
    searches.kind: Search,
    recoveries.kind: Recovery,
    transforms.kind: Transform,
    collectors.kind: Collector,
    datasets.kind: Dataset,
    executors.kind: Executor,
}


def load_plugins(paths: Sequence[Path]) -> None:
    """Makes the classes that these files register known to this process; raises SpecError for all files at fault.

    Each class carries the digest of its file in its identity: an edited plug-in is another trial. A file that is
    loaded already and has not changed is left as it is. The files are run: they are the user's own code.
    """
    for registry in REGISTRIES:
        registry.members()  # the package's own come first, so that a name taken twice is told of the user's file
    problems: list[Problem] = []
    for path in paths:
        try:
            _load(Path(path))
        except SpecError as error:
            problems += error.problems
    if problems:
        raise SpecError(problems)


def _load(path: Path) -> None:
    source = _read(path)
    code = hashlib.sha256(source).hexdigest()[:DIGITS]
    # One name for each place: a file that is loaded again takes the place of what it was, and of nothing else.
    name = f"{path.stem}_{digest(str(path.resolve()), 8)}"
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__code_digest__", None) == code:
        return
    _forget(name)
    try:
        _run(_compiled(source, path), name, path)
        members = _members(name, path)
    except SpecError:
        _forget(name)
        raise
    sys.modules[name].__dict__["__code_digest__"] = code
    for member in members:
        member.code = code


def _members(name: str, path: Path) -> list[type[Plugin]]:
    """What the module registered; raises SpecError where that is nothing, or no class of its kind."""
    found = [(registry.kind, member) for registry in REGISTRIES for member in registry.from_module(name)]
    if not found:
        raise SpecError(f"{path.name}: registers nothing; a class becomes known by @criteria.register('its_name')")
    faults = [f"{path.name}: {fault}" for fault in (_fault(kind, member) for kind, member in found) if fault]
    if faults:
        raise SpecError(Problem("", fault) for fault in faults)
    return [member for _, member in found]


def _fault(kind: str, member: object) -> str:
    """Why this is no plug-in of its kind, in a sentence; empty where it is one."""
    base, name = BASES[kind], getattr(member, "__name__", repr(member))
    if not (isinstance(member, type) and issubclass(member, base)):
        return f"{name} is registered as a {kind} and is no {base.__name__}; derive it from one of {base.__module__}"
    missing = sorted(member.__abstractmethods__) if inspect.isabstract(member) else []
    return f"{name} lacks {', '.join(missing)}, which every {kind} of its kind must have" if missing else ""


def _forget(name: str) -> None:
    sys.modules.pop(name, None)
    for registry in REGISTRIES:
        registry.forget(name)


def _read(path: Path) -> bytes:
    if path.suffix != ".py":
        raise SpecError(f"{path.name}: is no Python file; a plug-in's name ends in .py")
    try:
        return path.read_bytes()
    except OSError as error:
        raise SpecError(f"{path.name}: cannot be read: {error.strerror or error}") from None


def _compiled(source: bytes, path: Path) -> CodeType:
    try:
        return compile(source, str(path), "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        raise SpecError(f"{path.name}{line}: {getattr(error, 'msg', error)}") from None


def _run(code: CodeType, name: str, path: Path) -> None:
    """Runs a file as the module `name`; what it raises is told with the file's own line."""
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module  # annotations of its classes are looked up here
    try:
        # Not by importlib, which may run what it compiled of an older file: the digest is of the code that runs.
        exec(code, module.__dict__)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # the user's own code may raise anything
        raise SpecError(f"{path.name}{_line(error, path)}: {_words(error)}") from None


@contextmanager
def blamed(*plugins: Plugin) -> Iterator[None]:
    """Within it, what users' own plug-ins get wrong is told with file and line; of others nothing is changed.

    The one whose line was reached last is blamed, and where none of theirs was, the first.
    """
    try:
        yield
    except HarnessError:
        raise
    except Exception as error:  # the user's own code may raise anything
        own = {file: plugin for plugin in plugins if (file := _file(plugin))}
        # Too little memory is nobody's mistake, and a failure of its own class.
        if not own or classified(error) in ("oom_gpu", "oom_host"):
            raise
        file = next((f.filename for f in reversed(traceback.extract_tb(error.__traceback__)) if f.filename in own), "")
        file = file or next(iter(own))
        line = _line(error, Path(file)) or f": what {own[file].name!r} gives cannot be used"
        raise SpecError(f"{Path(file).name}{line}: {_words(error)}") from error


def _file(plugin: Plugin) -> str:
    """The user's file that a plug-in is from; empty for those of the package."""
    module = sys.modules.get(type(plugin).__module__) if plugin.code else None
    return getattr(module, "__file__", None) or ""


def _line(error: BaseException, path: Path) -> str:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f", line {lines[-1]}" if lines else ""


def _words(error: BaseException) -> str:
    if isinstance(error, HarnessError):
        return str(error)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
