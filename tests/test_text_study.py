"""A study of a decoder that is trained on text: its records from end to end, and what is refused before any run."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_studies import records, run_here, written
from text_files import write_texts

from harness.errors import HarnessError
from harness.plan import make_plan
from harness.records import Measurement, Record
from harness.repetition.items import unpacked
from harness.report import write_report
from harness.store import Store
from harness.study_file import load_study
from harness.verification.numbers import of_outcomes
from harness.verification.verify import verify

pytestmark = pytest.mark.slow

MODEL: dict[str, Any] = {
    "name": "tiny",
    "architecture": "hf-config:llama",
    "options": {
        "vocab_size": 256,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "max_position_embeddings": 64,
    },
    "weights": {"train": {"steps": 20, "batch": 4, "lr": 3e-3, "label_smoothing": 0.0}},
}
DATA: dict[str, Any] = {"name": "text", "label": "texts", "separator": "\n\n\n", "context": 64}


def study_of(home: Path, **changes: Any) -> Path:
    """A study of text as a file, its texts beside it."""
    if not (home / "texts").exists():
        write_texts(home / "texts", documents=4, lines=4)
    study = {
        "study": "words",
        "data": DATA,
        "models": [MODEL],
        "criteria": ["similarity", {"name": "random", "draws": 1}],
        "counts": [1],
        "collectors": ["perplexity", "macs", "params"],
        "paths": {"texts": str(home / "texts")},
    }
    return written(home, {**study, **changes})


@dataclass
class Story:
    """A study that was run, and its newest record of each trial by criterion, `None` for the baseline."""

    home: Path
    records: dict[str | None, Record]

    def value(self, criterion: str | None, metric: str, split: str = "test") -> Measurement:
        (found,) = (m for m in self.records[criterion].measurements if (m.metric, m.split) == (metric, split))
        return found


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    home = tmp_path_factory.mktemp("words")
    run_here(study_of(home), home / "results")
    newest = [runs[-1] for runs in records(home / "results", "words").values()]
    return Story(home, {record.trial.criterion: record for record in newest})


def test_every_trial_ends_well_with_a_proof(story: Story) -> None:
    assert {one.status for one in story.records.values()} == {"ok"}
    assert set(story.records) == {None, "similarity", "random"}
    assert {one.proof.status for one in story.records.values() if one.proof and one.removed} == {"passed"}
    assert all(one.removed[0].startswith("model.layers.") for name, one in story.records.items() if name)


def test_training_learnt_something_of_the_text(story: Story) -> None:
    found = story.value(None, "perplexity").value
    assert found is not None
    assert found < 100  # of 256 that a network which knows nothing has


def test_perplexity_follows_from_the_documents_that_are_kept(story: Story) -> None:
    for criterion, record in story.records.items():
        for outcome in record.outcomes:
            measured = story.value(criterion, "perplexity", str(outcome.split))
            assert outcome.item == "document"
            assert outcome.items == measured.details["documents"] == 4
            tokens = measured.details["tokens"]
            assert isinstance(tokens, int)
            assert measured.value == pytest.approx(math.exp(-np.sum(unpacked(outcome)) / tokens), rel=1e-12)
        assert {outcome.split for outcome in record.outcomes} == {"validation", "test"}


def test_records_say_what_became_of_the_text(story: Story) -> None:
    data = story.records["similarity"].data
    assert data["train"].transform.endswith("tokens bytes; packed into contexts of 64")
    assert data["test"].transform.endswith("tokens bytes; contexts of 64, stride 64")
    assert len({info.sha256 for info in data.values()}) == 4


def test_a_text_has_no_labels_to_use(story: Story) -> None:
    found = story.records["similarity"].selection
    assert found is not None
    assert not found.labels_used
    assert found.forward_passes == 1.0


def test_the_report_is_written_and_the_records_hold_together(story: Story) -> None:
    page = write_report(Store(story.home / "results"), "words", story.home / "reports")
    assert "similarity" in page.read_text(encoding="utf-8")
    found = verify(story.home / "results" / "words")
    assert len(found.records) == 3
    assert [finding for one in found.records for finding in one.findings] == []


def test_documents_that_do_not_give_the_perplexity_are_found(story: Story) -> None:
    record = story.records["similarity"]
    assert list(of_outcomes(record)) == []
    first, *others = record.outcomes
    likelier = base64.b64encode((0.5 * unpacked(first)).astype("<f8").tobytes()).decode()
    tampered = record.model_copy(update={"outcomes": (first.model_copy(update={"data": likelier}), *others)})
    (found,) = of_outcomes(tampered)
    assert found.startswith("items of perplexity validation: its documents give ")


def changed(path: str, value: Any) -> dict[str, Any]:
    """The model with one thing otherwise."""
    head, _, name = path.partition(".")
    return {**MODEL, head: {**MODEL[head], name: value}} if name else {**MODEL, head: value}


TRAINED: dict[str, Any] = {"steps": 1, "label_smoothing": 0.0}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a vocabulary too small": (
        {"models": [changed("options.vocab_size", 100)]},
        "models.0: the data's tokenizer has 256 tokens, the network knows 100; use its own",
    ),
    "a context too long": (
        {"data": {**DATA, "context": 65}},
        "models.0: the data's context is 65 tokens, the network takes 64 at most",
    ),
    "accuracy of a text": (
        {"collectors": ["accuracy"]},
        "collectors.0: 'accuracy' is measured of classification, and the data is for language_modelling; it has",
    ),
    "a network of images": (
        {"models": [{"name": "vit", "architecture": "deit_tiny_patch16_224", "weights": "random"}]},
        "models.0: VisionTransformer is no language model, and the data is text",
    ),
    "smoothed targets": (
        {"models": [changed("weights", {"train": {"steps": 1}})]},
        "models.0.weights.train.label_smoothing: a text is told by its likelihood",
    ),
    "mixed texts": (
        {"models": [changed("weights", {"train": {**TRAINED, "mixup": 0.2}})]},
        "models.0.weights.train.mixup: is of images; a text is trained on as it stands",
    ),
    "a recovery that smooths": (
        {"recoveries": [{"name": "finetune", "steps": 1}]},
        "recoveries.0.label_smoothing: a text is told by its likelihood",
    ),
    "answers of a text": (
        {"criteria": ["calibration_accuracy"]},
        "criteria.0: answers are of classification; 'calibration_loss' would do",
    ),
    "every set of a text": (
        {"optimum": {"up_to": 1}},
        "optimum: 'optimum' is measured of classification, and the data is for language_modelling",
    ),
}


@pytest.mark.parametrize(("changes", "said"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_go_with_text_is_refused_before_any_run(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(HarnessError) as caught:
        make_plan(load_study(study_of(tmp_path, **changes)), tmp_path / "results")
    assert said in str(caught.value)


def test_a_bad_text_is_the_users_to_mend(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    (tmp_path / "texts" / "test.txt").write_bytes(b"\x89PNG\x00")
    with pytest.raises(HarnessError, match=r"data: text data 'texts': test.txt: is no text in UTF-8"):
        make_plan(load_study(study), tmp_path / "results")
