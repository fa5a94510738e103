"""What is committed beside the code agrees with it."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from given_files import npz_folder, write_images
from hub_files import put_into_cache
from text_files import write_rows, write_tokenizer

from harness import model_checks
from harness.editor import study_schema
from harness.inventory import Inventory, kept_inventory
from harness.lint import findings
from harness.plan import make_plan
from harness.study_file import load_study, read_yaml

ROOT = Path(__file__).parent.parent
STUDIES = sorted(ROOT.glob("studies/**/*.yaml"))
# Repositories that a full-size study names, and where their configuration stands.
DECODERS = {"mistralai/Mistral-7B-v0.1": "mistral_7b.json", "meta-llama/Llama-2-13b-hf": "llama_2_13b.json"}
# What stands for a model of the hub, which is not here.
ANY_DECODER = (
    "models.0.architecture=hf-config:llama",
    "models.0.options={num_hidden_layers: 30, hidden_size: 32, intermediate_size: 64, num_attention_heads: 2}",
    "models.0.weights=random",
)
# The rules of the linter that each shipped study breaks: small studies rightly break some, and none by accident.
WARNINGS = read_yaml(ROOT / "tests" / "golden" / "shipped_warnings.yaml")
EQUAL_MACS, WITHIN = "which_mixing", 0.05  # whose networks are compared at the same compute, and how far apart they are


def test_the_schema_beside_the_studies_is_the_one_that_harness_prints() -> None:
    assert json.loads((ROOT / "studies" / "schema.json").read_text()) == study_schema()


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.stem)
def test_a_shipped_study_names_its_schema_and_has_no_problem(study: Path) -> None:
    first = study.read_text().partition("\n")[0]
    assert (study.parent / first.partition("$schema=")[2]).resolve() == ROOT / "studies" / "schema.json"
    assert load_study(study).problems == ()
    assert load_study(study).study is not None


@pytest.fixture(scope="module")
def planned_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data of the right layout, a few items of it; the first plan of a network keeps its inventory here."""
    home = tmp_path_factory.mktemp("planned")
    for part in ("train", "val"):
        write_images(home / "imagenet" / part, 2, seed=0)
    npz_folder(home / "fashion_mnist", (28, 28))
    write_rows(home / "c4", 3600)
    tokenizer = (write_tokenizer(home / "tokenizer") / "tokenizer.json").read_bytes()
    for repository, config in DECODERS.items():
        own = ROOT / "studies" / "full" / "configs" / config
        put_into_cache(home / "hub", repository, "config.json", own.read_bytes())
        put_into_cache(home / "hub", repository, "tokenizer.json", tokenizer)
    npz_folder(home / "openclipart64", (64, 64, 3))
    return home


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: "-".join(path.relative_to(ROOT / "studies").parts))
def test_a_shipped_study_is_planned_whole(study: Path, planned_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(planned_in / "hub"))
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", planned_in / "datasets")
    text = study.read_text()
    labels = ("imagenet", "fashion_mnist", "openclipart64", "c4")
    overrides = [f"paths.{label}={planned_in / label}" for label in labels]
    overrides += ["data.tokenizer=bytes", *ANY_DECODER] if "architecture: hf:HuggingFaceTB/" in text else []
    overrides += ["data.splits={}"] if "fashion_mnist" in text or "npz" in text else []
    if "lm_eval" in text and find_spec("lm_eval") is None:  # an extra that no test needs
        overrides += ["collectors=[perplexity, macs, params]"]
    file = load_study(study, overrides)
    if "weights: {file:" in text:
        file = load_study(study, [*overrides, "models.0.weights=random"])
    inventories: list[Inventory] = []

    def noted(*asked: Any, **named: Any) -> Inventory:
        inventories.append(kept_inventory(*asked, **named))
        return inventories[-1]

    monkeypatch.setattr(model_checks, "kept_inventory", noted)
    plan = make_plan(file, planned_in)
    if study.stem == EQUAL_MACS:
        macs = [one.macs for one in inventories]
        assert macs == [pytest.approx(macs[0], rel=WITHIN)] * 8
    assert sum(not trial.is_baseline for trial in plan.trials) > 0
    assert len({trial.id for trial in plan.trials}) == len(plan.trials)
    name = "/".join(study.relative_to(ROOT / "studies").with_suffix("").parts)
    assert [one.rule.code for one in findings(plan.index()) if one.is_broken] == WARNINGS[name], name
