"""A network that looks at values to find its way: experts that a router picks, through every stage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from small_studies import job_of, small, written
from timm.models import _registry as registry
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

import harness.architectures  # noqa: F401  # what timm knows before a name of these tests is added to it
from harness.pending import assignments, standings
from harness.plan import make_plan
from harness.records import Record
from harness.run_trial import run_trial
from harness.study_file import load_study

REGISTERS = ("_model_entrypoints", "_model_to_module", "_module_to_models")


class Routed(nn.Module):
    """Each token goes through one of two experts of different size."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gate = nn.Linear(width, 2)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(width, inner), nn.GELU(), nn.Linear(inner, width)) for inner in (16, 64)
        )

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.reshape(-1, x.shape[-1])
        choice = self.gate(tokens).argmax(1)
        out = torch.zeros_like(tokens)
        for number, expert in enumerate(self.experts):
            own = (choice == number).nonzero()[:, 0]
            if len(own):
                out[own] = expert(tokens[own])
        return out.reshape(x.shape)


def routed_vit_for_a_test(pretrained: bool = False, **options: Any) -> nn.Module:
    own = {name: options[name] for name in ("num_classes", "in_chans")}
    net = VisionTransformer(img_size=8, patch_size=2, embed_dim=32, num_heads=2, depth=3, **own)
    for block in net.blocks:
        block.mlp = Routed(32)
    return net


@pytest.fixture(scope="module")
def _known_to_timm() -> Iterator[None]:
    """Registered for these tests only: others go through all that timm knows."""
    names = {name: dict(getattr(registry, name)) for name in REGISTERS}
    registry.register_model(routed_vit_for_a_test)
    yield
    for name, before in names.items():
        held = getattr(registry, name)
        held.clear()
        held.update(before)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, _known_to_timm: None) -> dict[str, Record]:
    folder = tmp_path_factory.mktemp("routed")
    model = {"name": "routed", "architecture": "routed_vit_for_a_test", "weights": "random"}
    study = small(models=[model], targets=["mlp"], collectors=["accuracy", "macs"])
    plan = make_plan(load_study(written(folder, study)), folder)
    head = job_of(plan, folder)
    records = [run_trial(head, one, lambda stage, note: None) for one in assignments(plan, standings(plan, (), None))]
    return {"baseline" if record.trial.is_baseline else "candidate": record for record in records}


def test_it_runs_through_every_stage(found: dict[str, Record]) -> None:
    assert {name: (record.status, record.reason) for name, record in found.items()} == {
        "baseline": ("ok", None),
        "candidate": ("ok", None),
    }


def test_its_removal_is_proved_but_for_the_macs_that_follow_from_values(found: dict[str, Record]) -> None:
    proof = found["candidate"].proof
    assert proof is not None
    assert (proof.status, proof.macs_expected, proof.params_expected) == ("passed", None, proof.params_found)


def test_its_macs_are_those_of_real_items_with_their_spread(found: dict[str, Record]) -> None:
    macs = {name: next(m for m in record.measurements if m.metric == "macs") for name, record in found.items()}
    assert macs["baseline"].details["input"] == "real batches"
    assert macs["candidate"].value is not None
    assert macs["baseline"].value is not None
    # What a block of 17 tokens can save at least and at most: the gate, and one expert or the other for each.
    saved = macs["baseline"].value - macs["candidate"].value
    assert 17 * 32 * (2 + 2 * 16) <= saved <= 17 * 32 * (2 + 2 * 64)
