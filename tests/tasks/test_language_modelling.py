"""Language modelling: limits of a network, the loss against its formula, and what padding may not change."""

from __future__ import annotations

import pytest
import torch
from tiny_decoder import CONTEXT, VOCABULARY, tiny_decoder
from torch import Tensor, nn

from harness.errors import SpecError
from harness.tasks.base import Description
from harness.tasks.classification import Classification
from harness.tasks.language_modelling import LanguageModelling, log_likelihoods
from harness.tasks.texts import UNSCORED, TextBatch, TextInput

TASK = LanguageModelling()
LENGTHS = (7, 3, 5)


def padded(filler: int = 0) -> TextBatch:
    """Stretches of three lengths, padded with `filler`; the first token of the last one was scored before."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.full((3, max(LENGTHS)), filler)
    targets = torch.full_like(inputs, UNSCORED)
    for row, length in enumerate(LENGTHS):
        drawn = torch.randint(VOCABULARY, (length + 1,), generator=generator)
        inputs[row, :length], targets[row, :length] = drawn[:-1], drawn[1:]
    targets[2, 0] = UNSCORED
    mask = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]
    return TextBatch(inputs, targets, mask=mask)


@pytest.fixture(scope="module")
def net() -> nn.Module:
    return tiny_decoder()


def outputs_of(net: nn.Module, batch: TextBatch) -> Tensor:
    with torch.no_grad():
        return TASK.forward(net, batch)


def test_what_a_network_wants_is_read_from_it(net: nn.Module) -> None:
    assert TASK.input_config(net) == TextInput(VOCABULARY, CONTEXT)
    assert TASK.input_config(net).limits() == {"vocabulary": VOCABULARY, "context": CONTEXT}


def test_a_network_of_images_reads_no_text(tiny_net: nn.Module) -> None:
    with pytest.raises(SpecError, match="VisionTransformer is no language model, and the data is text; ask for hf:"):
        TASK.input_config(tiny_net)


def test_a_language_model_reads_no_images(net: nn.Module) -> None:
    with pytest.raises(SpecError, match="LlamaForCausalLM reads tokens, and the data holds images; 'data: text'"):
        Classification().input_config(net)


@pytest.mark.parametrize(
    ("outputs", "length", "said"),
    [
        (VOCABULARY, CONTEXT, ""),
        (VOCABULARY + 1, 8, "the data's tokenizer has 33 tokens, the network knows 32; use its own"),
        (VOCABULARY, CONTEXT + 1, "the data's context is 25 tokens, the network takes 24 at most"),
    ],
)
def test_data_beyond_the_limits_is_a_misfit(outputs: int, length: int, said: str) -> None:
    limits = TextInput(VOCABULARY, CONTEXT).limits()
    assert TASK.misfit(limits, Description(TASK.name, outputs, length=length)) == said


def test_a_network_without_positions_takes_any_length() -> None:
    limits = TextInput(VOCABULARY).limits()
    assert TASK.misfit(limits, Description(TASK.name, VOCABULARY, length=10**6)) == ""


def test_examples_are_seeded_tokens_and_leave_the_global_state_alone() -> None:
    config = TextInput(VOCABULARY, CONTEXT)
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first, again, other = (TASK.example(config, 5, "cpu", seed) for seed in (1, 1, 2))
    assert first.inputs.shape == (5, CONTEXT)
    assert 0 <= int(first.inputs.min()) <= int(first.inputs.max()) < VOCABULARY
    assert torch.equal(first.inputs[:, 1:], first.targets[:, :-1])
    assert torch.equal(first.inputs, again.inputs)
    assert not torch.equal(first.inputs, other.inputs)
    assert torch.equal(torch.get_rng_state(), before)
    assert TASK.example(config, 1, "meta").inputs.is_meta


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_loss_is_smoothed_cross_entropy_over_real_tokens_in_nats(smoothing: float) -> None:
    batch = padded()
    outputs = torch.randn(3, max(LENGTHS), VOCABULARY, generator=torch.Generator().manual_seed(1))
    losses = []
    for row, column in (batch.targets != UNSCORED).nonzero().tolist():
        wanted = torch.full((VOCABULARY,), smoothing / VOCABULARY, dtype=torch.float64)
        wanted[batch.targets[row, column]] += 1 - smoothing
        logits = outputs[row, column].double()
        losses.append(-(wanted * (logits - logits.exp().sum().log())).sum())
    assert len(losses) == int(TASK.predictions(batch).sum()) == sum(LENGTHS) - 1
    assert float(TASK.loss(outputs, batch, smoothing)) == pytest.approx(float(torch.stack(losses).mean()), rel=1e-6)


def test_the_loss_is_told_from_what_is_kept(net: nn.Module) -> None:
    batch = padded()
    outputs = outputs_of(net, batch)
    kept = TASK.kept(outputs, batch)
    assert kept.shape == batch.targets.shape
    assert float(TASK.loss_of(kept, batch)) == pytest.approx(float(TASK.loss(outputs, batch)), rel=1e-6)


def test_answers_are_the_rows_of_scored_tokens(net: nn.Module) -> None:
    batch = padded()
    outputs = outputs_of(net, batch)
    expected = [outputs[row, column] for row, column in (batch.targets != UNSCORED).nonzero().tolist()]
    assert torch.equal(TASK.answers(outputs, batch), torch.stack(expected))


def test_what_stands_at_padding_changes_nothing_that_is_scored(net: nn.Module) -> None:
    first, other = (TASK.kept(outputs_of(net, padded(filler)), padded(filler)) for filler in (0, 9))
    assert torch.equal(first, other)


def test_a_padded_item_has_the_likelihoods_of_itself_alone(net: nn.Module) -> None:
    batch = padded()
    together = log_likelihoods(outputs_of(net, batch), batch.targets)
    for row, length in enumerate(LENGTHS):
        alone = TextBatch(batch.inputs[row : row + 1, :length], batch.targets[row : row + 1, :length])
        found = log_likelihoods(outputs_of(net, alone), alone.targets)
        assert torch.allclose(together[row, :length], found[0], atol=1e-5)
        assert not together[row, length:].any()


def test_a_batch_is_cut_and_moved_with_all_that_belongs_to_its_items() -> None:
    batch = padded()
    some = batch.at(slice(1, 3))
    assert isinstance(some, TextBatch)
    assert some.mask is not None
    assert batch.mask is not None
    assert torch.equal(some.mask, batch.mask[1:])
    assert torch.equal(some.targets, batch.targets[1:])
    assert some.documents is None
