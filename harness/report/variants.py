"""Which variant of each criterion was compared: its options, its search, and the form of removal."""

from __future__ import annotations

from collections.abc import Mapping

from harness.report.phrases import joined
from harness.report.view import View
from harness.schema import Json
from harness.tables.selections import Selected

FORMS = {"skip": "skipped (u = x)", "identity": "replaced by the identity (u = 2x)"}
OF_BRANCHES = {"gate", "smlp", "re_represent"}  # a part or a step of a branch, beside which no stream runs
LEFT_OUT = "left out, and what it acts on goes on as it is"
LEFT_OUT_OF_SUM = "left out of the sum of its branch"
HIDDEN = ("name", "revision", "code")


def variants(view: View) -> str:
    """What was compared, those of one kind together; empty where no record tells how anything was selected."""
    found: dict[str, str] = {}
    for _, chosen in view.chosen:
        for one in chosen:
            found.setdefault(one.criterion, _variant(one))
    if not found:
        return ""
    forms = dict.fromkeys(panel.key["removal"] for panel in view.panels)
    targets = {panel.key["target"] for panel in view.panels}
    removed = " or ".join(FORMS.get(form, form) for form in forms if form)
    removed = LEFT_OUT if targets <= OF_BRANCHES else LEFT_OUT_OF_SUM if targets == {"local"} else removed
    alike: dict[str, list[str]] = {}
    for name, variant in found.items():
        alike.setdefault(variant, []).append(name)
    what = "; ".join(f"{joined(names)} ({variant})" for variant, names in alike.items())
    return f"Compared {'are' if len(found) > 1 else 'is'} {what}. What is removed is {removed or 'left out'}."


def _variant(one: Selected) -> str:
    criterion = one.spec.get("criterion")
    options = criterion if isinstance(criterion, dict) else {}
    name = str(options.get("name", one.criterion))
    parts = [] if name == one.criterion else [f"criterion {name}"]
    search = one.spec.get("search")
    given = search if isinstance(search, dict) else {}
    parts += told(options)
    parts.append(f"{str(given.get('name', one.info.search)).replace('_', '-')} search")
    return ", ".join([*parts, *told(given)])


def told(options: Mapping[str, Json]) -> list[str]:
    """Options that are not at their default, in words."""
    return [f"{key} {_plain(value)}" for key, value in options.items() if key not in HIDDEN]


def _plain(value: Json) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key} {_plain(item)}" for key, item in value.items())
    if isinstance(value, list):
        return "/".join(_plain(item) for item in value)
    if value is None or isinstance(value, bool):
        return {True: "yes", False: "no", None: "none"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)
