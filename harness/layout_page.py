"""The page `docs/families.md`: what each family addresses, and which of timm's modules are refused and why."""

from __future__ import annotations

from collections import Counter
from importlib.metadata import version

from harness.families.base import Family, Layout, Refusal
from harness.families.catalogue import families
from harness.layouts import Standing, layouts

HEAD = """# Families

A family says where a model keeps its residual blocks and what each of them adds to the stream: attention, an MLP, and
other kinds that a study may name as a target. It is data, not model code: the model's own forward runs, and what a
removed sublayer would have added is not there. Removing *every* sublayer of a block takes the block away.

Sublayers are called `<path of the block>.<its core module>`, as `blocks.3.attn`; depth counts the blocks from 0.
`harness list models --why` prints the family of every architecture, or the reason against it.

- **Pre-norm**: the norm goes with its sublayer, which reads the stream x, and x + f(norm(x)) goes on.
- **Post-norm**: what is added is norm(f(x)); norm and sublayer go together.
- **Layer scale** and stochastic depth are inside what is added, and are removed with it.
- **Parallel branches** read the same x. A norm or a drop path that several branches share stays until all of them go.
- **Fused** (kind `fused`): attention and MLP, or token and channel mixing, in one projection; they only go together.
- **Class attention** writes the class token alone; it has no form `identity`, since its input is not of its output's
  shape.
- What changes width or resolution is never offered: without it the next block would not fit.

Where more than one stream passes between blocks, sets of sublayers share no forward passes: each set is run alone.
"""
DECODERS = """
## Language models

Decoders of transformers by their type, which their configuration calls `model_type`
([language_models.md](language_models.md)). Every attention and every MLP may go, down to embedding, last norm and head.
"""
OWN = """
## Architectures

Networks of the literature that are built here ([architectures.md](architectures.md)). Some kinds are parts of another:
a part that is removed is missing there, a step hands on what it is given.
"""
EXTRA = """
## One's own family

A package adds families by the entry-point group `harness.families`: a list of `harness.families.base.Family`. The
tests of `tests/families/` show what one must keep: a removed network equals the masked one, parameters and MACs add
up, and names and values of what remains stay as they were.
"""


def page() -> str:
    """The whole page, for the installed timm."""
    own = {module for family in _of("harness") for module in family.homes}
    found = {name: standing for name, standing in layouts().items() if standing.module not in own}
    addressed = sum(1 for standing in found.values() if standing.family)
    counts = f"Of the {len(found):,} names of timm {version('timm')}, {addressed:,} are addressed"
    parts = [
        "<!-- made by harness.layout_page.page(); tests/test_layout_page.py compares -->\n",
        HEAD,
        f"\n{counts} and {len(found) - addressed:,} refused.\n",
        *_addressed(found),
        *_refused(found),
        *_own(),
        *_decoders(),
        EXTRA,
    ]
    return "".join(parts)


def _addressed(found: dict[str, Standing]) -> list[str]:
    lines = ["\n## Addressed\n\n| family | timm's modules (names) | block | kinds | never offered, and remarks |\n"]
    lines.append("| --- | --- | --- | --- | --- |\n")
    for family in _of("timm"):
        modules = Counter(s.module for s in found.values() if s.family == family.name)
        named = ", ".join(f"{module} ({count})" for module, count in sorted(modules.items()))
        for at, (name, layout) in enumerate(family.layouts.items()):
            first = (family.name, named) if at == 0 else ("", "")
            remarks = _remarks(layout) + ([f"no chain: {family.no_chain}"] if family.no_chain and at == 0 else [])
            lines.append(_row(*first, f"`{name.rpartition('.')[2]}`", _kinds(layout), "; ".join(remarks)))
    return lines


def _own() -> list[str]:
    lines = [OWN, "\n| family | block | kinds | never offered, and remarks |\n| --- | --- | --- | --- |\n"]
    for family in _of("harness"):
        for name, layout in family.layouts.items():
            remarks = "; ".join(_remarks(layout))
            lines.append(_row(family.name, f"`{name.rpartition('.')[2]}`", _kinds(layout), remarks))
    return lines


def _decoders() -> list[str]:
    lines = [DECODERS, "\n| type | block | kinds | never offered, and remarks |\n| --- | --- | --- | --- |\n"]
    for family in _of("transformers"):
        for name, layout in family.layouts.items():
            remarks = "; ".join(_remarks(layout))
            lines.append(_row(f"`{family.name}`", f"`{name.rpartition('.')[2]}`", _kinds(layout), remarks))
    return lines


def _of(library: str) -> list[Family]:
    return sorted((one for one in families() if one.library == library), key=lambda one: one.name)


def _kinds(layout: Layout) -> str:
    return ", ".join(dict.fromkeys(branch.kind for branch in layout.branches)) or "none"


def _remarks(layout: Layout) -> list[str]:
    found = [f"{_which(refusal)}: {refusal.reason}" for refusal in layout.refusals]
    return [*found, *layout.notes]


def _which(refusal: Refusal) -> str:
    what = {"": "all of it", "block": "the whole block"}.get(refusal.kind, refusal.kind)
    return what if refusal.is_general else f"{what}, in some blocks"


def _refused(found: dict[str, Standing]) -> list[str]:
    reasons: dict[str, Counter[str]] = {}
    for standing in found.values():
        if standing.reason:
            reasons.setdefault(standing.reason, Counter())[standing.module] += 1
    lines = ["\n## Refused\n\n| reason | timm's modules (names) |\n| --- | --- |\n"]
    for reason, modules in sorted(reasons.items(), key=lambda item: -item[1].total()):
        named = ", ".join(f"{module} ({count})" for module, count in sorted(modules.items()))
        lines.append(_row(f"{reason} ({modules.total()} names)", named))
    return lines


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"
