"""Decoders of transformers: from a configuration, from a folder, or from the hub's cache; no code of others is run."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import (
    LONGEST_NAME,
    DataError,
    MissingExtraError,
    Problem,
    SpecError,
    UnknownNameError,
    suggestion,
    unknown,
)
from harness.models.configs import CONTENT, FILE, HUB, OWN, read_config, split
from harness.models.drop_lists import whole_faults
from harness.models.hub import cached_folder
from harness.models.weights import safe_files
from harness.network_size import bounded, too_large
from harness.pretrained import absent
from harness.schema import Json, Options

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedConfig

# Torch's own operator, in every runtime: its kernels count, mask and share heads alike, and `runtimes` choose between
# them. Only what has no such form runs eager.
ATTENTION = "sdpa"
# Fields of a configuration that are no property of a network.
FOREIGN = (
    "architectures", "chunk_size_feed_forward", "dtype", "id2label", "is_encoder_decoder", "label2id",
    "output_hidden_states", "problem_type", "return_dict", "transformers_version",
)  # fmt: skip
ROTARY = ("rope_theta", "rope_scaling")  # older words for `rope_parameters`, which transformers still takes
MISSING = "language models need transformers: pip install 'ablation-harness[lm]'"


def check_architecture(architecture: str, options: Options, where: str = "") -> None:
    """Raises for a name or an option that no network could be built from; `where` is the place of the model."""
    if importlib.util.find_spec("transformers") is None:
        raise MissingExtraError(Problem("architecture", MISSING).under(where))
    try:
        _config(architecture, options)
    except (SpecError, UnknownNameError, DataError) as error:
        raise type(error)(problem.under(where) for problem in error.problems) from None


def built(architecture: str, options: Options, task_options: Options) -> nn.Module:
    """The network with whatever weights its own initialisation draws, in float32."""
    import torch
    from transformers import AutoModelForCausalLM

    maker: Any = AutoModelForCausalLM
    config = _config(architecture, {**options, **task_options})
    with _quiet(), _refusals(architecture, {**options, **task_options}):
        return _attending(
            lambda kernel: maker.from_config(
                config, dtype=torch.float32, attn_implementation=kernel, trust_remote_code=False
            )
        )


def weightless(architecture: str, options: Options, task_options: Options) -> nn.Module:
    """The network on the meta device; raises SpecError where it would be larger than any."""
    import torch

    with torch.random.fork_rng(devices=[]), torch.device("meta"), bounded(architecture):
        net: Any = built(architecture, options, task_options)
        if net._can_set_experts_implementation():  # the usual one sorts tokens by expert, and so looks at values
            net.set_experts_implementation("batched_mm")
        shell: nn.Module = net
        return shell


def published_network(architecture: str, options: Options, task_options: Options, tag: str | bool) -> nn.Module:
    """The network with the weights of a repository, from the hub's cache; no network connection is made."""
    check_published(architecture, tag if isinstance(tag, str) else None)
    net = built(architecture, options, task_options)
    return folder_network(net, _snapshot(architecture))


def check_published(architecture: str, tag: str | None) -> None:
    """Raises SpecError where no published weights can be meant: a configuration has none, a repository no tags."""
    if not architecture.startswith(HUB):
        message = "nothing is published for a configuration alone; use 'random', a file, or train them"
        raise SpecError(Problem("weights", message))
    if tag is not None:
        message = f"a repository of the hub has revisions, said in the architecture: {architecture}@{tag}"
        raise SpecError(Problem("weights.pretrained", message))


def folder_network(net: nn.Module, folder: Path) -> nn.Module:
    """A network as `net` is, with the safetensors of a folder; raises DataError where they are not exactly its own."""
    import torch
    from safetensors import SafetensorError

    safe_files(folder)
    what = f"the weights of {folder.name}"
    kind: Any = type(net)
    config: Any = net.config
    try:
        with _quiet():
            found, told = kind.from_pretrained(
                folder,
                config=config,
                dtype=torch.float32,
                attn_implementation=config._attn_implementation,
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # so that they are told, below
            )
    except (OSError, SafetensorError, ValueError, RuntimeError, KeyError) as error:
        raise DataError(f"{what} cannot be read: {_first_line(error)}") from None
    for fault in ("missing", "unexpected", "mismatched"):
        names = sorted(key if isinstance(key, str) else key[0] for key in told[f"{fault}_keys"])
        if names:
            more = ", ..." if len(names) > 1 else ""
            raise DataError(f"{what} belong to another network: {len(names)} {fault}: {names[0]}{more}")
    loaded: nn.Module = found
    return loaded


