"""The search for garbage waits, and goes on as it was."""

from __future__ import annotations

import gc

import pytest

from harness.bulk import in_bulk


def test_nothing_is_searched_meanwhile_and_all_is_as_before() -> None:
    assert gc.isenabled()
    with in_bulk():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_within_another_the_outer_one_decides() -> None:
    with in_bulk():
        with in_bulk():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_an_error_ends_it_as_well() -> None:
    with pytest.raises(ValueError, match="wrong"), in_bulk():
        raise ValueError("wrong")
    assert gc.isenabled()
