"""A decoder without some of its sublayers as a folder that transformers reads: written, and read again."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import models
from harness.errors import DataError, Problem
from harness.families.base import Sublayer
from harness.families.catalogue import family_of, sublayers_named
from harness.models.configs import CONTENT, FILE, OWN
from harness.models.drop_lists import KEYS, drop_faults, drop_lists
from harness.surgery import remove

if TYPE_CHECKING:
    from torch import nn

WEIGHTS, README = "model.safetensors", "README.md"
TAGGED = {"format": "pt"}  # which transformers asks of a file of weights

_PAGE = """\
# A decoder without some of its layers

{dropped} The weights of what is gone are not in the folder.

With harness, which leaves out what is gone, its entries in the cache of keys and values included:

```python
import harness

net = harness.load("FOLDER")
```

{alone}
`{attention}` and `{mlp}` in `config.json` are LLM-Drop's words (arXiv 2406.15786): numbers of blocks, from 0, whose
attention or MLP is gone; a block that is gone stands in both. `recipe.json` says where the network comes from.
"""


_ALONE = """\
With transformers alone: what is gone is made anew (it warns of that), still runs, and adds nothing. Logits are equal;
time and memory are those of the whole network.

```python
import torch
from transformers import AutoModelForCausalLM

GONE = {taps}

net = AutoModelForCausalLM.from_pretrained("FOLDER").eval()
for path in GONE:
    net.get_submodule(path).register_forward_hook(lambda module, inputs, output: torch.zeros_like(output))
```

"""


_CHANGED = """\
**With transformers alone this is another network**: `{transforms}` of `recipe.json` is no word of its configuration.
Only harness applies it.

"""


def write(whole: nn.Module, net: nn.Module, names: Sequence[str], folder: Path, transforms: Sequence[str] = ()) -> Path:
    """Writes `net`, which is `whole` without the sublayers of these names; of `whole` only the shape is read.

    The page for the reader names `transforms` that `net` has. Gives the file of weights; raises OSError.
    """
    gone = sublayers_named(whole, names)
    models.save_weights(net, folder / WEIGHTS, TAGGED)
    (folder / FILE).write_text(_config(whole, gone), encoding="utf-8")
    (folder / README).write_text(_page(gone, transforms), encoding="utf-8")
    return folder / WEIGHTS


def read(folder: Path, names: Sequence[str]) -> nn.Module:
    """The network of such a folder, in eval mode, without what its configuration drops; that has to be `names`.

    Raises SpecError for a configuration that is none, DataError for drop lists or weights that do not fit.
    """
    found = models.resolved(f"{OWN}{folder / FILE}", {})
    said: Any = found.options[CONTENT]
    own = {key: value for key, value in said.items() if key not in KEYS.values()}
    whole = models.create(found.architecture, {CONTENT: own}, {})
    gone = _dropped(whole, said, f"{folder.name}/{FILE}")
    if {sublayer.name for sublayer in gone} != set(names):
        raise DataError(f"{folder.name}/{FILE}: its lists drop other layers than the recipe beside it names")
    net = remove(whole, gone, "skip") if gone else whole
    models.load_weights(net, folder / WEIGHTS)
    return net.eval()


def _dropped(whole: nn.Module, said: dict[str, Any], where: str) -> tuple[Sublayer, ...]:
    sublayers = family_of(whole).sublayers(whole)
    blocks = 1 + max(sublayer.depth for sublayer in sublayers)
    faults = list(drop_faults(said, blocks))
    if not faults:
        places = {(kind, depth) for kind, depths in drop_lists(said).items() for depth in depths}
        faults = [
            f"{KEYS[kind]} holds {depth}, and nothing of that block can be dropped so"
            for kind, depth in sorted(places - {(sublayer.kind, sublayer.depth) for sublayer in sublayers})
        ]
    if faults:
        raise DataError(Problem(where, fault) for fault in faults)
    return tuple(sublayer for sublayer in sublayers if (sublayer.kind, sublayer.depth) in places)


def _config(whole: nn.Module, gone: Sequence[Sublayer]) -> str:
    config: Any = copy.deepcopy(whole.config)
    config.architectures = [type(whole).__name__]
    config.dtype = "float32"
    for kind, key in KEYS.items():
        setattr(config, key, [sublayer.depth for sublayer in gone if sublayer.kind == kind])
    text: str = config.to_json_string()
    return text


def _page(gone: Sequence[Sublayer], transforms: Sequence[str]) -> str:
    counts = {kind: sum(sublayer.kind == kind for sublayer in gone) for kind in KEYS}
    dropped = f"Gone: attention of {counts['attention']} blocks, MLP of {counts['mlp']}."
    changed = _CHANGED.format(transforms=", ".join(transforms))
    alone = changed if transforms else _ALONE.format(taps=[sublayer.tap for sublayer in gone])
    return _PAGE.format(dropped=dropped, alone=alone, **KEYS)
