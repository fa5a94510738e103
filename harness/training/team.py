"""A trial's process among those of its job: the leader calls the others to its trainings, and they come."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.board import Board, Call
from harness.process_mark import is_here, mark
from harness.training.circle import Circle, joined
from harness.training.halting import Abandoned

LOCALHOST = "127.0.0.1"
POLL_S = 0.2


@dataclass
class Team:
    """`call` is what a follower was called to; the leader has none, and posts its own under `token`."""

    board: Board
    trial: str
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    call: Call | None = None
    _circle: Circle | None = None

    @property
    def size(self) -> int:
        """How many processes train together."""
        return self.board.member.of

    @property
    def leads(self) -> bool:
        """Whether this process makes the artifact, and calls the others."""
        return self.board.member.leads

    def is_called(self) -> bool:
        """Waits for the leader's next training; False where its process has no more."""
        done = 0 if self.call is None else self.call.number
        while (call := self.board.call()) is not None and call.token == self.token:
            if call.number > done:
                self.call = call
                return True
            time.sleep(POLL_S)
        return False

    def meet(self, stage: str, key: str, contents: Mapping[str, str], device: str) -> Circle:
        """All processes at the training of one artifact; they stay together for the next."""
        if self.leads:
            self._post(stage, key, contents)
        if self._circle is None:
            member = self.board.member
            self._gather()
            self._circle = joined(member.rank, member.of, member.local, self._place(), device)
        return self._circle

    def _gather(self) -> None:
        """Waits for the slowest, who may still copy data to its node; raises Abandoned where one does not come."""
        self.board.tell_ready(self.token)
        while not self.board.are_ready(self.token):
            called = self.board.call()
            if self.board.lets_down() or called is None or called.token != self.token:
                raise Abandoned("another process of the training did not come to it")
            time.sleep(POLL_S)

    def _post(self, stage: str, key: str, contents: Mapping[str, str]) -> None:
        before = self.call
        if before is not None and (before.stage, before.key) == (stage, key):
            return  # one artifact may take several trainings
        self.call = Call(
            token=self.token,
            number=1 if before is None else before.number + 1,
            trial=self.trial,
            stage=stage,
            key=key,
            contents=dict(contents),
            leader=mark(),
            host=socket.gethostname() if before is None else before.host,
            port=_free_port() if before is None else before.port,
        )
        self.board.post(self.call)

    def _place(self) -> tuple[str, int]:
        if self.call is None:
            raise ValueError("a follower joins what it was called to")
        # On one machine its name need not lead anywhere.
        return (LOCALHOST if is_here(self.call.leader) else self.call.host), self.call.port


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("", 0))
        port: int = found.getsockname()[1]
    return port
