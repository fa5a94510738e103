"""Decoders of transformers: from a configuration, from a folder, or from the hub's cache; no code of others is run."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import DataError, MissingExtraError, Problem, SpecError, UnknownNameError
from harness.models.configs import HUB
from harness.models.decoder_configs import config_of, quiet, refusals, snapshot
from harness.models.weights import safe_files
from harness.network_size import bounded
from harness.schema import Options

if TYPE_CHECKING:
    from torch import nn

# Torch's own operator, in every runtime: its kernels count, mask and share heads alike, and `runtimes` choose between
# them. Only what has no such form runs eager.
ATTENTION = "sdpa"
MISSING = "language models need transformers: pip install 'ablation-harness[lm]'"


def check_architecture(architecture: str, options: Options, where: str = "") -> None:
    """Raises for a name or an option that no network could be built from; `where` is the place of the model."""
    if importlib.util.find_spec("transformers") is None:
        raise MissingExtraError(Problem("architecture", MISSING).under(where))
    try:
        config_of(architecture, options)
    except (SpecError, UnknownNameError, DataError) as error:
        raise type(error)(problem.under(where) for problem in error.problems) from None


def built(architecture: str, options: Options, task_options: Options) -> nn.Module:
    """The network with whatever weights its own initialisation draws, in float32."""
    import torch
    from transformers import AutoModelForCausalLM

    maker: Any = AutoModelForCausalLM
    config = config_of(architecture, {**options, **task_options})
    with quiet(), refusals(architecture, {**options, **task_options}):
        return _attending(
            lambda kernel: maker.from_config(
                config, dtype=torch.float32, attn_implementation=kernel, trust_remote_code=False
            )
        )


def weightless(architecture: str, options: Options, task_options: Options) -> nn.Module:
    """The network on the meta device; raises SpecError where it would be larger than any."""
    shell = _shell(architecture, options, task_options)
    kind: Any = shell
    if kind._can_set_experts_implementation():  # the usual one sorts tokens by expert, and so looks at values
        kind.set_experts_implementation("batched_mm")
    return shell


def _shell(architecture: str, options: Options, task_options: Options) -> nn.Module:
    import torch

    with torch.random.fork_rng(devices=[]), torch.device("meta"), bounded(architecture):
        return built(architecture, options, task_options)


def published_network(architecture: str, options: Options, task_options: Options, tag: str | bool) -> nn.Module:
    """The network with the weights of a repository, from the hub's cache; no network connection is made."""
    check_published(architecture, tag if isinstance(tag, str) else None)
    return folder_network(_shell(architecture, options, task_options), snapshot(architecture))


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
        with quiet():
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


def _attending(make: Callable[[str], nn.Module]) -> nn.Module:
    """What is made with torch's own attention, or with a plain one where a type has no other."""
    try:
        return make(ATTENTION)
    except ValueError as error:
        if "scaled_dot_product_attention" not in str(error):
            raise
        return make("eager")


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or "no reason given"
