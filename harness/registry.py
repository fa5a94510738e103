"""Plug-ins by name: every module of a folder, and packages outside through entry points."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from pydantic import ValidationError

from harness.errors import Problem, SpecError, UnknownNameError, unknown
from harness.schema import Json, Plugin, problems_of

P = TypeVar("P", bound=Plugin)
Q = TypeVar("Q", bound=Plugin)


class Registry(Generic[P]):
    """The members of one kind, found on first use; a member that fails to import is an error, never a shorter list."""

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self.package = package
        self._members: dict[str, type[P]] = {}
        self._is_complete = False

    def register(self, name: str) -> Callable[[type[Q]], type[Q]]:
        """Class decorator: makes a plug-in known under `name`."""

        def known(member: type[Q]) -> type[Q]:
            held = self._members.get(name)
            if held is not None and held.__module__ != member.__module__:
                raise ValueError(f"two of kind {self.kind} are called {name!r}: {held.__module__}, {member.__module__}")
            member.name = name
            self._members[name] = member  # type: ignore[assignment]  # Q is a P: the decorator returns the exact class
            return member

        return known

    def members(self) -> Mapping[str, type[P]]:
        """Every member by name, sorted."""
        if not self._is_complete:
            home = importlib.import_module(self.package)
            for module in pkgutil.iter_modules(home.__path__, self.package + "."):
                importlib.import_module(module.name)
            for entry in entry_points(group=self.package):
                entry.load()
            self._is_complete = True
        return dict(sorted(self._members.items()))

    def from_module(self, module: str) -> tuple[type[P], ...]:
        """The members that a module defines, among those known so far."""
        return tuple(member for member in self._members.values() if member.__module__ == module)

    def forget(self, module: str) -> None:
        """Takes out what a module defines, before it is loaded again."""
        self._members = {name: member for name, member in self._members.items() if member.__module__ != module}

    def get(self, name: str, where: str = "") -> type[P]:
        """The class called `name`; raises UnknownNameError with the nearest known name."""
        members = self.members()
        if name not in members:
            raise UnknownNameError(unknown(self.kind, name, members, where))
        return members[name]

    def create(self, identity: Mapping[str, Json], where: str = "", also: Iterable[str] = ()) -> P:
        """A member from `{name, **options}` as a study or an identity holds it; raises with every problem at once.

        `also` names keys that a study may put beside the options.
        """
        options = {key: value for key, value in identity.items() if key not in {"name", "revision", "code"}}
        member = self.get(str(identity["name"]), f"{where}.name".lstrip("."))
        if identity.get("code", member.code) != member.code:
            message = f"{self.kind} {member.name!r} is not the code that was planned: its file was edited since"
            raise SpecError(Problem(where, f"{message}; run the command again"))
        try:
            return member(**options)
        except ValidationError as error:
            raise SpecError(problems_of(error, member, where, also)) from None

    def problems(self, identity: Mapping[str, Json], where: str = "") -> list[Problem]:
        """What is wrong with a choice; an empty list when nothing is."""
        try:
            self.create(identity, where)
        except (SpecError, UnknownNameError) as error:
            return list(error.problems)
        return []
