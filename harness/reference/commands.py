"""`reference/commands.md`: every command with its arguments and options, from the command line itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import typer
from typer.models import ArgumentInfo, ParameterInfo

from harness.cli import exits
from harness.cli.app import app
from harness.reference.prose import page, sentence, table

HEAD = """`python -m harness COMMAND`; once installed, `harness COMMAND` is the same. `harness COMMAND --help` prints
what stands here. Progress is a bar on a terminal and plain lines elsewhere. A wrong name, key or option is told before
anything runs."""
CODES = (
    (exits.FINE, "fine"),
    (exits.FAILED, "a trial failed, or a regression was found"),
    (exits.USER, "the user's to fix: a bad study, an unknown name, a rule of the field broken under `--strict`"),
    (exits.NOTHING, "nothing was measured, or there is nothing to compare with"),
    (exits.BUG, "a bug of harness, with its traceback"),
    (exits.INTERRUPTED, "interrupted"),
)
VALUES = {int: "N", float: "NUMBER", str: "TEXT"}


@dataclass(frozen=True)
class Parameter:
    """An argument or option of a command as its function declares it; `default` is None where there is none."""

    name: str
    kind: Any
    info: ParameterInfo
    default: object
    is_required: bool

    @property
    def is_argument(self) -> bool:
        """Whether it goes by its place, and not by a name."""
        return isinstance(self.info, ArgumentInfo)

    @property
    def spelled(self) -> str:
        """As it is typed: `STUDY`, `--limit N`, `--set a.b=value ...`, `--detach`."""
        if self.is_argument:
            return str(self.info.metavar)
        # Beside `Annotated`, typer takes the first word of an option for its default.
        declared = [word for word in (self.info.default, *(self.info.param_decls or ())) if str(word).startswith("--")]
        name = str(declared[0]) if declared else f"--{self.name.strip('_').replace('_', '-')}"
        return name if self.kind is bool else f"{name} {self._value}"

    @property
    def _value(self) -> str:
        inner = get_args(self.kind)[0] if get_origin(self.kind) is list else self.kind
        choices = "|".join(map(str, get_args(inner))) if get_origin(inner) is Literal else ""
        value = str(self.info.metavar or choices or VALUES.get(inner, "TEXT"))
        return f"{value} ..." if inner is not self.kind else value

    def row(self) -> tuple[str, str, str]:
        """Its line in the table of its command."""
        is_unset = self.default is None or self.default is False
        default = "required" if self.is_required else "none" if is_unset else f"`{self.default}`"
        return f"`{self.spelled}`", default, sentence(self.info.help or "")


def commands() -> str:
    """The whole page."""
    parts = [part for name, function in _functions(app) for part in _command(name, function)]
    codes = table(("code", "means"), [(str(code), meaning) for code, meaning in CODES])
    return page("Commands", HEAD, "## Exit codes", codes, *parts)


def _functions(group: typer.Typer, prefix: str = "") -> Iterator[tuple[str, Callable[..., object]]]:
    """Every command by the words that call it, those of groups behind the others."""
    for command in group.registered_commands:
        if command.callback is not None:
            yield prefix + (command.name or command.callback.__name__), command.callback
    for inner in group.registered_groups:
        if inner.typer_instance is not None:
            yield from _functions(inner.typer_instance, f"{prefix}{inner.name} ")


def _command(name: str, function: Callable[..., object]) -> Iterator[str]:
    found = list(_parameters(function))
    words = [one.spelled for one in found if one.is_argument]
    options = [] if len(words) == len(found) else ["[OPTIONS]"]
    yield f"## {name}"
    yield f"    {' '.join(['harness', name, *words, *options])}"
    yield sentence(inspect.getdoc(function) or "")
    yield table(("argument or option", "default", "meaning"), [one.row() for one in found]) if found else ""


def _parameters(function: Callable[..., object]) -> Iterator[Parameter]:
    hints = get_type_hints(function, include_extras=True)
    for name, declared in inspect.signature(function).parameters.items():
        kind, info = _unwrapped(hints[name])
        is_required = declared.default is inspect.Parameter.empty
        yield Parameter(name, kind, info, None if is_required else declared.default, is_required)


def _unwrapped(hint: Any) -> tuple[Any, ParameterInfo]:
    """The type of a value and what is declared of it: `Annotated[list[str] | None, typer.Option(...)]`."""
    alternatives = [one for one in get_args(hint) if one is not NoneType] if isinstance(hint, UnionType) else [hint]
    kind, info = get_args(alternatives[0])[:2] if get_origin(alternatives[0]) is Annotated else (hint, ParameterInfo())
    inner = [one for one in get_args(kind) if one is not NoneType] if isinstance(kind, UnionType) else [kind]
    return inner[0], info
