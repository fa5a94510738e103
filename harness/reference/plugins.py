"""`reference/plugins.md`: all that a study can name, with every option."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.collectors.base import collectors
from harness.criteria.base import criteria
from harness.datasets.base import datasets
from harness.editor import study_schema
from harness.executors.base import executors
from harness.recoveries.base import recoveries
from harness.reference.prose import anchor, page, told
from harness.reference.shapes import keys
from harness.registry import Registry
from harness.searches.base import searches
from harness.transforms.base import transforms

HEAD = """What a study names, and the options that each takes. `harness list KIND` prints their first lines, those of
one's own plug-ins with them; how to add one says [Extending](../extending.md). An option that is given is part of the
identity of every trial that uses it.

In a study `{name: similarity, tokens: class}` sets an option, and a bare name takes the defaults. `label` is a word
for tables that every entry of an axis may have."""
# By the name of the definition in the schema: the heading, its registry, and words of the study that are no options.
KINDS: dict[str, tuple[str, Registry[Any]]] = {
    "criterion": ("Criteria", criteria),
    "search": ("Searches", searches),
    "recovery": ("Recoveries", recoveries),
    "collector": ("Collectors", collectors),
    "transform": ("Transforms", transforms),
    "dataset": ("Data sets", datasets),
    "executor": ("Executors", executors),
}
SECTIONS = {
    name: f"[{'an' if name[0] in 'e' else 'a'} {name.replace('dataset', 'data set')}](plugins.md#{anchor(heading)})"
    for name, (heading, _) in KINDS.items()
}
WORDS = {
    "criterion": "Beside its options a criterion takes `search` (how scores become sets), `draws` (of a random one) "
    "and `for: {models, targets}`. What each computes and where it comes from: [Criteria](../criteria.md).",
    "recovery": "Each trains with the options of `weights.train`: [Recoveries](../recoveries.md).",
    "transform": "`from` names the first stage that has it: `prepare`, `select`, `recover`, `evaluate`, `cost`.",
    "executor": "In a site file, or under `executor` in a study: [Slurm](../slurm.md).",
}
NO_OPTIONS = frozenset({"name", "label", "search", "draws", "for", "from"})


def plugins() -> str:
    """The whole page."""
    definitions = study_schema()["$defs"]
    return page("What a study can name", HEAD, *(part for kind in KINDS for part in _section(kind, definitions)))


def _section(kind: str, definitions: dict[str, Any]) -> Iterator[str]:
    heading, registry = KINDS[kind]
    yield f"## {heading}"
    yield WORDS.get(kind, "")
    shapes = {shape["properties"]["name"]["const"]: shape for shape in definitions[kind]["anyOf"][1:]}
    links = dict.fromkeys(definitions, "[a mapping](study_keys.md#mappings)") | SECTIONS
    for name, member in registry.members().items():
        yield f"### {name}"
        yield told(member)
        yield keys(shapes[name], links, NO_OPTIONS)
