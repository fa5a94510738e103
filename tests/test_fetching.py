"""What a study needs is brought here and told thing by thing; a run without it is refused, and reaches for nothing."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hub_files import Hub, put_into_cache, reachable, served
from safetensors.torch import save
from small_studies import TINY_MODEL, called, launched, records, small, written
from text_files import write_texts, write_tokenizer

from harness.cli import main
from harness.errors import DataError, HarnessError, SpecError
from harness.fetching import fetched, needs_of_record, needs_of_study
from harness.models import create, file_sha256
from harness.plan import make_plan
from harness.presence import check_presence
from harness.study_file import load_study

DEIT = "deit_tiny_patch16_224"
REPOSITORY = f"timm/{DEIT}.fb_in1k"
TOKENIZER = "owner/words"
PRETRAINED: dict[str, Any] = {**TINY_MODEL, "weights": "pretrained"}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub's client, for this process and those that it starts."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return tmp_path / "hub"


def weights() -> bytes:
    """What would be published for the small network: of coloured pictures, with a head for 1000 classes."""
    return save(create(DEIT, TINY_MODEL["options"], {"num_classes": 1000, "in_chans": 3}, seed=4).state_dict())


def told(path: Path) -> list[tuple[str, str, str]]:
    file = load_study(path)
    paths = {label: Path(place) for label, place in file.site.paths.items()}
    return [dataclasses.astuple(found) for found in fetched(needs_of_study(file), paths)]


def test_a_trial_reads_published_weights_and_reaches_for_nothing(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, results = written(tmp_path, small(models=PRETRAINED)), tmp_path / "results"
    with served(Hub()) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        with pytest.raises(DataError, match=rf"{DEIT} are not on this machine; `harness fetch .*study\.yaml` brings"):
            launched(study, results)
        assert [place.name for place in results.iterdir()] == ["artifacts"]
        link = put_into_cache(cache, REPOSITORY, "model.safetensors", weights())
        launched(study, results)
        runs = [run for of_trial in records(results, "small").values() for run in of_trial]
        assert {run.status for run in runs} == {"ok"}
        assert hub.asked == []
    assert needs_of_record(runs[0]) == needs_of_study(load_study(study))
    link.unlink()
    trials = [run.trial for run in runs]
    check_presence(trials, {}, results, "x")  # what a trial kept of them suffices
    with pytest.raises(DataError, match=r"`harness fetch x` brings them"):
        check_presence(trials, {}, tmp_path / "elsewhere", "x")


def test_everything_that_is_here_is_named_with_its_hash(tmp_path: Path, cache: Path) -> None:
    put_into_cache(cache, REPOSITORY, "model.safetensors", b"published")
    own = tmp_path / "own.safetensors"
    own.write_bytes(b"own")
    models = [
        PRETRAINED,
        {**PRETRAINED, "name": "again"},
        {**TINY_MODEL, "name": "own", "weights": {"file": "own.safetensors"}},
        {**TINY_MODEL, "name": "trained"},
    ]
    found = told(written(tmp_path, small(models=models)))
    assert [(what, state) for what, state, _ in found] == [
        (f"weights of {DEIT}", "here"),
        ("weights in own.safetensors", "here"),
        ("data digits", "here"),
    ]
    assert file_sha256(own) in found[1][2]
    assert found[2][2] == "train 1,000, calibration 150, validation 150, test 497"


def test_every_file_of_weights_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "two.safetensors").write_bytes(b"two")
    files = ["one.safetensors", "two.safetensors"]
    models = [{**TINY_MODEL, "name": name[:3], "weights": {"file": name}} for name in files]
    found = told(written(tmp_path, small(models=models)))
    assert [state for what, state, _ in found if what.startswith("weights")] == ["absent", "here"]


def test_what_cannot_come_is_told_and_stops_nothing_else(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    (tmp_path / "own.safetensors").write_bytes(b"own")
    models = [
        {**PRETRAINED, "data": {"name": "npz", "label": "mine"}},
        {"name": "no", "architecture": "no_such_net"},
        {**TINY_MODEL, "name": "gone", "weights": {"file": "gone.safetensors"}},
        {**TINY_MODEL, "name": "other", "weights": {"file": "own.safetensors", "sha256": "0" * 64}},
    ]
    found = told(written(tmp_path, small(models=models)))
    assert [state for _, state, _ in found] == ["absent"] * 4 + ["absent", "here"]
    for (_, _, sentence), part in zip(
        found,
        (
            "HF_HUB_OFFLINE forbids to ask the hub",
            "unknown architecture 'no_such_net'",
            "gone.safetensors: cannot be read: No such file",
            "it is not the file that the study means",
            "no folder is known; say it in the site file",
        ),
        strict=False,
    ):
        assert part in sentence


@pytest.fixture
def text_study(tmp_path: Path) -> Path:
    """A study of a decoder that reads text by the tokenizer of a repository."""
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    model = {"name": "tiny", "architecture": "hf-config:llama", "options": sizes, "weights": "random"}
    data = {"name": "text", "label": "mine", "separator": "\n\n\n", "context": 16, "tokenizer": TOKENIZER}
    texts = {"mine": str(write_texts(tmp_path / "texts"))}
    return written(tmp_path, small(models=[model], data=data, paths=texts, collectors=["perplexity"]))


def test_a_tokenizer_comes_by_this_command_alone(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, text_study: Path
) -> None:
    file = write_tokenizer(tmp_path / "words") / "tokenizer.json"
    with reachable(Hub({f"{TOKENIZER}/tokenizer.json": file.read_bytes()}), monkeypatch) as hub:
        with pytest.raises(HarnessError, match=rf"{TOKENIZER} is not on this machine; `harness fetch STUDY\.yaml` br"):
            make_plan(load_study(text_study), tmp_path / "results")
        assert hub.asked == []
        came, data = told(text_study)
        assert came == (f"tokenizer {TOKENIZER}", "came", f"tokenizer.json, SHA-256 {file_sha256(file)}")
        assert data[:2] == ("data mine", "here")
        asked = len(hub.asked)
        assert told(text_study)[0] == (f"tokenizer {TOKENIZER}", "here", f"tokenizer.json, SHA-256 {file_sha256(file)}")
        assert make_plan(load_study(text_study), tmp_path / "results").trials
        assert len(hub.asked) == asked


def test_the_command_asks_the_hub_for_nothing_else(tmp_path: Path, text_study: Path) -> None:
    file = write_tokenizer(tmp_path / "words") / "tokenizer.json"
    with served(Hub({f"{TOKENIZER}/tokenizer.json": file.read_bytes()})) as hub:
        place = {"HF_ENDPOINT": hub.address, "HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "0"}
        done = called(tmp_path, "fetch", text_study, **place)
    assert done.stdout.startswith(f"came    tokenizer {TOKENIZER}: tokenizer.json, SHA-256 {file_sha256(file)}\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert hub.asked == [f"{method} {TOKENIZER}/tokenizer.json" for method in ("HEAD", "GET")]


def test_a_tokenizer_that_its_owners_guard_is_told_so(
    cache: Path, monkeypatch: pytest.MonkeyPatch, text_study: Path
) -> None:
    with reachable(Hub(gated={TOKENIZER}), monkeypatch):
        tokenizer, data = told(text_study)
    assert tokenizer[:2] == (f"tokenizer {TOKENIZER}", "absent")
    assert tokenizer[2].startswith(f"{TOKENIZER}: its owners ask for an agreement: accept it on the hub's page, log in")
    assert data[:2] == ("data mine", "absent")


def test_data_that_a_study_may_download_comes_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(folder: Path, _: str) -> None:
        for part, size in (("train", 60), ("test", 20)):
            images = np.zeros((size, 28, 28), np.uint8)
            np.savez(folder / f"{part}.npz", x=images, y=np.arange(size) % 10)

    monkeypatch.setattr("harness.datasets.fashion_mnist._download", download)
    data = {"name": "fashion_mnist", "download": True, "splits": {"calibration": 10, "validation": 10}}
    study = written(tmp_path, small(data=data, paths={"fashion_mnist": "files"}))
    assert told(study) == [("data fashion_mnist", "came", "train 40, calibration 10, validation 10, test 20")]
    assert told(study)[0][1] == "here"


def test_a_faulty_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="criteria"):
        needs_of_study(load_study(written(tmp_path, small(criteria=None))))


def test_the_command_says_each_thing_and_its_exit_code(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study = str(written(tmp_path, small(models=PRETRAINED)))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("sys.argv", ["harness", "fetch", study])
    assert main() == 2
    said = capsys.readouterr()
    assert said.out.startswith("here    data digits: train 1,000")
    assert "absent  weights of deit_tiny_patch16_224: timm/" in said.err
    assert "1 thing could not be brought here" in said.err
    put_into_cache(cache, REPOSITORY, "model.safetensors", b"published")
    assert main() == 0
