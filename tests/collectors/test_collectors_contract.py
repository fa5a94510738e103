"""What every registered collector owes: exactly the answers it announced, and networks left as they were."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
from subjects import MovingClock, example, subject_of
from tiny_decoder import tiny_decoder
from torch import nn

from harness.collectors.base import (
    CostCollector,
    ExamCollector,
    Examinee,
    OutcomeCollector,
    SelectionCollector,
    collectors,
)
from harness.hidden import hidden_of
from harness.records import Measurement
from harness.spec import COLLECTORS
from harness.tasks.classification import Classification
from harness.tasks.images import ImageInput
from harness.tasks.language_modelling import LanguageModelling
from harness.transforms.relu import ReluConversion

CONFIG = ImageInput((1, 8, 8), (0.5,), (0.1,), "bilinear", 1.0, "center")
COSTS = [name for name, member in collectors.members().items() if issubclass(member, CostCollector)]


def answers(name: str, candidate: nn.Module, baseline: nn.Module) -> tuple[Measurement, ...]:
    collector = collectors.create({"name": name})
    if isinstance(collector, CostCollector):
        return collector.collect(subject_of(candidate, baseline), MovingClock())
    if isinstance(collector, SelectionCollector):
        return (collector.answer(0.5, None, {"sets": 3}),)
    if isinstance(collector, ExamCollector):
        return collector.collect(Examinee(tiny_decoder(), None, "cpu"))[0]
    assert isinstance(collector, OutcomeCollector)
    if collector.tasks == ("language_modelling",):
        return answers_of_text(collector)
    if collector.misfit(hidden_of(candidate)):
        candidate = ReluConversion().apply(copy.deepcopy(candidate))
    found: list[Measurement] = []
    for split in collector.splits:
        for view in collector.views():
            tally = collector.tally(split, Classification(), "0" * 64)
            shown = view(example(8), 0, CONFIG)
            probe = collector.probe(candidate, Classification())
            with torch.no_grad(), nullcontext() if probe is None else probe.watching(shown) as seen:
                outputs = candidate(shown.inputs)
            tally.update(outputs if probe is None else seen, shown)
            found += [m.model_copy(update={"at": {**m.at, **view.at}}) for m in tally.finish()[0]]
    return tuple(found)


def answers_of_text(collector: OutcomeCollector) -> tuple[Measurement, ...]:
    task, net = LanguageModelling(), tiny_decoder()
    batch = task.example(task.input_config(net), 4, "cpu")
    batch = replace(batch, documents=torch.arange(4), text_bytes=torch.full((4,), 100))
    found: list[Measurement] = []
    for split in collector.splits:
        tally = collector.tally(split, task, "0" * 64)
        with torch.no_grad():
            tally.update(task.forward(net, batch), batch)
        found += tally.finish()[0]
    return tuple(found)


@pytest.fixture
def smaller_net(tiny_net: nn.Module) -> nn.Module:
    net = copy.deepcopy(tiny_net)
    del net.blocks[2]  # type: ignore[union-attr, operator]  # a sequence of blocks
    return net


@pytest.fixture(scope="module")
def kept() -> dict[str, tuple[Measurement, ...]]:
    """The answers that were given, for all who only look at them."""
    return {}


@pytest.fixture
def found(
    kept: dict[str, tuple[Measurement, ...]], name: str, tiny_net: nn.Module, smaller_net: nn.Module
) -> tuple[Measurement, ...]:
    """What a collector answers, once for all tests: the networks are the same in each."""
    if name not in kept:
        kept[name] = answers(name, smaller_net, tiny_net)
    return kept[name]


@pytest.mark.parametrize("name", collectors.members())
def test_a_collector_answers_exactly_what_it_announced(name: str, found: tuple[Measurement, ...]) -> None:
    assert tuple(measurement.asked for measurement in found) == collectors.create({"name": name}).asked()


@pytest.mark.parametrize("name", collectors.members())
def test_what_is_null_has_a_reason(found: tuple[Measurement, ...]) -> None:
    for measurement in found:
        assert measurement.value is not None or measurement.reason


@pytest.mark.parametrize("name", collectors.members())
def test_samples_are_paired_or_absent(found: tuple[Measurement, ...]) -> None:
    for measurement in found:
        assert len(measurement.samples) == len(measurement.rounds)
        assert len(measurement.baseline_samples) in (0, len(measurement.samples))


@pytest.mark.parametrize("name", collectors.members())
def test_a_measurement_can_be_written_down(found: tuple[Measurement, ...]) -> None:
    for measurement in found:
        assert Measurement.model_validate_json(measurement.model_dump_json()) == measurement


def hooks(net: nn.Module) -> Iterator[object]:
    for module in net.modules():
        yield from module._forward_hooks.values()
        yield from module._forward_pre_hooks.values()


@pytest.mark.parametrize("name", COSTS)
def test_the_networks_are_left_as_they_were(name: str, tiny_net: nn.Module, smaller_net: nn.Module) -> None:
    nets = (smaller_net, tiny_net)
    before = [copy.deepcopy(net.state_dict()) for net in nets]
    fields = [sorted(vars(module)) for net in nets for module in net.modules()]
    fused = [getattr(module, "fused_attn", None) for net in nets for module in net.modules()]
    answers(name, *nets)
    assert all(
        torch.equal(old[key], value)
        for old, net in zip(before, nets, strict=True)
        for key, value in net.state_dict().items()
    )
    assert [sorted(vars(module)) for net in nets for module in net.modules()] == fields
    assert [getattr(module, "fused_attn", None) for net in nets for module in net.modules()] == fused
    assert not [hook for net in nets for hook in hooks(net)]
    assert not any(module.training for net in nets for module in net.modules())
    assert all(parameter.requires_grad for net in nets for parameter in net.parameters())


@pytest.mark.parametrize("name", collectors.members())
def test_a_collector_says_what_it_is(name: str) -> None:
    assert collectors.get(name).summary()


@pytest.mark.parametrize("name", COSTS)
def test_exact_measurements_come_from_exact_collectors(name: str, tiny_net: nn.Module) -> None:
    member = collectors.get(name)
    assert issubclass(member, CostCollector)
    assert {measurement.kind for measurement in answers(name, tiny_net, tiny_net)} == {member.kind}


def test_the_default_collectors_are_all_there() -> None:
    assert set(COLLECTORS) <= set(collectors.members())
