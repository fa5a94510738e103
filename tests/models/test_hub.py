"""Language models of a hub: what of them is here, what is told of it, and what keeps an inventory apart."""

from __future__ import annotations

from pathlib import Path

import pytest
from decoders import decoder
from hub_files import COMMIT, Hub, put_into_cache, reachable

from harness.errors import DataError
from harness.fetching import Need, fetched
from harness.models.hub import cached_folder, fetched_folder, has_weights, made_with
from harness.presence import check_presence
from harness.records import TrialInfo
from harness.schema import Options

NAME = "hf:owner/small"
DATA: Options = {"name": "digits"}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub's client, which asks nobody."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


def put_model(cache: Path, folder: Path, **options: str) -> None:
    decoder().save_pretrained(folder, **options)  # type: ignore[operator]  # transformers'
    for file in folder.iterdir():
        put_into_cache(cache, "owner/small", file.name, file.read_bytes())


def test_weights_are_here_when_all_pieces_are(cache: Path, tmp_path: Path) -> None:
    assert cached_folder(NAME) is None
    put_model(cache, tmp_path / "small", max_shard_size="20KB")
    folder = cached_folder(NAME)
    assert folder is not None
    assert has_weights(NAME)
    assert has_weights(f"{NAME}@{COMMIT}")
    assert not has_weights(f"{NAME}@{'f' * 40}")
    sorted(folder.glob("*.safetensors"))[0].unlink()
    assert not has_weights(NAME)
    (folder / "model.safetensors.index.json").unlink()
    put_into_cache(cache, "owner/small", "model.safetensors.index.json", b"{")
    assert not has_weights(NAME)


def test_what_is_here_is_told_with_its_revision_and_its_hash(cache: Path, tmp_path: Path) -> None:
    put_model(cache, tmp_path / "small")
    asked: tuple[Options, ...] = ({"pretrained": None}, {"random": True})
    for weights in asked:
        found = next(iter(fetched([Need(NAME, {}, weights, DATA)], {})))
        assert (found.what, found.state) == ("weights of hf:owner/small", "here")
        assert found.detail.startswith(f"revision {COMMIT}, SHA-256 ")


def test_what_is_not_here_or_damaged_is_asked_for(cache: Path, tmp_path: Path) -> None:
    need = Need(NAME, {}, {"pretrained": None}, DATA)
    assert next(iter(fetched([need], {}))).state == "absent"
    put_model(cache, tmp_path / "small")
    folder = cached_folder(NAME)
    assert folder is not None
    (folder / "model.safetensors").resolve().write_bytes(b"damaged")
    with pytest.raises(DataError, match="cannot be fetched: what the cache holds is damaged"):
        fetched_folder(NAME)


def test_a_repository_comes_whole_without_what_would_be_run(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder().save_pretrained(tmp_path / "small")  # type: ignore[operator]  # transformers'
    files = {file.name: file.read_bytes() for file in (tmp_path / "small").iterdir()}
    others = {"tokenizer.json": b"{}", "modeling_small.py": b"1 / 0", "pytorch_model.bin": b"pickled"}
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    hub = Hub({f"owner/small/{name}": content for name, content in {**files, **others}.items()}, gated={"owner/small"})
    need = Need(NAME, {}, {"pretrained": None}, DATA)
    with reachable(hub, monkeypatch):
        found = next(iter(fetched([need], {})))
        assert found.state == "absent"
        assert found.detail.startswith("hf:owner/small cannot be fetched: its owners ask for an agreement: accept it")
        hub.gated.clear()
        assert next(iter(fetched([need], {}))).state == "came"
        assert next(iter(fetched([need], {}))).state == "here"
    folder = cached_folder(NAME)
    assert folder is not None
    assert {file.name for file in folder.iterdir()} == {*files, "tokenizer.json"}


def test_a_configuration_needs_nothing_from_a_hub() -> None:
    need = Need("hf-config:llama", {}, {"random": True}, DATA)
    assert [found.what for found in fetched([need], {})] == ["data digits"]


def test_absent_weights_are_told_before_a_trial_is_submitted(cache: Path, tmp_path: Path) -> None:
    spec: Options = {"architecture": NAME, "weights": {"pretrained": None}, "data": DATA}
    trial = TrialInfo(id="x", digest="x", study="x", model="x", data="digits", spec=spec)
    with pytest.raises(DataError, match=r"weights of hf:owner/small are not on this machine; `harness fetch s\.yaml`"):
        check_presence([trial], {}, tmp_path / "results", "s.yaml")
    put_model(cache, tmp_path / "small")
    check_presence([trial], {}, tmp_path / "results", "s.yaml")


def test_an_inventory_is_of_one_revision_and_one_version(cache: Path, tmp_path: Path) -> None:
    library, revision = made_with(NAME)
    assert (library.count("."), revision) == (2, "")
    put_model(cache, tmp_path / "small")
    assert made_with(NAME) == [library, COMMIT]
    assert made_with("hf-config:llama") == [library, ""]


def test_pieces_are_named_in_a_file_that_is_read_with_care(cache: Path, tmp_path: Path) -> None:
    put_model(cache, tmp_path / "small")
    for content in ("[]", '{"weight_map": []}', '{"weight_map": {"a": "gone.safetensors"}}'):
        put_into_cache(cache, "owner/small", "model.safetensors.index.json", content.encode())
        assert not has_weights(NAME)
