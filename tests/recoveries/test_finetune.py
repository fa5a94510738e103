"""Plain training after a removal."""

from __future__ import annotations

import copy

import pytest
from pydantic import ValidationError
from recovering import are_equal, recovering_from, weights

from harness.recoveries.finetune import Finetune
from harness.training.loop import train


def test_finetuning_is_training_with_the_same_options() -> None:
    recovering, options = recovering_from(), Finetune(epochs=2, lr=1e-4)
    other = copy.deepcopy(recovering.net)
    figures = options.recover(recovering)
    part = recovering.data.parts["train"]
    expected = train(other, recovering.task, part, options, "cpu", recovering.seed, lambda _: None)
    assert (figures["loss"], figures["steps"]) == (expected["loss"], expected["steps"])
    assert are_equal(weights(other), weights(recovering.net))


def test_finetune_needs_a_length_as_training_does() -> None:
    with pytest.raises(ValidationError, match="exactly one of 'epochs' and 'steps'"):
        Finetune()
