"""Texts without the names of this machine and user, and without addresses: what a record may tell."""

from __future__ import annotations

import os
import re
import socket

# Names that many machines and users have: they tell nobody, and texts are full of them.
COMMON = {"localhost", "root", "user", "users", "nobody", "home", "test", "default", "node", "worker", "harness"}
SHORTEST = 3  # letters of a name that is looked for
NUMBER = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
# IPv4 with or without a port, IPv6 in full or in brackets, and the address of a network card.
ADDRESS = re.compile(
    rf"(?<![\w.])(?:{NUMBER}\.){{3}}{NUMBER}(?::\d+)?(?![\w.]\w)"
    r"|\b(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}\b"
    r"|\b(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}\b"
    r"|\[[0-9a-f:]*::[0-9a-f:]*\](?::\d+)?",
    re.IGNORECASE,
)


def without_names(text: str) -> str:
    """The text with HOST, USER and ADDRESS in their places; a domain behind the host's name goes with it."""
    host = socket.gethostname()
    users = {os.environ.get(variable, "") for variable in ("USER", "LOGNAME", "USERNAME")}
    for name in sorted({host, host.partition(".")[0]}, key=len, reverse=True):
        text = _without(text, name, r"(?:\.[\w-]+)*", "HOST")
    for name in users:
        text = _without(text, name, "", "USER")
    return ADDRESS.sub("ADDRESS", text)


def _without(text: str, name: str, behind: str, word: str) -> str:
    if len(name) < SHORTEST or name.lower() in COMMON:
        return text
    return re.sub(rf"(?<![\w-]){re.escape(name)}{behind}(?![\w-])", word, text)
