"""Which of timm's architectures have sublayers that can be removed, and why the others have not; kept once found."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

from harness import __version__
from harness.errors import HarnessError, SpecError
from harness.families.catalogue import families, family_of
from harness.inventory import write_kept
from harness.schema import digest


def kept_layouts(folder: Path) -> dict[str, str | None]:
    """Every architecture with None, or with the reason why nothing can be removed from it.

    The first call builds each candidate on the meta device (some seconds); later calls import no torch.
    """
    known = [[f.name, f.model_classes, f.block_classes] for f in families()]
    path = folder / f"layouts-{digest([version('timm'), __version__, known])}.json"
    try:
        found: dict[str, str | None] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = _layouts()
        write_kept(path, json.dumps(found, indent=0))
    return found


def _layouts() -> dict[str, str | None]:
    import timm

    from harness.models import architectures

    # A network's class is made in the module that registers it: most are refused without being built.
    homes = {name.rpartition(".")[0].rpartition(".")[2] for family in families() for name in family.model_classes}
    candidates = {name for home in homes for name in timm.list_models(module=home)}
    named = ", ".join(sorted(family.name for family in families()))
    return {
        name: _refusal(name) if name in candidates else f"no family describes it; known families: {named}"
        for name in architectures()
    }


def _refusal(architecture: str) -> str | None:
    from harness.models import create

    try:
        try:
            net = create(architecture, {"depth": 1}, {}, device="meta")  # blocks of one network are of one class
        except SpecError:
            net = create(architecture, {}, {}, device="meta")
        family_of(net)
    except HarnessError as error:
        return str(error)
    return None
