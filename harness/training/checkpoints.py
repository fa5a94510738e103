"""Where a training stands, kept so that a killed one goes on: tensors as safetensors, the rest as JSON."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, ValidationError

from harness.errors import StoreError
from harness.models import file_sha256, save_tensors
from harness.record_file import why
from harness.schema import SHA256, Schema
from harness.whole_file import write_whole

if TYPE_CHECKING:
    from torch import Tensor

EVERY_S = 60.0  # a training writes no more often than this
POSITION = "position.json"


class Position(Schema):
    """How far a training has come; `fits` is the digest of what it is a training of."""

    fits: str
    epochs: int = Field(ge=0, description="whole epochs done")
    steps: int = Field(ge=0, description="steps done, at the end of that epoch")
    loss: float = Field(description="mean loss of that epoch")
    elapsed_s: float = Field(ge=0, description="seconds of training so far, over all processes")
    state: str = Field("0" * 64, pattern=SHA256, description="SHA-256 of the file of tensors, which is called after it")


@dataclass
class Checkpoints:
    """The last position of one training in a folder of its own.

    The tensors come first, under the name of their hash; then the position, by rename, says that they count. So a
    process that is killed at any moment leaves the last position or the one before. What cannot be read, or belongs
    to another training, is no position: that training starts again.
    """

    folder: Path
    fits: str
    every_s: float = field(default_factory=lambda: EVERY_S)
    written: float = field(default_factory=time.monotonic)

    @property
    def is_due(self) -> bool:
        """Whether the last position is old enough to be replaced."""
        return time.monotonic() - self.written >= self.every_s

    def read(self) -> tuple[Position, dict[str, Tensor]] | None:
        """The position and its tensors, on the CPU; None without an intact one of this very training."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            position = Position.model_validate_json((self.folder / POSITION).read_bytes())
            path = _tensors(self.folder, position.state)
            is_ours = position.fits == self.fits and path.is_file() and file_sha256(path) == position.state
            return (position, load_file(path)) if is_ours else None
        except (OSError, ValidationError, SafetensorError):
            return None

    def write(self, position: Position, tensors: Mapping[str, Tensor]) -> None:
        """Replaces the last position; its `state` is filled in here."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            draft = self.folder / f".{secrets.token_hex(6)}.tmp"
            # Cloned, because safetensors refuses tensors that share memory.
            save_tensors({name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}, draft)
            state = file_sha256(draft)
            draft.replace(_tensors(self.folder, state))
            write_whole(self.folder / POSITION, position.model_copy(update={"state": state}).model_dump_json())
            for old in self.folder.glob("*.safetensors"):
                if old != _tensors(self.folder, state):
                    old.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"a checkpoint cannot be written: {why(error)}") from error
        self.written = time.monotonic()


def _tensors(folder: Path, state: str) -> Path:
    return folder / f"{state}.safetensors"
