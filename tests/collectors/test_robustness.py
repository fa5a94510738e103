"""Robustness: which images the network is shown, and what is told of its answers."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from harness.collectors.accuracy import Accuracy
from harness.collectors.base import View, collectors
from harness.collectors.robustness import Corrupted, Robustness
from harness.datasets.base import Part
from harness.datasets.chance import derived
from harness.datasets.corruptions import CORRUPTIONS, Floats
from harness.datasets.digits import Digits
from harness.errors import DataError, HarnessError
from harness.tasks.base import Batch
from harness.tasks.classification import Classification
from harness.tasks.images import ImageInput

GREY = ImageInput((1, 8, 8), (0.3,), (0.4,), "bilinear", 1.0, "center")
COLOUR = ImageInput((3, 24, 24), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "bicubic", 1.0, "center")


def standardised(pixels: Floats, config: ImageInput) -> Tensor:
    mean, std = (np.array(values).reshape(-1, 1, 1) for values in (config.mean, config.std))
    return torch.from_numpy((pixels - mean) / std).float()


def pixels_of(inputs: Tensor, config: ImageInput) -> Floats:
    mean, std = (np.array(values).reshape(-1, 1, 1) for values in (config.mean, config.std))
    found: Floats = inputs.double().numpy() * std + mean
    return found


def batch(items: int = 12, config: ImageInput = GREY) -> Batch:
    pixels = np.random.default_rng(5).random((items, *config.size))
    return Batch(standardised(pixels, config), torch.arange(items) % 10)


def view(corruption: str = "gaussian_noise", severity: int = 3, seed: int = 0) -> View:
    (found,) = Robustness(corruptions=(corruption,), severities=(severity,), seed=seed).views()
    return found


def digits() -> Part:
    return Digits(normalize="model").load({}, GREY).parts["test"]


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("config", [GREY, COLOUR], ids=["grey", "colour"])
def test_items_are_corrupted_as_pixels_and_standardised_again(name: str, config: ImageInput) -> None:
    given = batch(config=config)
    shown = view(name)(given, 0, config)
    for index, (before, after) in enumerate(zip(given.inputs, shown.inputs, strict=True)):
        chance = np.random.default_rng(derived(derived(0, name), index))
        expected = CORRUPTIONS[name](np.clip(pixels_of(before, config), 0, 1), 3, chance)
        assert np.allclose(pixels_of(after, config), expected, atol=1e-6)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_an_item_is_shown_alike_in_batches_of_any_size(name: str) -> None:
    whole = view(name)(batch(), 0, GREY).inputs
    for size in (1, 5):
        starts = range(0, 12, size)
        parts = [Batch(batch().inputs[s : s + size], batch().targets[s : s + size]) for s in starts]
        shown = [view(name)(part, first, GREY).inputs for first, part in zip(starts, parts, strict=True)]
        assert torch.equal(torch.cat(shown), whole)


def test_an_item_is_shown_alike_in_an_order_of_any_kind() -> None:
    given = batch()
    whole = view()(given, 0, GREY).inputs
    for index in (7, 2, 11):
        alone = Batch(given.inputs[index : index + 1], given.targets[index : index + 1])
        assert torch.equal(view()(alone, index, GREY).inputs[0], whole[index])


def test_items_differ_in_what_is_drawn_for_them() -> None:
    even = Batch(torch.zeros(3, 1, 8, 8), torch.zeros(3, dtype=torch.int64))
    first, second, third = view()(even, 0, GREY).inputs
    assert not torch.equal(first, second)
    assert not torch.equal(second, third)


def test_global_random_states_are_neither_read_nor_changed() -> None:
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        np.random.seed(seed)
        before = torch.random.get_rng_state(), np.random.random()
        np.random.seed(seed)
        found.append(view()(batch(), 0, GREY).inputs)
        assert torch.equal(before[0], torch.random.get_rng_state())
        assert np.random.random() == before[1]
    assert torch.equal(*found)


def test_another_seed_draws_other_noise() -> None:
    assert not torch.equal(view(seed=1)(batch(), 0, GREY).inputs, view()(batch(), 0, GREY).inputs)


def test_a_higher_severity_is_more_of_the_same_noise() -> None:
    middle = Batch(standardised(np.full((2, 1, 8, 8), 0.5), GREY), torch.zeros(2, dtype=torch.int64))
    changes = [pixels_of(view(severity=s)(middle, 0, GREY).inputs, GREY) - 0.5 for s in (1, 2)]
    assert np.allclose(changes[1], 2 * changes[0], atol=1e-6)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_labels_and_the_batch_that_is_given_stay_as_they_are(name: str) -> None:
    given = replace(batch(), accepted=torch.eye(10)[torch.arange(12) % 10].bool())
    before = given.inputs.clone()
    shown = view(name)(given, 0, GREY)
    assert shown.targets is given.targets
    assert shown.accepted is given.accepted
    assert torch.equal(given.inputs, before)
    assert shown.inputs.dtype == given.inputs.dtype


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_real_digits_stay_pixels_of_0_to_1(name: str) -> None:
    first = next(digits().batches(50))
    pixels = pixels_of(view(name, 5)(first, 0, GREY).inputs, GREY)
    assert -1e-6 < pixels.min() < pixels.max() < 1 + 1e-6


def test_a_mean_that_is_not_the_datas_is_an_error_in_words() -> None:
    given = batch()
    with pytest.raises(DataError, match=r"with mean \(0.5,\) and std \(0.5,\) the inputs go back to pixels of 0.1"):
        view()(given, 0, replace(GREY, mean=(0.5,), std=(0.5,)))


def answered(collector: Robustness, net: nn.Module, part: Part, size: int) -> dict[str, Any]:
    """One pass for each view, as the stage makes them."""
    found = {}
    for split in collector.splits:
        for shown in collector.views():
            tally, first = collector.tally(split, Classification(), part.info.sha256), 0
            for given in part.batches(size):
                seen = shown(given, first, GREY)
                with torch.no_grad():
                    tally.update(net(seen.inputs), seen)
                first += len(given)
            (measurement,), (outcome,) = tally.finish()
            found[measurement.model_copy(update={"at": shown.at}).asked.key] = (measurement, outcome)
    return found


def test_every_pair_of_the_lists_is_answered_once_with_a_bit_for_each_item(tiny_net: nn.Module) -> None:
    collector, part = Robustness(), digits()
    found = answered(collector, tiny_net, part, 100)
    assert list(found) == [asked.key for asked in collector.asked()]
    assert len(found) == 12
    for measurement, outcome in found.values():
        bits = np.unpackbits(np.frombuffer(base64.b64decode(outcome.data), np.uint8), count=497)
        assert measurement.value == bits.sum() / 497
        assert (measurement.unit, measurement.better, measurement.kind) == ("1", "higher", "exact")
        assert outcome.order == part.info.sha256


def test_answers_do_not_depend_on_the_size_of_the_batches(tiny_net: nn.Module) -> None:
    collector = Robustness(corruptions=("fog", "shot_noise"), severities=(5,))
    part = digits()
    assert answered(collector, tiny_net, part, 50) == answered(collector, tiny_net, part, 497)


def test_a_tally_says_what_accuracy_says_of_top1() -> None:
    outputs, targets = torch.randn(30, 10, generator=torch.Generator().manual_seed(0)), torch.arange(30) % 10
    tallies = [c.tally("test", Classification(), "0" * 64) for c in (Robustness(), Accuracy())]
    for tally in tallies:
        tally.update(outputs, Batch(outputs, targets))
    (mine, bits), (theirs, all_bits) = (tally.finish() for tally in tallies)
    assert mine == theirs[:1]
    assert bits == all_bits[:1]


def test_questions_tell_corruption_and_severity_and_an_other_seed() -> None:
    assert [a.at for a in Robustness(corruptions="jpeg", severities=[2, 4]).asked()] == [
        {"corruption": "jpeg", "severity": 2},
        {"corruption": "jpeg", "severity": 4},
    ]
    (asked,) = Robustness(corruptions="fog", severities=1, seed=7).asked()
    assert (asked.metric, asked.split, asked.at) == ("top1", "test", {"corruption": "fog", "severity": 1, "seed": 7})


def test_only_the_test_split_is_corrupted() -> None:
    assert Robustness.splits == ("test",)
    assert not Robustness.reads_test_sets


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"corruptions": ["jpeg", "gausian_blur"]},
            "corruptions.1: unknown corruption 'gausian_blur'; did you mean 'gaussian_blur'? known: brightness, "
            "contrast, defocus_blur, fog, gaussian_blur, gaussian_noise, imagenet_c_gaussian_noise, "
            "imagenet_c_impulse_noise, imagenet_c_shot_noise, impulse_noise, jpeg, motion_blur, ...",
        ),
        ({"severities": [1, 6]}, "severities.1: no severity 6; known: 1, 2, 3, 4, 5"),
        ({"severities": 0}, "severities.0: no severity 0; known: 1, 2, 3, 4, 5"),
        ({"severities": [3, 3]}, "severities: names 3 twice"),
        ({"corruptions": ["fog", "fog"]}, "corruptions: names fog twice"),
        (
            {"severty": 3},
            "severty: no such field; did you mean 'severities'? known: corruptions, seed, severities",
        ),
    ],
)
def test_what_is_not_known_is_refused_with_what_is(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(HarnessError) as raised:
        collectors.create({"name": "robustness", **options})
    assert str(raised.value) == sentence


def test_no_corruption_at_all_is_refused() -> None:
    with pytest.raises(HarnessError, match="corruptions: "):
        collectors.create({"name": "robustness", "corruptions": []})


def test_a_view_is_a_plain_value() -> None:
    assert view("fog", 2) == Corrupted("fog", 2, 0, {"corruption": "fog", "severity": 2})
