"""The removed architecture from random weights."""

from __future__ import annotations

import torch
from recovering import GONE, are_equal, fresh, recovering_from, weights

from harness.recoveries.finetune import Finetune
from harness.recoveries.scratch import Scratch
from harness.training.loop import train


def test_scratch_is_training_of_the_small_network_from_random_weights() -> None:
    recovering, options = recovering_from(), Scratch(epochs=2, batch=16)
    options.recover(recovering)
    small = recovering.anew(recovering.seed)
    train(small, recovering.task, recovering.data.parts["train"], options, "cpu", recovering.seed, lambda _: None)
    assert are_equal(weights(recovering.net), weights(small))


def test_scratch_forgets_the_weights_it_is_given() -> None:
    first, second = recovering_from(), recovering_from()
    with torch.no_grad():
        for parameter in second.net.parameters():
            parameter.add_(1.0)
    for recovering in (first, second):
        Scratch(steps=2).recover(recovering)
    assert are_equal(weights(first.net), weights(second.net))


def test_nothing_removed_scratch_is_training_the_whole_from_its_beginning() -> None:
    recovering, options = recovering_from(()), Scratch(epochs=2, batch=16)
    options.recover(recovering)
    whole = fresh(recovering.seed)
    train(whole, recovering.task, recovering.data.parts["train"], options, "cpu", recovering.seed, lambda _: None)
    assert are_equal(weights(recovering.net), weights(whole))


def test_scratch_is_not_finetuning() -> None:
    found = []
    for options in (Scratch(steps=2), Finetune(steps=2)):
        recovering = recovering_from(GONE)
        options.recover(recovering)
        found.append(weights(recovering.net))
    assert not are_equal(*found)
