"""Tasks by name."""

from __future__ import annotations

import pytest

from harness.errors import UnknownNameError
from harness.tasks.catalogue import task_called
from harness.tasks.classification import Classification


def test_a_task_is_found_by_its_name() -> None:
    assert isinstance(task_called("classification"), Classification)


def test_an_unknown_task_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError) as caught:
        task_called("clasification")
    known = "classification, language_modelling"
    assert str(caught.value) == f"unknown task 'clasification'; did you mean 'classification'? known: {known}"
