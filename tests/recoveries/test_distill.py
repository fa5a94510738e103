"""Learning from the untouched network, against the formula of Hinton et al."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from pydantic import ValidationError
from recovering import are_equal, recovering_from, weights
from torch import Tensor, nn

from harness.recoveries.distill import Distill, divergence
from harness.tasks.base import Batch
from harness.tasks.classification import Classification


def test_the_divergence_is_the_sum_written_out() -> None:
    student, teacher = torch.randn(5, 7, dtype=torch.float64), torch.randn(5, 7, dtype=torch.float64)
    heat = 3.0
    p, q = torch.softmax(teacher / heat, 1), torch.softmax(student / heat, 1)
    expected = heat**2 * (p * (p / q).log()).sum(1).mean()
    torch.testing.assert_close(divergence(student, teacher, heat).double(), expected, rtol=1e-5, atol=1e-6)


def test_outputs_with_more_dimensions_are_averaged_over_all_but_the_last() -> None:
    student, teacher = torch.randn(2, 3, 7), torch.randn(2, 3, 7)
    flat = divergence(student.reshape(6, 7), teacher.reshape(6, 7), 2.0)
    torch.testing.assert_close(divergence(student, teacher, 2.0), flat)


def test_equal_outputs_do_not_diverge() -> None:
    outputs = torch.randn(4, 10)
    assert float(divergence(outputs, outputs, 2.0).abs()) < 1e-6


def test_with_the_teacher_alone_targets_do_not_matter() -> None:
    found = []
    for shift in (0, 1):
        recovering = recovering_from()
        part = recovering.data.parts["train"]
        part.targets = (part.targets + shift) % 10  # type: ignore[attr-defined]
        Distill(steps=3, alpha=1.0).recover(recovering)
        found.append(weights(recovering.net))
    assert are_equal(*found)


def test_the_student_comes_nearer_to_its_teacher() -> None:
    recovering = recovering_from()
    inputs = recovering.data.parts["train"].inputs  # type: ignore[attr-defined]

    def distance() -> float:
        with torch.no_grad():
            return float(divergence(recovering.net(inputs), recovering.whole(inputs), 2.0))

    before = distance()
    Distill(epochs=20, alpha=1.0, lr=1e-3, batch=16).recover(recovering)
    assert distance() < 0.5 * before


def test_teacher_and_student_see_the_same_batch_and_the_teacher_is_in_eval_mode() -> None:
    seen: dict[str, list[Tensor]] = {"teacher": [], "student": []}

    class Watching(Classification):
        """Keeps what each network is fed."""

        def forward(self, net: nn.Module, batch: Batch) -> Tensor:
            is_teacher = net is recovering.whole
            assert net.training != is_teacher
            assert torch.is_grad_enabled() != is_teacher
            seen["teacher" if is_teacher else "student"].append(batch.inputs)
            return super().forward(net, batch)

    recovering = replace(recovering_from(), task=Watching())
    Distill(steps=2, mixup=0.8, batch=16).recover(recovering)
    assert len(seen["teacher"]) == 2
    assert all(torch.equal(*pair) for pair in zip(seen["teacher"], seen["student"], strict=True))


def test_the_teachers_share_is_above_0() -> None:
    with pytest.raises(ValidationError, match="greater than 0"):
        Distill(epochs=1, alpha=0.0)
