"""The training loop: its schedule, its groups, and that a seed decides everything."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from harness import training
from harness.datasets.base import Part
from harness.errors import DataError, SpecError
from harness.recipes import Initialisation, TrainOptions
from harness.records import PartInfo
from harness.tasks.base import Batch
from harness.tasks.classification import Classification
from harness.training import initialise, learning_rate, train, weight_decay_groups

OPTIONS = TrainOptions(epochs=2, batch=16)


class Items(Part):
    """Seeded items in two kinds that a network can tell apart; remembers the order it was asked for."""

    def __init__(self, items: int = 40) -> None:
        generator = torch.Generator().manual_seed(5)
        self.info = PartInfo(items=items, sha256="0" * 64, transform="none")
        self.targets = torch.arange(items) % 2
        self.inputs = torch.randn(items, 1, 8, 8, generator=generator) + self.targets.reshape(-1, 1, 1, 1)
        self.shuffles: list[int | None] = []

    def batches(self, size: int, shuffle: int | None = None) -> Iterator[Batch]:
        self.shuffles.append(shuffle)
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(shuffle or 0))
        return (Batch(self.inputs[chosen], self.targets[chosen]) for chosen in torch.split(order, size))


def net_of(seed: int = 0, **options: Any) -> nn.Module:
    """Two blocks, width 16."""
    import timm

    torch.manual_seed(seed)
    sizes: dict[str, Any] = {"img_size": 8, "patch_size": 4, "embed_dim": 16, "num_heads": 2, "depth": 2}
    net: nn.Module = timm.create_model("deit_tiny_patch16_224", num_classes=10, in_chans=1, **sizes, **options)
    return net.eval()


def weights(net: nn.Module) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in net.state_dict().items()}


def trained(
    options: TrainOptions = OPTIONS, seed: int = 0, items: int = 40, chance: int = 0, **network: Any
) -> dict[str, Tensor]:
    """The same network after training; `chance` is the caller's random state."""
    net = net_of(**network)
    torch.manual_seed(chance)
    train(net, Classification(), Items(items), options, "cpu", seed, lambda _: None)
    return weights(net)


