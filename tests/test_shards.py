"""Decoders laid over several devices: who lies where, that nothing changes, and that tensors meet on one device."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import pytest
import torch
from decoders import decoder, logits, token_ids
from small_studies import run_here, small, written
from text_files import write_texts
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from harness import shards
from harness.cards import card_of
from harness.collectors.generating import generate
from harness.device import resolve
from harness.errors import SpecError
from harness.families.catalogue import family_of
from harness.kinds import class_of_machine
from harness.place import check_sharded
from harness.records import Record
from harness.stages import bench
from harness.study_file import load_study
from harness.surgery import remove, removed

THREE = ("cpu", "cpu", "cpu")


@pytest.mark.parametrize("rest", [0, 3, 40])
@pytest.mark.parametrize("sizes", [(5, 5, 5, 5), (1, 9, 1, 1, 7), (4,), (2, 2, 2, 2, 2, 30)])
def test_the_fullest_place_holds_as_little_as_can_be(sizes: tuple[int, ...], rest: int) -> None:
    def most(places: tuple[int, ...]) -> int:
        held = [rest, 0, 0]
        for size, place in zip(sizes, places, strict=True):
            held[place] += size
        return max(held)

    ways = combinations_with_replacement(range(3), len(sizes))
    assert most(shards.dealt(sizes, rest, 3)) == min(map(most, ways))


def test_one_place_holds_everything() -> None:
    found = shards.layout_of(decoder(device="meta"), 1)
    assert set(found.places) == {0}
    assert found.fullest == sum(parameter.numel() for parameter in decoder(device="meta").parameters())


def test_a_network_says_the_same_wherever_its_blocks_lie() -> None:
    whole, laid, ids = decoder(), shards.shard(decoder(), THREE), token_ids()
    sublayers = family_of(whole).sublayers(whole)
    gone = [s for s in sublayers if s.depth == 1 or (s.depth == 2 and s.kind == "attention")]
    assert torch.equal(logits(laid, ids), logits(whole, ids))
    expected = remove(whole, gone, "skip")
    copied = remove(laid, gone, "skip")
    with removed(laid, gone, "skip"):
        assert torch.equal(logits(laid, ids), logits(expected, ids))
    assert torch.equal(logits(copied, ids), logits(expected, ids))
    with torch.no_grad():
        assert torch.equal(generate(copied, ids, 4), generate(expected, ids, 4))
    copied.to(torch.bfloat16)  # a copy in a runtime's numbers is no change of what it was made of
    assert {parameter.dtype for parameter in laid.parameters()} == {torch.float32}


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTensorMode]:
    """Tensors without numbers that know a device, and refuse to meet one of another device."""
    monkeypatch.setattr(FakeTensorMode, "__deepcopy__", lambda mode, _: mode, raising=False)
    monkeypatch.setattr(shards, "_move_own", _put_anew)  # the data of a pretended tensor cannot be replaced
    with torch.no_grad():
        yield FakeTensorMode()


def _put_anew(module: nn.Module, device: str) -> None:
    for held in (module._parameters, module._buffers):
        for name, tensor in held.items():
            held[name] = None if tensor is None else tensor.to(device)  # type: ignore[assignment]


# torch warns of the test for memory that is shared, which copying a parameter makes of any tensor.
@pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")
@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_tensors_meet_on_one_device(pretended: FakeTensorMode, name: str) -> None:
    net = decoder(name)
    for module in net.modules():
        for held in (module._parameters, module._buffers):
            for key, tensor in held.items():
                found = None if tensor is None else pretended.from_tensor(tensor.detach())
                held[key] = found  # type: ignore[assignment]
    with pretended:
        shards.shard(net, ("cuda:0", "cuda:1", "cuda:2"))
        blocks = shards.layout_of(net, 3).blocks
        assert [str(_device_of(net.get_submodule(path))) for path in (blocks[0], blocks[-1])] == ["cuda:0", "cuda:2"]
        ids = torch.zeros(2, 5, dtype=torch.int64, device="cuda:0")
        generate(net, ids, 2)
        with removed(net, [s for s in family_of(net).sublayers(net) if s.kind == "attention"][1:], "skip"):
            generate(net, ids, 2)
        small = remove(net, [s for s in family_of(net).sublayers(net) if s.depth in (1, 3)], "skip")
        assert str(generate(small, ids, 2).device) == "cuda:0"


def _device_of(net: nn.Module) -> torch.device:
    held = (tensor for module in net.modules() for tensor in module._parameters.values() if tensor is not None)
    return next(held).device


CONFIG = {
    "vocab_size": 256, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2,
    "num_key_value_heads": 1, "max_position_embeddings": 64,
}  # fmt: skip


EXACT: list[Any] = ["perplexity", "macs", {"name": "kv_cache", "prompt": 8, "new": 4}]


def study_of(home: Path, **changes: Any) -> Path:
    """Two criteria and one runtime in 16 bit, of a decoder with random weights."""
    study = small(
        data={"name": "text", "label": "texts", "separator": "\n\n\n", "context": 32},
        models=[{"name": "tiny", "architecture": "hf-config:llama", "options": CONFIG, "weights": "random"}],
        targets=["attention"],
        criteria=["similarity", "taylor"],
        runtimes=[{"dtype": "bf16"}],
        collectors=EXACT,
        paths={"texts": str(home / "texts")},
    )
    return written(home, {**study, **changes})


def _run(home: Path, monkeypatch: pytest.MonkeyPatch, *, is_sharded: bool) -> list[Record]:
    """On this CPU, as if it were three devices where the study is sharded."""
    file = study_of(home, sharded=is_sharded, device="cpu", collectors=[*EXACT, *(["memory"] if is_sharded else [])])
    with monkeypatch.context() as patched:
        if is_sharded:
            patched.setattr(bench, "pieces", lambda _: THREE)
        return run_here(file, home / f"results_{is_sharded}")


def test_a_study_finds_the_same_and_counts_no_memory_of_one_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_texts(tmp_path / "texts", documents=4, lines=4)
    plain, laid = (_run(tmp_path, monkeypatch, is_sharded=one) for one in (False, True))
    for mine, other in zip(plain, laid, strict=True):
        assert (mine.status, other.status) == ("ok", "ok")
        assert mine.removed == other.removed
        assert (mine.selection and mine.selection.scores) == (other.selection and other.selection.scores)
        assert [o.data for o in mine.outcomes] == [o.data for o in other.outcomes]
        *exact, memory = other.measurements
        assert [m.value for m in mine.measurements] == [m.value for m in exact]
        assert memory.value is None
        assert (memory.reason or "").startswith("sharded: the network lies on several devices")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"device": "cpu"}, "sharded: needs several GPUs, and the device is cpu; --device cuda:0+1 names two"),
        ({"runtimes": [{"compile": "default"}]}, "runtimes: compile networks on one device"),
        ({"recoveries": ["scratch"]}, "recoveries: train on one GPU or on copies"),
        ({"models": [{"name": "v", "architecture": "deit_tiny_patch16_224"}]}, "v is no decoder, and only decoders"),
        (
            {"models": [{"name": "t", "architecture": "hf-config:llama", "weights": {"train": {"steps": 1}}}]},
            "t is to be trained",
        ),
    ],
)
def test_what_cannot_be_laid_over_devices_is_told_first(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    file = load_study(study_of(tmp_path, **{"device": "cuda:0+1", "sharded": True, **changes}))
    assert file.study is not None
    with pytest.raises(SpecError, match=told.replace("+", r"\+")):
        check_sharded(file, file.study, file.site)


def test_cards_together_are_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    assert resolve("cuda:1+3", is_one=True) == "cuda:1+3"
    assert resolve("cuda:1+3") == "cuda:1"
    classes = [class_of_machine({"gpus": ["H100"]}, device) for device in ("cuda:0", "cuda:1", "cuda:0+1", "cuda:2+3")]
    assert classes[0] == classes[1] != classes[2] == classes[3]


def test_several_cards_are_named_by_their_number() -> None:
    assert card_of("h100").number == 1
    several = card_of("4xH100")
    assert (several.name, several.number) == ("h100", 4)
    assert several.told().startswith("4 x h100 (79 GiB")
