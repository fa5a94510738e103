"""How a study names a language model, and what a configuration file beside it says; without transformers."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import Problem, SpecError
from harness.kinds import OF_LANGUAGE_MODELS
from harness.schema import Json, Options

HUB = "hf:"  # a repository of the Hugging Face hub, `hf:NAME` or `hf:NAME@REVISION`, or a folder, `hf:./DIR`
OWN = "hf-config:"  # a configuration file, `hf-config:./F.json`, or one of transformers' types, `hf-config:llama`
CONTENT = "config"  # the option that holds what a configuration file says; the other options go before it
MAX_BYTES = 1 << 20
FILE = "config.json"  # of a folder
SAFE_FILES = "*.safetensors"
INDEX = "model.safetensors.index.json"  # says which of several files holds what
# What a configuration file says about itself, its code and its numbers' type, and nothing about the network.
ASIDE = ("_name_or_path", "architectures", "auto_map", "dtype", "torch_dtype", "transformers_version")


@dataclass(frozen=True)
class Resolved:
    """A language model without a path in it: `weights` is the folder of a model whose files lie in one."""

    architecture: str
    options: Options
    weights: Path | None = None


def is_language_model(architecture: str) -> bool:
    """Whether transformers builds it."""
    return architecture.startswith((HUB, OWN))


def needs(architecture: str) -> tuple[str, ...]:
    """Modules that take seconds to import and are wanted in every trial of such a network, beside timm and torch."""
    return ("transformers.modeling_utils",) if is_language_model(architecture) else ()


def libraries(architecture: str) -> tuple[str, ...]:
    """Packages whose version decides what such a network gives, beside those of every trial."""
    return OF_LANGUAGE_MODELS if is_language_model(architecture) else ()


def place_of(architecture: str) -> str | None:
    """The file or folder that an architecture names; None where it names none."""
    if architecture.startswith(HUB):
        name = architecture.removeprefix(HUB)
        return name if name.startswith((".", "/", "~")) else None
    name = architecture.removeprefix(OWN)
    return name if architecture.startswith(OWN) and ("/" in name or name.endswith(".json")) else None


def placed(architecture: str, place: Path) -> str:
    """The architecture with another place in it."""
    return f"{HUB if architecture.startswith(HUB) else OWN}{place}"


def resolved(architecture: str, options: Options) -> Resolved:
    """What a file or a folder stands for, so that equal files are equal models; anything else stands for itself.

    Raises SpecError for a file that holds no configuration, and for a folder without one.
    """
    place = place_of(architecture)
    if place is None:
        return Resolved(architecture, options)
    folder = Path(place) if architecture.startswith(HUB) else None
    kind, content = split(read_config(Path(place) if folder is None else folder / FILE))
    return Resolved(f"{OWN}{kind}", {CONTENT: content, **options}, folder)


def read_config(path: Path) -> dict[str, Any]:
    """A configuration file as JSON; raises SpecError with what is wrong with it."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise _fault(path, f"cannot be read: {error.strerror or error}") from None
    if len(data) > MAX_BYTES:
        raise _fault(path, f"is larger than {MAX_BYTES} bytes; a configuration is a few kilobytes")
    try:
        found = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _fault(path, f"is not JSON: {error}") from None
    if not isinstance(found, dict) or not isinstance(found.get("model_type"), str):
        raise _fault(path, 'is no configuration of a language model: it must be a mapping with a "model_type"')
    if not _is_finite(found):
        raise _fault(path, "holds a number that is not finite")
    return found


def split(found: dict[str, Any]) -> tuple[str, dict[str, Json]]:
    """The type of a model, and what else its configuration says of the network."""
    content = {key: value for key, value in found.items() if key not in ASIDE}
    return str(content.pop("model_type")), content


def _is_finite(value: Any) -> bool:
    if isinstance(value, dict | list):
        return all(map(_is_finite, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, float) or math.isfinite(value)


def _fault(path: Path, what: str) -> SpecError:
    shown = f"{path.parent.name}/{path.name}" if path.name == FILE else path.name
    return SpecError(Problem("architecture", f"{shown} {what}"))