def are_equal(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return all(torch.equal(first[key], second[key]) for key in first)


# Twenty steps, of which four rise; a cosine over the sixteen others.
@pytest.mark.parametrize(
    ("step", "expected"),
    [(0, 0.2), (1, 0.4), (3, 0.8), (4, 1.0), (8, 0.1 + 0.9 * (1 + math.sqrt(0.5)) / 2), (12, 0.55), (20, 0.1)],
)
def test_the_rate_rises_in_a_line_and_falls_in_a_cosine(step: int, expected: float) -> None:
    options = TrainOptions(steps=20, lr=1.0, min_lr=0.1, warmup=0.2)
    assert learning_rate(step, 20, options) == pytest.approx(expected)


def test_without_warmup_the_first_step_has_the_full_rate() -> None:
    assert learning_rate(0, 10, TrainOptions(steps=10, lr=0.3, warmup=0.0)) == 0.3


def test_no_step_has_a_rate_of_zero() -> None:
    for steps in (1, 2, 7, 100):
        assert all(learning_rate(step, steps, OPTIONS) > 0 for step in range(steps))


def test_only_matrices_decay() -> None:
    net = net_of(qkv_bias=True, class_token=True)
    decaying, kept = weight_decay_groups(net, 0.05)
    names = {id(parameter): name for name, parameter in net.named_parameters()}

    def found(group: dict[str, Any]) -> set[str]:
        return {names[id(parameter)] for parameter in group["params"]}

    assert (decaying["weight_decay"], kept["weight_decay"]) == (0.05, 0.0)
    in_blocks = {f"blocks.{i}.{m}.weight" for i in (0, 1) for m in ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2")}
    assert found(decaying) == in_blocks | {"patch_embed.proj.weight", "head.weight"}
    assert found(kept) == set(names.values()) - found(decaying)
    assert {"pos_embed", "cls_token", "norm.weight", "blocks.0.attn.qkv.bias"} <= found(kept)


def test_a_parameter_that_is_frozen_is_in_no_group() -> None:
    net = net_of()
    net.get_submodule("head").requires_grad_(False)
    before = weights(net)
    train(net, Classification(), Items(), OPTIONS, "cpu", 0, lambda _: None)
    assert torch.equal(net.state_dict()["head.weight"], before["head.weight"])
    assert not torch.equal(net.state_dict()["norm.weight"], before["norm.weight"])


@pytest.mark.parametrize("network", [{}, {"drop_path_rate": 0.3, "proj_drop_rate": 0.2}], ids=["plain", "dropout"])
def test_the_same_seed_gives_the_same_weights_to_the_bit(network: dict[str, Any]) -> None:
    assert are_equal(trained(**network, chance=0), trained(**network, chance=1))


def test_another_seed_gives_other_weights() -> None:
    assert not are_equal(trained(seed=0), trained(seed=1))


def test_dropout_follows_the_seed_and_not_only_the_order() -> None:
    # A single item has one order only.
    first, second = (trained(OPTIONS, seed, items=1, proj_drop_rate=0.5) for seed in (0, 1))
    assert not are_equal(first, second)
    assert are_equal(trained(OPTIONS, 0, items=1), trained(OPTIONS, 1, items=1))


def test_a_gradient_is_clipped_to_the_norm_asked_for() -> None:
    # Far below AdamW's epsilon a gradient moves nothing; unclipped, a first step moves a weight by about the rate.
    start = weights(net_of())
    moved = []
    for clip in (1e-12, None):
        end = trained(TrainOptions(steps=1, lr=1e-3, warmup=0, weight_decay=0, clip=clip))
        moved.append(max(float((end[key] - start[key]).abs().max()) for key in start))
    assert moved[0] < 1e-6
    assert moved[1] == pytest.approx(1e-3, rel=0.01)


def test_the_callers_random_state_is_left() -> None:
    net = net_of(proj_drop_rate=0.5)
    before = torch.get_rng_state()
    train(net, Classification(), Items(), OPTIONS, "cpu", 0, lambda _: None)
    assert torch.equal(torch.get_rng_state(), before)


def test_threads_are_those_asked_for_and_then_the_callers_again() -> None:
    before = torch.get_num_threads()
    during: list[int] = []
    options = TrainOptions(epochs=1, threads=before + 1)
    train(net_of(), Classification(), Items(), options, "cpu", 0, lambda _: during.append(torch.get_num_threads()))
    assert (during, torch.get_num_threads()) == ([before + 1], before)


def test_every_epoch_has_an_order_of_its_own() -> None:
    part = Items()
    train(net_of(), Classification(), part, TrainOptions(epochs=3), "cpu", 0, lambda _: None)
    assert len(set(part.shuffles)) == 3
    assert None not in part.shuffles


@pytest.mark.parametrize(
    ("length", "steps", "epochs"),
    [({"epochs": 2}, 6, 2), ({"steps": 5}, 5, 2), ({"steps": 2}, 2, 1), ({"steps": 6}, 6, 2)],
)
def test_a_length_is_in_epochs_or_in_steps(length: dict[str, int], steps: int, epochs: int) -> None:
    part = Items(40)  # three batches of sixteen, the last one short
    options = TrainOptions.model_validate({"batch": 16, **length})
    figures = train(net_of(), Classification(), part, options, "cpu", 0, lambda _: None)
    assert (figures["steps"], len(part.shuffles)) == (steps, epochs)


def test_training_lowers_the_loss_and_the_network_ends_in_eval_mode() -> None:
    net, part, task = net_of(), Items(), Classification()
    (everything,) = part.batches(40)
    with torch.no_grad():
        before = float(task.loss(net(everything.inputs), everything))
    figures = train(net, task, part, TrainOptions(epochs=16, lr=1e-2), "cpu", 0, lambda _: None)
    with torch.no_grad():
        after = float(task.loss(net(everything.inputs), everything))
    assert after < 0.5 * before
    assert figures["loss"] < before
    assert not any(module.training for module in net.modules())
    assert all(parameter.grad is None for parameter in net.parameters())


def test_the_loss_of_an_epoch_is_the_mean_over_its_items() -> None:
    net, part, task = net_of(), Items(), Classification()
    (everything,) = part.batches(40)
    with torch.no_grad():
        expected = float(task.loss(net(everything.inputs), everything, 0.1))
    # A rate this small leaves the weights, so every batch meets the untrained network.
    options = TrainOptions(epochs=1, batch=16, lr=1e-30)
    assert train(net, task, part, options, "cpu", 0, lambda _: None)["loss"] == pytest.approx(expected, rel=1e-5)


class Told:
    """A clock that advances by `tick` seconds at each look."""

    def __init__(self, tick: float) -> None:
        self.now, self.tick = 0.0, tick

    def __call__(self) -> float:
        self.now += self.tick
        return self.now


@pytest.mark.parametrize(("tick", "epochs"), [(10.0, [1, 2, 3, 4, 5, 6]), (0.0, [1, 6]), (0.4, [1, 4, 6])])
def test_progress_is_told_at_most_once_a_second_and_at_the_end(
    monkeypatch: pytest.MonkeyPatch, tick: float, epochs: list[int]
) -> None:
    monkeypatch.setattr(training, "monotonic", Told(tick))
    lines: list[str] = []
    figures = train(net_of(), Classification(), Items(), TrainOptions(epochs=6), "cpu", 0, lines.append)
    assert [int(line.split()[1].split("/")[0]) for line in lines] == epochs
    assert lines[-1] == f"epoch 6/6, loss {figures['loss']:.3g}"


def test_a_loss_that_is_not_finite_stops_the_training_and_names_the_step() -> None:
    net, part = net_of(), Items()
    part.inputs[:] = math.nan
    with pytest.raises(FloatingPointError, match="the loss is nan at step 1 of 6; a lower lr"):
        train(net, Classification(), part, OPTIONS, "cpu", 0, lambda _: None)
    assert not net.training


def test_the_step_is_right_when_the_loss_goes_wrong_late(monkeypatch: pytest.MonkeyPatch) -> None:
    class Late(Classification):
        """Fails in the fifth step."""

        calls = 0

        def loss(self, outputs: Tensor, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
            self.calls += 1
            return super().loss(outputs, batch, label_smoothing) * (math.inf if self.calls == 5 else 1)

    for every in (2, 100):
        monkeypatch.setattr(training, "CHECK_EVERY", every)
        with pytest.raises(FloatingPointError, match="the loss is inf at step 5 of 6"):
            train(net_of(), Late(), Items(), OPTIONS, "cpu", 0, lambda _: None)


def test_weights_that_are_not_finite_after_the_last_step_are_an_error() -> None:
    options = TrainOptions(steps=1, lr=1e38, weight_decay=1e38, warmup=0.0)
    with pytest.raises(FloatingPointError, match="the weights are not finite after step 1"):
        train(net_of(), Classification(), Items(), options, "cpu", 0, lambda _: None)


def test_a_part_without_items_is_the_users_to_fix() -> None:
    with pytest.raises(DataError, match="the training part has no items"):
        train(net_of(), Classification(), Items(0), OPTIONS, "cpu", 0, lambda _: None)


def test_the_position_embedding_is_redrawn_with_the_deviation_asked_for() -> None:
    net = net_of()
    before = weights(net)
    initialise(net, Initialisation(pos_embed_std=0.5), seed=1)
    after = weights(net)
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert changed == {"pos_embed"}
    # 5 x 16 numbers: their deviation is within 4 of its own standard errors, 0.5 / sqrt(2 * 80).
    assert float(after["pos_embed"].std()) == pytest.approx(0.5, abs=0.16)


def test_the_position_embedding_follows_the_seed() -> None:
    drawn = []
    for seed in (1, 1, 2):
        net = net_of()
        initialise(net, Initialisation(pos_embed_std=2.0), seed)
        drawn.append(net.state_dict()["pos_embed"].clone())
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert float(drawn[0].abs().max()) <= 2  # cut where timm cuts


def test_an_initialisation_without_changes_changes_nothing() -> None:
    net = net_of()
    before = weights(net)
    initialise(net, Initialisation(), seed=1)
    assert are_equal(before, weights(net))


def test_a_network_without_a_position_embedding_is_the_users_to_fix() -> None:
    with pytest.raises(SpecError, match="pos_embed_std: Linear has no position embedding; leave this option out"):
        initialise(nn.Linear(2, 2), Initialisation(pos_embed_std=0.5), seed=0)
