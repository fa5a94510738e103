"""Which family addresses each of timm's architectures and which types of decoders, and why others are refused."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from harness import __version__
from harness.errors import HarnessError
from harness.families.catalogue import families, family_of, written_in
from harness.families.refused import REFUSED
from harness.inventory import write_kept
from harness.schema import digest

UNCLASSIFIED = "no family describes it yet"


@dataclass(frozen=True)
class Standing:
    """Where an architecture stands: either a `family` addresses it or there is a `reason`; `module` registers it."""

    module: str
    family: str = ""
    reason: str = ""


def kept_layouts(folder: Path) -> dict[str, Standing]:
    """Every architecture by name, sorted.

    The first call loads timm and builds what cannot be told from its module alone; later calls import no torch.
    """
    path = folder / f"layouts-{digest([version('timm'), __version__, written_in(), _own()])}.json"
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return {name: Standing(**fields) for name, fields in kept.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        found = layouts()
        write_kept(path, json.dumps({name: asdict(standing) for name, standing in found.items()}, indent=0))
    return found


def _own() -> list[str]:
    """The text of the networks that are built here, read without the libraries that they stand on."""
    return [path.read_text(encoding="utf-8") for path in sorted((Path(__file__).parent / "architectures").glob("*.py"))]


def decoders() -> list[str]:
    """Types of language models that families address, sorted: what `hf-config:` may be followed by."""
    return sorted(family.name for family in families() if family.library == "transformers")


def layouts() -> dict[str, Standing]:
    """The same, found anew."""
    import timm

    import harness.architectures  # noqa: F401  # registers the networks of this package

    found = {name: standing(name, module) for module in timm.list_modules() for name in timm.list_models(module=module)}
    return dict(sorted(found.items()))


def standing(name: str, module: str) -> Standing:
    """Where one architecture stands.

    All of a module have blocks that its family knows, or none has; only where a module is both addressed and refused
    the network itself tells.
    """
    near = [family.name for family in families() if module in family.homes]
    if module in REFUSED and near:
        family = _built_family(name)
        return Standing(module, family) if family else Standing(module, reason=REFUSED[module])
    if near:
        return Standing(module, near[0])
    return Standing(module, reason=REFUSED.get(module, UNCLASSIFIED))


def _built_family(name: str) -> str:
    from harness.models import create

    try:
        net = create(name, {}, {}, device="meta")
        family = family_of(net)
    except HarnessError:
        return ""
    return family.name if family.sublayers(net) else ""
