"""Finds the family that describes a network, and its sublayers."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterable
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from harness.errors import UnknownNameError, unknown
from harness.families.base import Family, Sublayer, class_name

if TYPE_CHECKING:
    from torch import nn

PACKAGE = "harness.families"
GONE = "harness.stand_ins.Through"  # what stands in the place of a block that was removed


@cache
def families() -> tuple[Family, ...]:
    """Those of this folder's modules, then those of other packages (entry points of group `harness.families`)."""
    home = importlib.import_module(PACKAGE)
    found: list[Family] = []
    for module in pkgutil.iter_modules(home.__path__, f"{PACKAGE}."):
        found += getattr(importlib.import_module(module.name), "FAMILIES", ())
    for entry in entry_points(group=PACKAGE):
        found += entry.load()
    return tuple(found)


def written_in() -> list[str]:
    """The text that the families are written in, module by module: what was found with it is found with it again."""
    homes = {module.name for module in pkgutil.iter_modules(importlib.import_module(PACKAGE).__path__, f"{PACKAGE}.")}
    homes |= {entry.module for entry in entry_points(group=PACKAGE)}
    return [inspect.getsource(importlib.import_module(home)) for home in sorted(homes)]


def family_of(net: nn.Module) -> Family:
    """The family that describes the network, every block included; raises UnknownNameError with the reason against."""
    for family in families():
        if family.fits(net):
            return family
    raise UnknownNameError(_refusal(net))


def family_of_rest(net: nn.Module) -> Family:
    """The same of a network whose whole blocks may be gone: what stands in for one is no block that it must know."""
    kind = class_name(net)
    known = (family for family in families() if kind in family.model_classes)
    return next((family for family in known if set(family.strangers(net)) <= {GONE}), None) or family_of(net)


def sublayers_named(net: nn.Module, names: Iterable[str]) -> tuple[Sublayer, ...]:
    """The sublayers called `blocks.3.attn` and so on, in order of execution; raises UnknownNameError for any other."""
    wanted = set(names)
    known = {sublayer.name: sublayer for sublayer in family_of(net).sublayers(net)}
    strangers = sorted(wanted - set(known))
    if strangers:
        raise UnknownNameError(unknown("sublayer", name, known) for name in strangers)
    return tuple(sublayer for name, sublayer in known.items() if name in wanted)


def _refusal(net: nn.Module) -> str:
    kind = class_name(net)
    near = next((family for family in families() if kind in family.model_classes), None)
    kin = [family for family in families() if family.library == kind.partition(".")[0]] or families()
    known = ", ".join(sorted(family.name for family in kin))
    if near is None:
        return f"no family says where a network of class {kind} keeps its blocks; known families: {known}"
    strangers = near.strangers(net)
    held = f"blocks of class {', '.join(strangers)}" if strangers else "no blocks"
    handled = ", ".join(near.layouts)
    return f"a network of class {kind} has {held}; family {near.name!r} knows only {handled}; known families: {known}"
