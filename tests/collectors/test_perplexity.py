"""Perplexity against a loop of one token at a time, whatever the batches; its documents, and what has none."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from text_files import load_text, write_texts
from tiny_decoder import tiny_decoder
from torch import nn

from harness.collectors.perplexity import Perplexity
from harness.datasets.base import Part
from harness.errors import DataError
from harness.records import Measurement, Outcome
from harness.tasks.base import Batch
from harness.tasks.language_modelling import LanguageModelling
from harness.tasks.texts import TextBatch

TASK = LanguageModelling()
ORDER = "0" * 64
CONTEXT, STRIDE = 12, 5


@pytest.fixture(scope="module")
def net() -> nn.Module:
    return tiny_decoder(vocab_size=256, max_position_embeddings=CONTEXT)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_texts(tmp_path_factory.mktemp("perplexity"), documents=3, lines=1)


@pytest.fixture(scope="module")
def texts(home: Path) -> list[bytes]:
    return (home / "test.txt").read_bytes().split(b"\n\n\n")


def part_of(home: Path, stride: int = STRIDE) -> Part:
    return load_text(home, separator="\n\n\n", context=CONTEXT, stride=stride).parts["test"]


def measured(net: nn.Module, batches: Sequence[Batch]) -> tuple[dict[str, Measurement], Outcome]:
    tally = Perplexity().tally("test", TASK, ORDER)
    for batch in batches:
        with torch.no_grad():
            tally.update(TASK.forward(net, batch), batch)
    found, (outcome,) = tally.finish()
    return {one.metric: one for one in found}, outcome


def token_by_token(net: nn.Module, text: bytes, stride: int) -> float:
    """ln p of a document but its first token, each token asked for alone."""
    total, start, told = 0.0, 0, 1
    while told < len(text):
        stop = min(start + CONTEXT, len(text) - 1)
        for place in range(told, stop + 1):
            with torch.no_grad():
                logits = net(torch.tensor([list(text[start:place])])).logits[0, -1].double()
            total += float(logits[text[place]] - logits.exp().sum().log())
        told, start = stop + 1, start + stride
    return total


def values_of(data: str) -> list[float]:
    found: list[float] = np.frombuffer(base64.b64decode(data), dtype="<f8").tolist()
    return found


@pytest.mark.parametrize("stride", [CONTEXT, STRIDE, 1])
def test_it_is_that_of_a_loop_of_one_token_at_a_time(
    net: nn.Module, home: Path, texts: list[bytes], stride: int
) -> None:
    expected = [token_by_token(net, text, stride) for text in texts]
    tokens = [len(text) - 1 for text in texts]
    found, outcome = measured(net, list(part_of(home, stride).batches(4)))
    assert values_of(outcome.data) == pytest.approx(expected, rel=1e-5)
    assert outcome.weights is not None
    assert values_of(outcome.weights["tokens"]) == values_of(outcome.weights["bytes"]) == tokens
    assert found["perplexity"].value == pytest.approx(math.exp(-sum(expected) / sum(tokens)), rel=1e-5)
    assert found["bits_per_byte"].value == pytest.approx(-sum(expected) / math.log(2) / sum(tokens), rel=1e-5)
    assert (outcome.item, outcome.items, outcome.order) == ("document", 3, ORDER)
    assert found["perplexity"].details == {
        "documents": 3,
        "tokens": sum(tokens),
        "bytes": sum(tokens),
        "context": CONTEXT,
    }


def test_it_does_not_depend_on_batch_size_order_or_padding(net: nn.Module, home: Path) -> None:
    part = part_of(home)
    first, outcome = measured(net, list(part.batches(1)))
    assert first["perplexity"].value is not None
    for batches in (
        list(part.batches(7)),
        list(part.batches(3, shuffle=1)),
        [_wider(batch) for batch in part.batches(2)],
        list(reversed(list(part.batches(5)))),
    ):
        found, other = measured(net, batches)
        assert found["perplexity"].value == pytest.approx(first["perplexity"].value, rel=1e-6)
        assert values_of(other.data) == pytest.approx(values_of(outcome.data), rel=1e-6)


def _wider(batch: Batch) -> Batch:
    """The same with three more columns of padding, of which no token is 0."""
    assert isinstance(batch, TextBatch)
    items, length = batch.inputs.shape
    return TextBatch(
        torch.cat([batch.inputs, torch.full((items, 3), 7)], 1),
        torch.cat([batch.targets, torch.full((items, 3), -100)], 1),
        None,
        torch.arange(length + 3).expand(items, -1) < length,
        batch.documents,
        batch.text_bytes,
    )


def test_a_network_that_knows_nothing_has_the_perplexity_of_its_vocabulary(home: Path) -> None:
    net = tiny_decoder(vocab_size=256)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
    found, _ = measured(net, list(part_of(home).batches(4)))
    assert found["perplexity"].value == pytest.approx(256, rel=1e-6)
    assert found["bits_per_byte"].value == pytest.approx(8, rel=1e-6)
    assert {(one.better, one.kind) for one in found.values()} == {("lower", "exact")}


def test_broken_arithmetic_is_told(home: Path) -> None:
    (batch, *_) = part_of(home).batches(2)
    with pytest.raises(ArithmeticError, match="the outputs of 2 of 2 items of a batch of split 'test' hold NaN"):
        Perplexity().tally("test", TASK, ORDER).update(torch.full((2, CONTEXT, 256), math.nan), batch)


def test_a_token_without_a_chance_gives_null_with_the_reason(home: Path) -> None:
    tally = Perplexity().tally("test", TASK, ORDER)
    for batch in part_of(home).batches(2):
        outputs = torch.zeros(*batch.inputs.shape, 256)
        outputs[..., ord("s")] = -math.inf
        tally.update(outputs, batch)
    found, outcomes = tally.finish()
    assert [one.value for one in found] == [None, None]
    assert {one.reason for one in found} == {"a token has the probability 0, or nearly so"}
    assert outcomes == ()


def test_a_split_without_items_has_no_answer() -> None:
    found, outcomes = Perplexity().tally("test", TASK, ORDER).finish()
    assert {one.reason for one in found} == {"the split has no items"}
    assert outcomes == ()


def test_items_of_unknown_documents_are_refused(net: nn.Module) -> None:
    batch = TASK.example(TASK.input_config(net), 2, "cpu")
    with pytest.raises(DataError, match="split 'test' does not say which documents its items are from"):
        measured(net, [batch])
