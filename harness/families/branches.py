"""What blocks of many families have in common: attention and MLP around one norm each, and why some cannot go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.families.base import Branch, Layout

if TYPE_CHECKING:
    from torch import nn

# x + drop_path(ls(f(norm(x)))); a block may lack any of these modules but f.
ATTENTION = Branch("attention", "attn", ("norm1", "attn", "ls1", "drop_path1"))
MLP = Branch("mlp", "mlp", ("norm2", "mlp", "ls2", "drop_path2"))
PRE_NORM = Layout((ATTENTION, MLP))
# x + drop_path(norm(f(x))): the norm, which carries the layer scale, is the branch's last word.
NORMED_ATTENTION = Branch("attention", "attn", ("attn", "norm1", "drop_path1"))
NORMED_MLP = Branch("mlp", "mlp", ("mlp", "norm2", "drop_path2"))
POST_NORM = Layout((NORMED_ATTENTION, NORMED_MLP))

CHANGED = "it changes width or resolution, and so does its shortcut"


def changes(block: nn.Module) -> bool:
    """Whether the shortcut of a block is more than the stream."""
    return type(block.get_submodule("shortcut")).__name__ != "Identity"
