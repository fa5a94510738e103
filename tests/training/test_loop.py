"""The training loop: that a seed decides everything, and that a killed training goes on to the same end."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from trainings import OPTIONS, Items, are_equal, net_of, trained, weights

from harness.errors import DataError, DeviceError, SpecError
from harness.recipes import Initialisation, TrainOptions
from harness.schema import digest
from harness.tasks.base import Batch
from harness.tasks.classification import Classification
from harness.training import loop as training
from harness.training.groups import weight_decay_groups
from harness.training.loop import Course, initialise, train
from harness.training.schedules import learning_rate

RICH = TrainOptions(epochs=3, batch=16, mixup=0.8, cutmix=1.0, erase=0.25, ema=0.9, layer_decay=0.8)
DROPS: dict[str, Any] = {"drop_path_rate": 0.3, "proj_drop_rate": 0.2}


def test_a_parameter_that_is_frozen_is_in_no_group() -> None:
    net = net_of()
    net.get_submodule("head").requires_grad_(False)
    before = weights(net)
    train(net, Classification(), Items(), OPTIONS, "cpu", 0, lambda _: None)
    assert torch.equal(net.state_dict()["head.weight"], before["head.weight"])
    assert not torch.equal(net.state_dict()["norm.weight"], before["norm.weight"])


@pytest.mark.parametrize("network", [{}, DROPS], ids=["plain", "dropout"])
@pytest.mark.parametrize("options", [OPTIONS, RICH], ids=["plain", "mixup and average"])
def test_the_same_seed_gives_the_same_weights_to_the_bit(options: TrainOptions, network: dict[str, Any]) -> None:
    course = Course(outputs=10)
    first, second = (trained(options, course=course, chance=chance, **network) for chance in (0, 1))
    assert are_equal(first, second)


def test_plain_options_are_the_plain_loop_to_the_bit() -> None:
    net, part, options = net_of(**DROPS), Items(), TrainOptions(epochs=2, batch=16, lr=2e-3)
    optimizer = torch.optim.AdamW(weight_decay_groups(net, options.weight_decay), lr=options.lr, fused=True)
    net.train()
    step = 0
    for epoch in (1, 2):
        own = int(digest([3, epoch], length=8), 16)
        torch.manual_seed(own)
        for batch in part.batches(16, shuffle=own):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, 6, options)
            loss = torch.nn.functional.cross_entropy(net(batch.inputs), batch.targets, label_smoothing=0.1)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            step += 1
    assert are_equal(trained(options, seed=3, **DROPS), weights(net))


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
        monkeypatch.setattr("harness.training.losses.CHECK_EVERY", every)
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


class KilledError(Exception):
    """Stands for a signal that ends the process."""


def kill_in(epoch: int) -> Callable[[int, int], None]:
    """A `before_step` that raises in the first step of an epoch."""

    def before_step(now: int, step: int) -> None:
        if now == epoch:
            raise KilledError

    return before_step


@pytest.mark.parametrize("options", [TrainOptions(epochs=4, batch=16), RICH.model_copy(update={"epochs": 4})])
def test_a_killed_training_goes_on_to_the_same_weights_to_the_bit(
    options: TrainOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.training.checkpoints.EVERY_S", 0.0)
    whole = trained(options, course=Course(outputs=10), **DROPS)
    with pytest.raises(KilledError):
        trained(options, course=Course(outputs=10, checkpoints=tmp_path, before_step=kill_in(2)), **DROPS)
    begun: list[int] = []
    seen = Course(outputs=10, checkpoints=tmp_path, before_step=lambda epoch, _: begun.append(epoch))
    resumed = trained(options, course=seen, chance=7, **DROPS)
    assert set(begun) == {2, 3}
    assert are_equal(whole, resumed)


def test_figures_of_a_resumed_training_are_those_of_an_uninterrupted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.training.checkpoints.EVERY_S", 0.0)
    found = []
    for course in (Course(checkpoints=tmp_path, before_step=kill_in(1)), Course(checkpoints=tmp_path), Course()):
        try:
            figures = train(net_of(), Classification(), Items(), OPTIONS, "cpu", 0, lambda _: None, course)
        except KilledError:
            continue
        found.append((figures["loss"], figures["steps"]))
    assert found[0] == found[1]


def test_a_checkpoint_of_another_training_is_not_gone_on_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.training.checkpoints.EVERY_S", 0.0)
    with pytest.raises(KilledError):
        trained(OPTIONS, course=Course(checkpoints=tmp_path, before_step=kill_in(1)))
    other = OPTIONS.model_copy(update={"lr": 1e-2})
    assert are_equal(trained(other, course=Course(checkpoints=tmp_path)), trained(other))
    assert are_equal(trained(OPTIONS, seed=1, course=Course(checkpoints=tmp_path)), trained(OPTIONS, seed=1))


def test_a_training_whose_end_is_kept_is_not_done_twice(tmp_path: Path) -> None:
    steps: list[int] = []
    course = Course(checkpoints=tmp_path, keeps_end=True, before_step=lambda _, step: steps.append(step))
    options = TrainOptions(epochs=2, batch=16, ema=0.5)
    first, second = (trained(options, course=course) for _ in range(2))
    assert steps == list(range(6))
    assert are_equal(first, second)


def test_a_short_training_writes_no_checkpoint(tmp_path: Path) -> None:
    trained(OPTIONS, course=Course(checkpoints=tmp_path / "place"))
    assert not (tmp_path / "place").exists()


def test_checkpoints_are_tensors_and_json(tmp_path: Path) -> None:
    trained(OPTIONS, course=Course(checkpoints=tmp_path, keeps_end=True))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert [Path(name).suffix for name in names] == [".safetensors", ".json"]
    position = json.loads((tmp_path / "position.json").read_text())
    assert (position["epochs"], position["steps"]) == (2, 6)
    assert names[0] == f"{position['state']}.safetensors"


def test_the_weights_that_are_kept_are_the_average(tmp_path: Path) -> None:
    decay, net = 0.75, net_of()
    options = TrainOptions(steps=3, batch=16, ema=decay)
    expected = {name: p.detach().clone().double() for name, p in net.named_parameters()}
    plain = options.model_copy(update={"ema": None})
    for steps in (1, 2, 3):
        # The same schedule, stopped earlier.
        after = _stopped_after(plain, steps)
        expected = {name: decay * value + (1 - decay) * after[name].double() for name, value in expected.items()}
    found = trained(options)
    assert all(torch.allclose(found[name].double(), value, atol=1e-6) for name, value in expected.items())
    assert not are_equal(found, trained(plain))


def _stopped_after(options: TrainOptions, steps: int) -> dict[str, Tensor]:
    net = net_of()

    def before_step(_: int, step: int) -> None:
        if step == steps:
            raise KilledError

    with contextlib.suppress(KilledError):
        train(net, Classification(), Items(), options, "cpu", 0, lambda _: None, Course(before_step=before_step))
    return weights(net)


def test_layer_decay_lowers_the_rate_of_the_stem_and_not_of_the_head() -> None:
    start = weights(net_of())
    plain, decayed = (
        trained(TrainOptions(steps=1, lr=1e-3, warmup=0, weight_decay=0, clip=None, layer_decay=factor))
        for factor in (None, 0.5)
    )
    stem, head = "patch_embed.proj.weight", "head.weight"
    assert torch.equal(plain[head], decayed[head])
    moved = [float((end[stem] - start[stem]).abs().max()) for end in (plain, decayed)]
    assert moved[1] / moved[0] == pytest.approx(0.5**3, rel=0.01)


def test_mixing_needs_to_know_the_size_of_the_head() -> None:
    with pytest.raises(ValueError, match="number of outputs"):
        trained(TrainOptions(steps=1, mixup=0.5))


def test_random_labels_are_told_to_the_network_and_leave_it_nothing_to_know() -> None:
    # Two kinds of items, and ten classes at random: the network can but learn them by heart.
    course = Course(outputs=10)
    losses: list[float] = []
    for noise in (0.0, 1.0):
        options = TrainOptions(epochs=16, lr=1e-2, label_noise=noise, label_smoothing=0.0)
        losses.append(train(net_of(), Classification(), Items(), options, "cpu", 0, lambda _: None, course)["loss"])
    assert losses[1] > 2 * losses[0]


def test_label_noise_follows_the_seed_of_the_training() -> None:
    options, course = TrainOptions(steps=3, label_noise=0.5), Course(outputs=10)
    first, again, clean = trained(options, course=course), trained(options, course=course), trained(OPTIONS)
    assert are_equal(first, again)
    assert not are_equal(first, clean)


def test_label_noise_needs_to_know_the_size_of_the_head() -> None:
    with pytest.raises(ValueError, match="number of outputs"):
        trained(TrainOptions(steps=1, label_noise=0.5))


def test_half_precision_on_the_cpu_is_refused() -> None:
    with pytest.raises(DeviceError, match="'amp: true' needs a GPU, and this runs on the CPU"):
        trained(TrainOptions(steps=1, amp=True))


@pytest.mark.gpu
def test_half_precision_on_a_gpu_trains_weights_of_full_precision() -> None:
    net = net_of().cuda()
    options = TrainOptions(epochs=16, lr=1e-2, amp=True, mixup=0.2, ema=0.9, erase=0.2)
    lines: list[str] = []
    figures = train(net, Classification(), Items(), options, "cuda:0", 0, lines.append, Course(outputs=10))
    assert figures["loss"] < 2.0
    assert {parameter.dtype for parameter in net.parameters()} == {torch.float32}


def test_augmentation_of_items_that_cannot_be_augmented_is_refused() -> None:
    with pytest.raises(DataError, match="'augment: rand' is for images"):
        trained(TrainOptions(steps=1, augment="rand"))


def test_every_step_is_told_its_epoch() -> None:
    told: list[tuple[int, int]] = []
    trained(OPTIONS, course=Course(before_step=lambda epoch, step: told.append((epoch, step))))
    assert told == [(0, 0), (0, 1), (0, 2), (1, 3), (1, 4), (1, 5)]


def test_a_loss_of_ones_own_takes_the_place_of_the_tasks() -> None:
    def constant(outputs: Tensor, batch: Batch) -> Tensor:
        return outputs.square().mean() * 0 + len(batch)

    figures = train(net_of(), Classification(), Items(40), OPTIONS, "cpu", 0, lambda _: None, Course(loss=constant))
    assert figures["loss"] == pytest.approx((16 * 16 + 16 * 16 + 8 * 8) / 40)


def test_seconds_are_told() -> None:
    figures = train(net_of(), Classification(), Items(), OPTIONS, "cpu", 0, lambda _: None)
    assert figures["elapsed_s"] > 0
