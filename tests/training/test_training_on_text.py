"""Training on text: what is learnt, what weighs how much, and what a recipe may not ask of it."""

from __future__ import annotations

import pytest
import torch
from text_files import load_text, write_texts
from tiny_decoder import tiny_decoder
from torch import nn

from harness.datasets.base import Data, Part
from harness.errors import SpecError
from harness.models import content_of
from harness.recipes import RecoveryOptions, TrainOptions
from harness.recoveries.base import Recovering
from harness.recoveries.distill import Distill
from harness.recoveries.tuning import mean_loss
from harness.tasks.language_modelling import LanguageModelling
from harness.training.circle import Circle
from harness.training.loop import train

TASK = LanguageModelling()
OPTIONS = TrainOptions(steps=20, batch=4, lr=1e-2, label_smoothing=0.0)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    """Documents of several lengths, so that items are padded."""
    home = write_texts(tmp_path_factory.mktemp("texts"), documents=5, lines=1)
    return load_text(home, separator="\n\n\n", context=24, packed=False)


@pytest.fixture(scope="module")
def part(data: Data) -> Part:
    return data.parts["train"]


def fresh(seed: int = 0) -> nn.Module:
    return tiny_decoder(seed, vocab_size=256, initializer_range=0.02)


def trained(part: Part, options: TrainOptions = OPTIONS, seed: int = 0) -> tuple[nn.Module, dict[str, float]]:
    net = fresh()
    return net, train(net, TASK, part, options, "cpu", seed, lambda _: None)


def token_losses(net: nn.Module, part: Part) -> list[float]:
    """Of every scored token, item by item."""
    found: list[float] = []
    with torch.no_grad():
        for batch in part.batches(1):
            logs = TASK.forward(net, batch)[0].double().log_softmax(-1)
            told = batch.targets[0]
            found += [-float(logs[at, token]) for at, token in enumerate(told.tolist()) if token >= 0]
    return found


def test_a_decoder_learns_a_text_and_the_same_seed_gives_the_same_weights(part: Part) -> None:
    before = token_losses(fresh(), part)
    (net, figures), (again, _), (other, _) = trained(part), trained(part), trained(part, seed=1)
    after = token_losses(net, part)
    assert sum(after) / len(after) < 0.8 * sum(before) / len(before)
    assert figures["steps"] == 20
    assert content_of(net) == content_of(again) != content_of(other)


def test_the_loss_of_an_epoch_is_the_mean_over_its_tokens(part: Part) -> None:
    frozen = OPTIONS.model_copy(update={"steps": None, "epochs": 1, "lr": 1e-12, "weight_decay": 0.0})
    net, figures = trained(part, frozen)
    losses = token_losses(net, part)
    assert figures["loss"] == pytest.approx(sum(losses) / len(losses), rel=1e-5)


@pytest.mark.parametrize("size", [2, 3])
def test_shares_of_several_processes_weigh_by_their_tokens(part: Part, size: int) -> None:
    net = fresh()
    (batch, *_) = part.batches(7, shuffle=3)
    shares = [Circle(rank, size).share(batch, TASK.scored) for rank in range(size)]
    with torch.no_grad():
        own = [share.weight * float(TASK.loss(TASK.forward(net, share.batch), share.batch)) for share in shares]
        whole = float(TASK.loss(TASK.forward(net, batch), batch))
    assert sum(share.weight for share in shares) == pytest.approx(1)
    assert sum(own) == pytest.approx(whole, rel=1e-5)
    assert {share.scored for share in shares} == {TASK.scored(batch)}


def test_a_mean_loss_over_a_part_does_not_depend_on_its_batches(part: Part) -> None:
    net = fresh()
    losses = token_losses(net, part)
    for batch in (1, 4, 100):
        options = RecoveryOptions(steps=1, batch=batch, label_smoothing=0.0)
        assert mean_loss(net, TASK, part, options, "cpu") == pytest.approx(sum(losses) / len(losses), rel=1e-5)


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"label_smoothing": 0.1}, "label_smoothing: a text is told by its likelihood"),
        ({"mixup": 0.5}, "mixup: is of images"),
        ({"cutmix": 0.5}, "cutmix: is of images"),
        ({"erase": 0.5}, "erase: is of images"),
        ({"augment": "rand"}, "augment: is of images"),
        ({"label_noise": 0.4}, "label_noise: is of classes; the labels of a text are its own tokens"),
    ],
)
def test_a_recipe_of_images_is_refused(part: Part, options: dict[str, object], place: str) -> None:
    with pytest.raises(SpecError, match=place):
        trained(part, TrainOptions.model_validate({"steps": 1, "label_smoothing": 0.0, **options}))


def test_a_teacher_is_followed_where_something_is_told(data: Data) -> None:
    part, student, teacher = data.parts["train"], fresh(), fresh(seed=1)
    divergences: list[float] = []
    with torch.no_grad():
        for batch in part.batches(1):
            taught, own = (TASK.forward(net, batch)[0].double().log_softmax(-1) for net in (teacher, student))
            apart = (taught.exp() * (taught - own)).sum(-1)
            divergences += apart[batch.targets[0] >= 0].tolist()
    recovering = Recovering(
        net=student,
        whole=teacher,
        sublayers=(),
        removal="skip",
        anew=fresh,
        task=TASK,
        data=data,
        device="cpu",
        seed=0,
        progress=lambda _: None,
    )
    options = {"steps": 1, "batch": len(part), "alpha": 1.0, "temperature": 1.0, "label_smoothing": 0.0}
    figures = Distill.model_validate(options).recover(recovering)
    assert figures["loss"] == pytest.approx(sum(divergences) / len(divergences), rel=1e-4)
