"""`harness list`: what a study can name, with one line each."""

from __future__ import annotations

from pathlib import Path

import typer

from harness.cli.exits import FINE
from harness.collectors.base import collectors
from harness.criteria.base import criteria
from harness.datasets.base import datasets
from harness.errors import UnknownNameError, unknown
from harness.executors.base import executors
from harness.recoveries.base import recoveries
from harness.registry import Registry
from harness.schema import Plugin
from harness.searches.base import searches
from harness.transforms.base import transforms

REGISTRIES: dict[str, Registry[Plugin]] = {
    "criteria": criteria,  # type: ignore[dict-item]  # only read
    "searches": searches,  # type: ignore[dict-item]
    "collectors": collectors,  # type: ignore[dict-item]
    "recoveries": recoveries,  # type: ignore[dict-item]
    "transforms": transforms,  # type: ignore[dict-item]
    "datasets": datasets,  # type: ignore[dict-item]
    "executors": executors,  # type: ignore[dict-item]
}
TARGETS = {
    "attention": "attention sublayers",
    "mlp": "MLP sublayers",
    "block": "whole blocks, attention and MLP together",
    "joint": "attention and MLP sublayers in one list",
}


def list_kind(kind: str, why: bool, results: Path) -> int:
    """Prints names with their summaries and options; for models those whose sublayers can be removed."""
    if kind == "models":
        return _list_models(why, results)
    if kind == "targets":
        return _list_targets()
    if kind not in REGISTRIES:
        raise UnknownNameError(unknown("kind", kind, [*REGISTRIES, "models", "targets"]))
    for name, member in REGISTRIES[kind].members().items():
        typer.echo(f"{name:<16} {member.summary()}")
        if why:
            for option, field in member.model_fields.items():
                default = "required" if field.is_required() else f"default {field.get_default()}"
                typer.echo(f"{'':<16}   {option}: {field.description or ''} ({default})")
    return FINE


def _list_targets() -> int:
    from harness.families.catalogue import families

    kinds = {kind for family in families() for kind in family.kinds}
    added = {
        kind: f"of families {', '.join(family.name for family in families() if kind in family.kinds)}"
        for kind in sorted(kinds - set(TARGETS))
    }
    for name, meaning in {**TARGETS, **added}.items():
        typer.echo(f"{name:<16} {meaning}")
    return FINE


def _list_models(why: bool, results: Path) -> int:
    from harness.layouts import decoders, kept_layouts

    for name, standing in kept_layouts(results / "artifacts" / "inventory").items():
        if why:
            typer.echo(f"{name:<48} {standing.family or f'no: {standing.reason}'}")
        elif standing.family:
            typer.echo(name)
    for kind in decoders():
        typer.echo(f"hf-config:{kind:<38} {kind}" if why else f"hf-config:{kind}")
    return FINE
