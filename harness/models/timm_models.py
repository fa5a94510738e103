"""Networks of timm: by name with options, with published weights or without any."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from harness.errors import LONGEST_NAME, DataError, Problem, SpecError, UnknownNameError, suggestion, unknown
from harness.network_size import bounded, too_large
from harness.pretrained import absent, published, tags
from harness.schema import Options

if TYPE_CHECKING:
    from torch import nn

# Arguments of timm.create_model that are no property of an architecture: weights and places are asked for elsewhere.
FOREIGN = (
    "cache_dir",
    "checkpoint_path",
    "device",
    "dtype",
    "exportable",
    "features_only",
    "no_jit",
    "pretrained",
    "pretrained_cfg",
    "pretrained_cfg_overlay",
    "scriptable",
)
ACTIVATION = "act_layer"
FOLLOW_THE_DATA = ("num_classes", "in_chans")


def architectures() -> list[str]:
    """Every architecture that can be built, sorted."""
    import timm

    import harness.architectures  # noqa: F401  # registers the networks of this package

    return sorted(timm.list_models())


def check_architecture(architecture: str, options: Options, where: str = "") -> None:
    """Raises for a name or an option that no network could be built from; `where` is the place of the model."""
    import timm

    import harness.architectures  # noqa: F401  # registers the networks of this package

    # timm would take `hf-hub:` and `local-dir:` here, and follow them to wherever they point.
    if not re.fullmatch(r"[\w.]+", architecture) or not timm.is_model(architecture):
        raise UnknownNameError(unknown("architecture", architecture, architectures(), "architecture").under(where))
    name, _, tag = architecture.partition(".")
    known = tags(name)
    if tag and tag not in known:
        raise UnknownNameError(unknown(f"tag of {name}", tag, known, "architecture").under(where))
    problems = [Problem(f"options.{key}", _FOREIGN_SENTENCE) for key in FOREIGN if key in options]
    problems += [
        Problem(f"options.{key}", "follows the data; leave it out") for key in FOLLOW_THE_DATA if key in options
    ]
    problems += too_large(options)
    if problems:
        raise SpecError(problem.under(where) for problem in problems)


_FOREIGN_SENTENCE = "is no option of an architecture; weights are asked for by 'weights', places by the site file"


def built(architecture: str, options: Options, task_options: Options) -> nn.Module:
    """The network with whatever weights its own initialisation draws."""
    import timm

    import harness.architectures  # noqa: F401  # registers the networks of this package

    with _refusals(architecture, {**options, **task_options}):
        net: nn.Module = timm.create_model(architecture, **_arguments(options, task_options))
    return _sized(net, options)


def _sized(net: nn.Module, options: Options) -> nn.Module:
    """Not every network knows the size it was built for, and timm's configuration keeps the published one."""
    size = options.get("img_size")
    published = getattr(net, "pretrained_cfg", None)
    if size is not None and isinstance(published, dict):
        height, width = size if isinstance(size, list) else (size, size)
        channels = published.get("input_size", (3,))[0]
        net.pretrained_cfg = {**published, "input_size": (channels, height, width)}  # type: ignore[assignment]  # timm's
    return net


def _arguments(options: Options, task_options: Options) -> dict[str, Any]:
    """As timm takes them: many of its networks want an activation as a class, and a study has its name."""
    given: dict[str, Any] = {**options, **task_options}
    return given | ({ACTIVATION: _activation(given[ACTIVATION])} if ACTIVATION in given else {})


def _activation(name: object) -> object:
    from timm.layers import create_act

    known = create_act._ACT_LAYER_DEFAULT
    if not isinstance(name, str) or name not in known:
        raise SpecError(unknown("activation", str(name), known, f"options.{ACTIVATION}"))
    return create_act.get_act_layer(name)


def weightless(architecture: str, options: Options, task_options: Options) -> nn.Module:
    """The network on the meta device; raises SpecError where it would be larger than any."""
    import torch

    with torch.random.fork_rng(devices=[]), torch.device("meta"), bounded(architecture):
        return built(architecture, options, task_options)


@contextmanager
def _refusals(architecture: str, options: Options) -> Iterator[None]:
    """What an architecture's own code raises over options that it cannot take, said in terms of those options."""
    try:
        yield
    except (TypeError, ValueError, AssertionError, RuntimeError, ArithmeticError, LookupError, AttributeError) as error:
        if not options:
            raise
        name = re.search(r"unexpected keyword argument '(\w+)'", str(error))
        if name and name[1] in options:
            known = suggestion(name[1], _option_names(architecture), most=40)
            raise SpecError(Problem(f"options.{name[1]}", f"no such option of {architecture}; {known}")) from None
        given = ", ".join(f"{key}: {str(value)[:LONGEST_NAME]}" for key, value in options.items())
        why = f"{type(error).__name__}: {_first_line(error)}"
        raise SpecError(Problem("options", f"{architecture} refuses {{{given}}}: {why}")) from None


def _option_names(architecture: str) -> list[str]:
    import timm
    import torch

    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        kind = type(timm.create_model(architecture))
    parameters = inspect.signature(kind).parameters.values()
    names = {p.name for p in parameters if p.kind is not p.VAR_KEYWORD and p.kind is not p.VAR_POSITIONAL}
    return sorted(names - set(FOREIGN) - set(FOLLOW_THE_DATA))


def published_network(architecture: str, options: Options, task_options: Options, tag: str | bool) -> nn.Module:
    """The network with weights by timm's own loader, from its cache or the network."""
    import timm
    from huggingface_hub import constants
    from huggingface_hub.errors import HfHubHTTPError
    from safetensors import SafetensorError

    weights = published(architecture, tag if isinstance(tag, str) else None)
    if constants.HF_HUB_OFFLINE and weights.found() is None:  # what has a plain address knows no such switch
        raise DataError(absent(weights.name))
    arguments = _arguments(options, task_options)
    try:
        net: nn.Module = _sized(timm.create_model(weights.name, pretrained=True, **arguments), options)
    except (OSError, HfHubHTTPError) as error:
        why = "are not in the local cache, and cannot be fetched"
        raise DataError(f"the published weights of {weights.name} {why}: {_first_line(error)}") from None
    except (RuntimeError, KeyError, SafetensorError) as error:
        what = f"the published weights of {weights.name} do not fit these options"
        raise DataError(f"{what}: {_first_line(error)}") from None
    return net


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or "no reason given"
