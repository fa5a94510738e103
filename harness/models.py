"""A network by name with its weights: built by timm, published or random; kept as safetensors."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import LONGEST_NAME, DataError, Problem, SpecError, UnknownNameError, suggestion, unknown
from harness.network_size import bounded, too_large
from harness.pretrained import absent, published, tags
from harness.schema import Options, file_digest

if TYPE_CHECKING:
    from torch import Tensor, nn

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
FOLLOW_THE_DATA = ("num_classes", "in_chans")
MOST_LISTED = 3  # names that an error lists


def architectures() -> list[str]:
    """Every architecture that can be built, sorted."""
    import timm

    return sorted(timm.list_models())


def create(
    architecture: str,
    options: Options,
    task_options: Options,
    *,
    pretrained: str | bool | None = None,
    seed: int = 0,
    device: str = "cpu",
) -> nn.Module:
    """A network in eval mode; `task_options` follow the data, `pretrained` is a tag, or True for timm's default one.

    What is random depends on `seed` alone, is drawn on the CPU, and leaves the caller's random numbers as they were.
    On `meta` nothing is drawn or loaded.
    """
    import torch

    check_architecture(architecture, options)
    if device == "meta" or pretrained:
        # Without weights first: what fails here is a fault of the options, what fails below one of the weights.
        net = _weightless(architecture, options, task_options)
    if device == "meta":
        return net.eval()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        if pretrained:
            net = _published(architecture, options, task_options, pretrained)
        else:
            net = _built(architecture, options, task_options)
    return net.eval().to(device)


def check_architecture(architecture: str, options: Options, where: str = "") -> None:
    """Raises for a name or an option that no network could be built from; `where` is the place of the model."""
    import timm

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


def save_weights(net: nn.Module, path: Path) -> None:
    """Writes the state of a network, tensors only; what shares memory is written once for each name. Raises OSError."""
    seen: set[int] = set()
    state: dict[str, Tensor] = {}
    for name, tensor in net.state_dict().items():
        plain = tensor.detach().cpu().contiguous()
        state[name] = plain.clone() if plain.data_ptr() in seen else plain
        seen.add(plain.data_ptr())
    save_tensors(state, path)


def save_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Writes tensors by name; raises OSError where the disk does not take them."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        save_file(dict(tensors), path)
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), path.name) from None


def load_weights(net: nn.Module, path: Path) -> None:
    """Puts a file of tensors into a network that has exactly its names and shapes; raises DataError otherwise."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = load_file(path)
    except FileNotFoundError:
        raise DataError(f"{path.name}: no such file of weights") from None
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path.name}: not a readable safetensors file: {error}") from None
    put_state(net, state, path.name)


def put_state(net: nn.Module, state: Mapping[str, Tensor], where: str) -> None:
    """Puts tensors into a network that has exactly their names and shapes; raises DataError otherwise."""
    problems = list(_misfits(net.state_dict(), state))
    if problems:
        raise DataError(Problem(where, f"these weights belong to another network: {text}") for text in problems)
    net.load_state_dict(state)


def content_of(net: nn.Module) -> str:
    """16 hex digits of the SHA-256 over names, types, shapes and bytes of the state; the device does not matter."""
    import torch

    found = hashlib.sha256()
    for name, tensor in sorted(net.state_dict().items()):
        head = [name, str(tensor.dtype), list(tensor.shape)]
        found.update(json.dumps(head).encode() + b"\n")
        found.update(memoryview(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()))
    return found.hexdigest()[:16]


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, as 64 hex digits; raises DataError where it cannot be read."""
    try:
        return file_digest(path)
    except OSError as error:
        raise DataError(f"{path.name}: cannot be read: {error.strerror}") from None


def _built(architecture: str, options: Options, task_options: Options) -> nn.Module:
    import timm

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
    return {**options, **task_options}


def _weightless(architecture: str, options: Options, task_options: Options) -> nn.Module:
    import torch

    with torch.random.fork_rng(devices=[]), torch.device("meta"), bounded(architecture):
        return _built(architecture, options, task_options)


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


def _published(architecture: str, options: Options, task_options: Options, tag: str | bool) -> nn.Module:
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


def _misfits(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> Iterator[str]:
    both = [name for name in expected if name in found]
    shapes = [
        f"{name} is {tuple(found[name].shape)} and not {tuple(expected[name].shape)}"
        for name in both
        if found[name].shape != expected[name].shape
    ]
    yield from _listed("missing", [name for name in expected if name not in found])
    yield from _listed("unexpected", [name for name in found if name not in expected])
    yield from _listed("of another shape", shapes)


def _listed(what: str, names: list[str]) -> Iterator[str]:
    if names:
        more = ", ..." if len(names) > MOST_LISTED else ""
        yield f"{len(names)} {what}: {', '.join(names[:MOST_LISTED])}{more}"


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or "no reason given"
