"""Networks of the literature, each in a file of its own; importing this registers all of them with timm."""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import entry_points

for module in pkgutil.iter_modules(__path__, f"{__name__}."):
    importlib.import_module(module.name)
for entry in entry_points(group=__name__):  # of other packages: a module that registers with timm when it is imported
    entry.load()
