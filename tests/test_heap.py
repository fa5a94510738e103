"""What a process keeps of the memory that it frees; asked in processes of their own, as there is no way back."""

from __future__ import annotations

import subprocess
import sys

import pytest

STEP = """
import ctypes
from harness import heap

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]

def pages():
    before = heap.page_faults()
    block = libc.malloc(40 << 20)
    libc.memset(block, 1, 40 << 20)
    libc.free(block)
    return heap.page_faults() - before
"""
ONLY_GLIBC = pytest.mark.skipif(sys.platform != "linux", reason="glibc's heap")


def printed(code: str) -> list[str]:
    found = subprocess.run([sys.executable, "-c", STEP + code], capture_output=True, text=True, check=True)
    return found.stdout.split()


@ONLY_GLIBC
def test_a_heap_that_is_held_fetches_no_page_twice() -> None:
    first, second, held, third, fourth = printed("print(pages(), pages(), heap.hold(), pages(), pages())")
    assert held == "True"
    assert min(int(first), int(second), int(third)) >= 20  # huge pages of 2 MiB at the least
    assert int(fourth) < 20


@ONLY_GLIBC
def test_a_held_heap_can_still_be_given_back() -> None:
    kept, anew = printed("heap.hold(); pages(); kept = pages(); heap.give_back(); print(kept, pages())")
    assert int(kept) < 20 <= int(anew)


def test_without_glibc_nothing_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    from harness import heap

    monkeypatch.setattr(sys, "platform", "darwin")
    heap.hold.cache_clear()
    try:
        assert not heap.hold()
        heap.give_back()
    finally:
        heap.hold.cache_clear()
