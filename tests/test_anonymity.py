"""What a failure says names no machine and no user, and keeps all other words."""

from __future__ import annotations

import pytest

from harness.anonymity import without_names


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "gpu17.cluster.example.org")
    for variable in ("USER", "LOGNAME", "USERNAME"):
        monkeypatch.setenv(variable, "ada")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("no route to gpu17.cluster.example.org", "no route to HOST"),
        ("gpu17: ada@gpu17.local is no user", "HOST: USER@HOST is no user"),
        ("connect to 10.20.30.40:8080 failed", "connect to ADDRESS failed"),
        ("from aa:bb:cc:dd:ee:ff, 1:2:3:4:5:6:7:8 and [fe80::1]:80", "from ADDRESS, ADDRESS and ADDRESS"),
        ("gpu170 and my-gpu17, adamw and canada", "gpu170 and my-gpu17, adamw and canada"),
        ("torch 2.9.0 at 12:30:15, 1.2.3 and 300.1.2.3", "torch 2.9.0 at 12:30:15, 1.2.3 and 300.1.2.3"),
    ],
)
def test_names_and_addresses_go_and_words_stay(text: str, told: str) -> None:
    assert without_names(text) == told


def test_names_that_everybody_has_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "vm")
    monkeypatch.setenv("USER", "root")
    monkeypatch.setenv("LOGNAME", "")
    monkeypatch.setenv("USERNAME", "test")
    assert without_names("the vm of root ran a test") == "the vm of root ran a test"