def _config(architecture: str, options: Options) -> PreTrainedConfig:
    """The configuration with these options; raises for a type or an option that transformers does not have."""
    from transformers import CONFIG_MAPPING
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as DECODERS

    kind, content = _content(architecture, options)
    types: Any = CONFIG_MAPPING
    if kind not in DECODERS or kind not in types:
        raise UnknownNameError(unknown("type of decoder", kind, DECODERS, "architecture"))
    if content.get("quantization_config") is not None:
        raise SpecError(Problem("architecture", f"{architecture}: its weights are quantised; only plain ones are read"))
    own = {key: value for key, value in options.items() if key != CONTENT}
    known = _option_names(types[kind])
    problems = [
        Problem(f"options.{key}", f"no such option of {kind}; {suggestion(key, known, most=40)}")
        for key in own
        if key not in known
    ]
    problems += too_large({key: value for key, value in own.items() if "rope" not in key and "position" not in key})
    if problems:
        raise SpecError(problems)
    with _quiet(), _refusals(architecture, own):
        found: PreTrainedConfig = types[kind](**{**_named(types[kind], content), **_named(types[kind], own)})
    dropped = [Problem("architecture", fault) for fault in whole_faults(content, found.num_hidden_layers)]
    if dropped:
        raise SpecError(dropped)
    return found


def _named(kind: Any, options: Options) -> Options:
    """Options by the type's own names: `num_hidden_layers` is `n_layer` of some."""
    return {kind.attribute_map.get(key, key): value for key, value in options.items()}


def _content(architecture: str, options: Options) -> tuple[str, dict[str, Json]]:
    """The type of a network, and what is said of it beside the options."""
    if architecture.startswith(OWN):
        content = options.get(CONTENT, {})
        if not isinstance(content, dict):
            raise SpecError(Problem(f"options.{CONTENT}", "must be what a configuration file holds, a mapping"))
        return architecture.removeprefix(OWN), content
    return split(read_config(_snapshot(architecture) / FILE))


def _snapshot(architecture: str) -> Path:
    folder = cached_folder(architecture)
    if folder is None:
        raise DataError(Problem("architecture", absent(architecture)))
    return folder


def _option_names(kind: Any) -> set[str]:
    from dataclasses import fields

    own = {one.name for one in fields(kind)} | set(kind.attribute_map)
    return (own | set(ROTARY)) - set(FOREIGN)


def _attending(make: Callable[[str], nn.Module]) -> nn.Module:
    """What is made with torch's own attention, or with a plain one where a type has no other."""
    try:
        return make(ATTENTION)
    except ValueError as error:
        if "scaled_dot_product_attention" not in str(error):
            raise
        return make("eager")


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what transformers prints: advice about options, and bars."""
    from transformers import utils

    logging: Any = utils.logging
    level, had_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if had_bars:
            logging.enable_progress_bar()


@contextmanager
def _refusals(architecture: str, options: Options) -> Iterator[None]:
    """What transformers' own code raises over options that it cannot take, said in terms of those options."""
    from huggingface_hub.errors import StrictDataclassError

    faults = (TypeError, ValueError, AssertionError, RuntimeError, ArithmeticError, LookupError, AttributeError)
    try:
        yield
    except (StrictDataclassError, *faults) as error:
        own = {key: value for key, value in options.items() if key != CONTENT}
        given = ", ".join(f"{key}: {str(value)[:LONGEST_NAME]}" for key, value in own.items()) or "its configuration"
        why = f"{type(error).__name__}: {' '.join(str(error).split())}"
        where = "options" if own else "architecture"
        raise SpecError(Problem(where, f"{architecture} refuses {{{given}}}: {why}")) from None


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or "no reason given"
