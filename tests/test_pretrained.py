"""Published weights: found without asking anyone, fetched by hash, and why they cannot be, in a sentence."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_files import Hub, git_name, put_into_cache, reachable, served

from harness.errors import DataError, UnknownNameError
from harness.pretrained import OFFLINE_SWITCHES, Published, go_offline, is_damaged, published

DEIT = "deit_tiny_patch16_224"
REPOSITORY = f"timm/{DEIT}.fb_in1k"
SAFE = f"{REPOSITORY}/model.safetensors"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub's client."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    return tmp_path / "hub"


@pytest.fixture
def hub(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that this machine can reach."""
    with reachable(Hub(), monkeypatch) as found:
        yield found


@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
def test_weights_in_the_cache_are_found(cache: Path, file: str) -> None:
    weights = published(DEIT, None)
    assert (weights.name, weights.repository, weights.found()) == (DEIT, REPOSITORY, None)
    link = put_into_cache(cache, REPOSITORY, file, b"weights")
    assert weights.found() == link
    assert not is_damaged(link)


def test_a_tag_is_of_the_name_or_asked_for(cache: Path) -> None:
    assert published(f"{DEIT}.fb_in1k", None) == published(DEIT, "fb_in1k")
    with pytest.raises(UnknownNameError, match="unknown tag of deit_tiny_patch16_224 'nope'"):
        published(DEIT, "nope")


def test_weights_are_fetched_once(hub: Hub) -> None:
    hub.files[SAFE] = b"weights"
    weights = published(DEIT, None)
    path = weights.fetched()
    assert path == weights.found()
    assert path.read_bytes() == b"weights"
    assert not is_damaged(path)
    weights.fetched()
    assert hub.asked.count(f"GET {SAFE}") == 1


def test_where_nothing_safe_is_published_the_other_file_is_fetched(hub: Hub) -> None:
    hub.files[f"{REPOSITORY}/pytorch_model.bin"] = b"weights"
    assert published(DEIT, None).fetched().name == "pytorch_model.bin"


def test_damaged_weights_are_known_by_their_hash_and_fetched_again(hub: Hub, cache: Path) -> None:
    hub.files[SAFE] = b"weights"
    link = put_into_cache(cache, REPOSITORY, "model.safetensors", b"weights")
    link.resolve().write_bytes(b"weight")
    assert is_damaged(link)
    assert not is_damaged(published(DEIT, None).fetched(again=True))


def test_a_small_file_is_known_by_the_name_that_git_gives_it(tmp_path: Path) -> None:
    blob = tmp_path / git_name(b"{}\n")
    blob.write_bytes(b"{}\n")
    assert blob.name == "0967ef424bce6791893e9a57bb952f80fd536e93"  # of `git hash-object`
    (tmp_path / "tokenizer.json").symlink_to(blob)
    assert not is_damaged(tmp_path / "tokenizer.json")
    blob.write_bytes(b"{ \n")
    assert is_damaged(tmp_path / "tokenizer.json")


def test_a_gated_repository_says_what_to_do(hub: Hub) -> None:
    hub.gated.add(REPOSITORY)
    with pytest.raises(DataError, match=rf"^{REPOSITORY}: its owners ask for an agreement: .*hf auth login"):
        published(DEIT, None).fetched()


def test_a_repository_without_weights_says_so(hub: Hub) -> None:
    with pytest.raises(DataError, match=r"holds none of model\.safetensors, pytorch_model\.bin"):
        published(DEIT, None).fetched()


@pytest.mark.parametrize("again", [False, True])
def test_without_a_network_it_is_said(hub: Hub, monkeypatch: pytest.MonkeyPatch, again: bool) -> None:
    template = "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _: None)  # the client tries again and again
    with pytest.raises(DataError, match="the hub cannot be reached from here; fetch on a machine that has a network"):
        published(DEIT, None).fetched(again)


def test_a_hub_that_may_not_be_asked_is_said(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match="HF_HUB_OFFLINE forbids to ask the hub"):
        published(DEIT, None).fetched()


def test_weights_with_a_plain_address_are_kept_by_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.hub._hub_dir", str(tmp_path))
    with served(Hub()) as hub:
        hub.files["files/net-68b329da.pth"] = b"\n"
        kept_as = "net-68b329da.pth"
        weights = Published("net", None, (), f"{hub.address}/files/resolve/main/net-68b329da.pth", kept_as)
        assert weights.found() is None
        with pytest.raises(DataError, match="the published weights of net cannot be fetched: invalid hash"):
            weights.fetched()
        assert weights.found() is None
    torch_named = Published("net", None, (), "http://127.0.0.1:9/x", "net-01ba4719.pth")
    with pytest.raises(DataError, match="cannot be fetched"):
        torch_named.fetched()
    (tmp_path / "checkpoints" / "net-01ba4719.pth").write_bytes(b"\n")
    assert torch_named.fetched() == torch_named.found()
    assert not is_damaged(torch_named.fetched())


def test_the_switches_are_set_for_every_process_that_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    for switch in OFFLINE_SWITCHES:
        monkeypatch.setenv(switch, "0")
    go_offline()
    assert {os.environ[switch] for switch in OFFLINE_SWITCHES} == {"1"}
