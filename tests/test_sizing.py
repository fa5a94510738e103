"""What decoders take of a GPU, by formula: against counts of real passes, and against sums done by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from small_studies import written
from text_files import write_texts
from tiny_decoder import OPTIONS, tiny_decoder
from typer.testing import CliRunner

from harness.cards import CARDS, GIB, Card
from harness.cli.app import app
from harness.counting import count_macs
from harness.plan import Plan, make_plan
from harness.sizing import BUSY, STREAMED, Shape, Sizing, shape_of, sizings
from harness.study_file import load_study
from harness.tasks.texts import TextInput

CARD = Card("slow", 1.0, fp32=1e9, half=4e9, bandwidth=1e8)
WRITING = {"name": "generation", "batch": 3, "prompt": 6, "new": 4, "rounds": 2, "pairs": 2, "warmup": 1}
CRITERIA = [
    {"name": "similarity", "label": "once", "items": 4},
    {"name": "similarity", "label": "often", "items": 4, "search": {"name": "iterative", "up_to": 3}},
    {"name": "similarity", "label": "all"},
    {"name": "random", "draws": 2},
]


def study_of(home: Path, **changes: Any) -> Path:
    write_texts(home / "texts", documents=4)
    study = {
        "study": "sized",
        "data": {"name": "text", "label": "texts", "separator": "\n\n\n", "context": 16},
        "models": [
            {
                "name": "tiny",
                "architecture": "hf-config:llama",
                "options": {**OPTIONS, "vocab_size": 256, "num_hidden_layers": 5},
                "weights": "random",
            }
        ],
        "criteria": CRITERIA,
        "counts": [1, 2],
        "runtimes": [{"dtype": "bf16"}],
        "collectors": ["perplexity", WRITING],
        "paths": {"texts": str(home / "texts")},
    }
    return written(home, {**study, **changes})


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Shape, Sizing]:
    home = tmp_path_factory.mktemp("sized")
    plan = make_plan(load_study(study_of(home)), home / "results")
    artifacts = home / "results" / "artifacts"
    (found,) = sizings(plan, CARD, artifacts, {"texts": home / "texts"})
    model = plan.study.models[0]
    return plan, shape_of(model.architecture, model.options, artifacts), found


@pytest.mark.parametrize("length", [1, 7, 24])
def test_macs_are_those_of_a_real_pass(tmp_path: Path, length: int) -> None:
    shape = shape_of("hf-config:llama", OPTIONS, tmp_path)
    found = count_macs(tiny_decoder(), torch.zeros(1, length, dtype=torch.int64)).total
    assert shape.macs_of(length, length) == found
    assert shape.params == sum(parameter.numel() for parameter in tiny_decoder().parameters())


def test_the_fullest_moment_holds_what_a_stage_holds(planned: tuple[Plan, Shape, Sizing]) -> None:
    _, shape, found = planned
    block = 4096 * 4 * (8 * 16 + 3 * 32)
    one_pass = 4096 * 4 * 2 * 256 + block
    assert found.stage_bytes["prepare"] == 4 * shape.params
    assert found.stage_bytes["select"] == 4 * shape.params + one_pass
    assert found.stage_bytes["evaluate"] == 8 * shape.params + 2 * shape.params + one_pass
    cache = 2 * 5 * 1 * 8 * 2 * 3 * (6 + 4)  # keys and values, layers, heads, numbers, bytes, texts, tokens
    read = 3 * 6 * 2 * (8 * 16 + 3 * 32)
    assert found.stage_bytes["cost"] == 10 * shape.params + max(4 * shape.params, 2 * shape.params + cache + read)


def test_a_selection_takes_its_passes_in_fp32(planned: tuple[Plan, Shape, Sizing]) -> None:
    _, shape, found = planned
    once = 2 * shape.macs_of(4 * 16, 16) / (BUSY * CARD.fp32)
    assert found.stage_s["select"] == pytest.approx((1 + 3) * once)
    assert found.untold == ("all",)


def test_an_evaluation_is_every_trial_in_both_arithmetics(planned: tuple[Plan, Shape, Sizing], tmp_path: Path) -> None:
    plan, shape, found = planned
    home = write_texts(tmp_path, documents=4)
    (dataset,) = plan.datasets
    data = dataset.load({"texts": home}, TextInput(256))
    tokens = sum(b.inputs.numel() for part in ("validation", "test") for b in data.parts[part].batches(1000))
    once = 2 * shape.macs_of(tokens, 16) / BUSY
    assert found.stage_s["evaluate"] == pytest.approx(len(plan.trials) * (once / CARD.fp32 + once / CARD.half))


def test_a_text_is_read_at_the_rate_of_products_and_written_at_that_of_memory(
    planned: tuple[Plan, Shape, Sizing],
) -> None:
    plan, shape, found = planned
    cache = 2 * 5 * 1 * 8 * 2 * 3 * (6 + 4)
    prompt = 2 * shape.macs_of(3 * 6, 6) / (BUSY * CARD.half)
    token = (2 * shape.params + cache) / (STREAMED * CARD.bandwidth)
    texts = 2 * (2 * 2 + 1 + 1)
    assert found.stage_s["cost"] == pytest.approx(len(plan.trials) * texts * (prompt + 4 * token))


def test_what_does_not_fit_is_told_before_anything_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = study_of(tmp_path)
    asked = ["plan", str(study), "--results", str(tmp_path / "results"), "--gpu"]
    fine = CliRunner().invoke(app, [*asked, "h100"])
    assert fine.exit_code == 0, fine.output
    assert "tiny: 0.00 billion parameters" in fine.output
    assert fine.output.count("fits") == 1
    monkeypatch.setitem(CARDS, "h100", Card("h100", 1e6 / GIB, 1e12, 1e12, 1e12))
    small = CliRunner().invoke(app, [*asked, "h100"])
    assert small.exit_code == 2
    assert "does NOT fit into 0 GiB" in small.output


def test_a_card_without_a_sheet_is_told(tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["plan", str(study_of(tmp_path)), "--gpu", "h1000"])
    assert "unknown GPU 'h1000'; did you mean 'h100'" in str(found.exception)


def test_networks_of_images_are_not_reckoned(tmp_path: Path) -> None:
    changes = {"models": [{"name": "v", "architecture": "deit_tiny_patch16_224", "weights": "random"}]}
    study = study_of(tmp_path, data="digits", criteria=["last"], runtimes=[{}], collectors=["params"], **changes)
    plan = make_plan(load_study(study), tmp_path / "results")
    with pytest.raises(Exception, match="v is no decoder, and the formulas are of decoders alone"):
        sizings(plan, CARD, tmp_path / "results" / "artifacts", {})


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
def test_a_sheet_is_in_base_units(card: Card) -> None:
    assert 30 * GIB < card.memory_bytes < 300 * GIB
    assert 1e13 < card.fp32 < card.half < 1e16
    assert 5e11 < card.bandwidth < 1e13
