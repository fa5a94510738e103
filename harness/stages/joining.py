"""What a follower's stages work on: artifacts that the leader has made, and a training that is the leader's to keep."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.artifacts import Artifact, Artifacts, Maker
from harness.board import Call
from harness.errors import StoreError
from harness.schema import Options

PATIENCE_S = 120.0  # for what another machine has written to be seen here
POLL_S = 0.5


class Joined(BaseException):
    """The training that this process was called to has ended; there is nothing else for it to do."""


class Lent(Artifacts):
    """Artifacts as the leader has them. Nothing is written among them: what a follower trains too goes nowhere."""

    def __init__(self, results: Path, call: Call) -> None:
        super().__init__(results)
        self.call = call

    def obtain(
        self, stage: str, asked: Options, key: str, maker: Maker, make: Callable[[Path], str], since: float = 0.0
    ) -> tuple[Artifact, bool]:
        """What the leader used; raises Joined after the training that it makes now."""
        if (stage, key) == (self.call.stage, self.call.key):
            with TemporaryDirectory() as place:
                make(Path(place))
            raise Joined
        content = self.call.contents.get(f"{stage}/{key}")
        if content is None:
            raise StoreError(f"the process that leads trains {self.call.stage}/{self.call.key}, not from {stage}/{key}")
        deadline = time.monotonic() + PATIENCE_S
        while (found := self.exact(stage, key, content)) is None:
            if time.monotonic() > deadline:
                raise StoreError(f"the artifact {stage}/{key}/{content} is not seen here; is the folder a shared one?")
            time.sleep(POLL_S)
        return found, True

    def get(self, stage: str, key: str, maker: Maker, since: float = 0.0) -> Artifact | None:
        """What the leader used, if that is here."""
        content = self.call.contents.get(f"{stage}/{key}")
        return None if content is None else self.exact(stage, key, content)

    def unfinished(self, stage: str, key: str, maker: Maker, since: float = 0.0) -> Path:
        """The leader's own place, which only the leader empties."""
        return super().unfinished(stage, key, maker)
