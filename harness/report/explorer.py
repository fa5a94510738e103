"""The interactive figures of a page: two linked scatter plots of its trials, as data that BokehJS draws."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from harness.plots.look import MARKERS, looks
from harness.report.inline import VARIABLES
from harness.report.trials import BASELINE, Trials
from harness.tables.columns import OUTCOME, OUTCOME_WORD
from harness.tables.marks import beside

HEIGHT = 340
FIGURES = 2
FIGURE_IDS = tuple(f"explorer-figure-{number}" for number in range(FIGURES))
BOKEH_MARKERS = dict(
    zip(
        (*MARKERS, "*"),
        ("circle", "square", "triangle", "diamond", "inverted_triangle", "plus", "x", "hex", "star"),
        strict=True,
    )
)
SYMBOLS = dict(zip((*MARKERS, "*"), "●■▲◆▼✚✖⬢★", strict=True))
CLEAR = ":host { --background-color: transparent; background-color: transparent; }"  # the page's paper shows through
MARKS: dict[str, Any] = {
    "size": 9,
    "marker": "marker",
    "line_color": "colour",
    "fill_color": "colour",
    "line_width": 1.5,
    "selection_line_width": 2.5,
    "nonselection_line_alpha": 0.25,
    "nonselection_fill_alpha": 0.1,
}
TIMED = (
    *("speedup", "speedup_throughput", "latency_s", "images_per_s"),
    *("speedup_prefill", "speedup_decode", "prefill_tokens_per_s", "decode_tokens_per_s"),
)


@dataclass(frozen=True)
class Field:
    """A column that an axis may show: its words, the factor of its stored values, and its value at a baseline."""

    label: str
    factor: float = 1.0
    baseline: float | None = None


FIELDS = {
    "macs_saved": Field("MACs saved (%)", 100, 0.0),
    "speedup": Field("speed-up (times)", 1, 1.0),
    "speedup_throughput": Field("throughput gain (times)", 1, 1.0),
    "count": Field("sublayers removed", 1, 0.0),
    "params_saved": Field("parameters saved (%)", 100, 0.0),
    "latency_s": Field("latency (ms)", 1e3),
    "peak_bytes": Field("peak memory (MiB)", 2.0**-20),
    "energy_j_per_image": Field("energy per item (J)"),
    "kv_cache_bytes": Field("KV cache (KiB)", 2.0**-10),
    "kv_cache_saved": Field("KV cache saved (%)", 100, 0.0),
    "decode_tokens_per_s": Field("tokens written per second"),
    "speedup_decode": Field("writing gain (times)", 1, 1.0),
    "prefill_tokens_per_s": Field("tokens read per second"),
    "speedup_prefill": Field("reading gain (times)", 1, 1.0),
    "bits_per_byte": Field("test bits per byte"),
    "bits_per_byte_rise": Field("bits per byte added on test", 1, 0.0),
    "bits_per_byte_validation": Field("validation bits per byte"),
    "perplexity": Field("test perplexity"),
    "perplexity_ratio": Field("test perplexity (times the baseline's)", 1, 1.0),
    OUTCOME: Field(f"test {OUTCOME_WORD} (%)", 100),
    f"{OUTCOME}_drop": Field(f"test {OUTCOME_WORD} lost (points)", 100, 0.0),
    f"{OUTCOME}_validation": Field(f"validation {OUTCOME_WORD} (%)", 100),
}
OUTCOMES = (
    *(OUTCOME, f"{OUTCOME}_drop", f"{OUTCOME}_validation"),
    *("bits_per_byte", "bits_per_byte_rise", "bits_per_byte_validation", "perplexity", "perplexity_ratio"),
)


@dataclass(frozen=True)
class Series:
    """How a criterion looks in figures and beside its boxes; `look` is a variable of the style sheet."""

    name: str
    symbol: str
    marker: str
    look: str


@dataclass(frozen=True)
class Explorer:
    """What the page needs: Bokeh's script, the data, the words of each axis, and which one each figure begins with."""

    script: str
    data: str
    axes: Mapping[str, str]
    begins: tuple[tuple[str, str], ...]


def series(criteria: Sequence[str], random: Sequence[str]) -> tuple[Series, ...]:
    """The looks of the printed figures."""
    found = [Series(BASELINE, SYMBOLS["*"], BOKEH_MARKERS["*"], "--ink")]
    for name, look in looks(criteria, random).items():
        found.append(Series(name, SYMBOLS[look.marker], BOKEH_MARKERS[look.marker], VARIABLES[look.colour]))
    return tuple(found)


def has_bokeh() -> bool:
    """Whether the extra that draws interactive figures is installed."""
    return find_spec("bokeh") is not None


def explorer(shown: Trials, told: Sequence[Series]) -> Explorer | None:
    """None where Bokeh is not installed, or where fewer than two things are known of the trials."""
    axes = {name: field for name, field in FIELDS.items() if name in shown.frame and shown.frame[name].notna().any()}
    begins = _begins(list(axes))
    if not begins or not has_bokeh():
        return None
    from bokeh.util.paths import bokehjs_path

    data = {
        **_figures(_columns(shown, axes, told)),
        "fields": {name: {"label": field.label, "timed": name in TIMED} for name, field in axes.items()},
        "looks": [one.look for one in told],
    }
    script = (Path(bokehjs_path()) / "js" / "bokeh.min.js").read_text(encoding="utf-8")
    return Explorer(script, _embedded(data), {name: field.label for name, field in axes.items()}, begins)


def _begins(names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """What each figure shows at first: two costs against the outcome, or costs against each other."""
    costs = [name for name in names if name not in OUTCOMES]
    outcomes = [name for name in names if name in OUTCOMES] or costs[1:]
    if not costs or not outcomes:
        return ()
    across = (costs[0], costs[1] if len(costs) > 1 else costs[0])
    return tuple((name, outcomes[0] if name != outcomes[0] else costs[0]) for name in across)


def _columns(shown: Trials, axes: Mapping[str, Field], told: Sequence[Series]) -> dict[str, list[Any]]:
    places = {one.name: place for place, one in enumerate(told)}
    look = [places.get(name, 0) for name in shown.criteria]
    columns: dict[str, list[Any]] = {
        "trial": [row[0] for row in shown.table.rows],
        "criterion": list(shown.criteria),
        "removed": [row[-1] for row in shown.table.rows],
        "told": list(shown.told),
        "look": look,
        "marker": [told[place].marker for place in look],
        "colour": ["gray"] * len(look),
        "doubt": _doubts(shown.frame),
    }
    is_baseline = [name == BASELINE for name in shown.criteria]
    return columns | {name: _values(shown.frame[name], field, is_baseline) for name, field in axes.items()}


def _values(column: pd.Series, field: Field, is_baseline: Sequence[bool]) -> list[float]:
    """In the unit of the axis, six figures; NaN where there is none, which Bokeh does not draw."""
    values = [math.nan if pd.isna(value) else float(value) for value in column]
    filled = [
        field.baseline if math.isnan(value) and whole and field.baseline is not None else value
        for value, whole in zip(values, is_baseline, strict=True)
    ]
    return [float(f"{value * field.factor:.6g}") for value in filled]


def _doubts(frame: pd.DataFrame) -> list[bool]:
    """Whether a timing of the trial is noisy or tainted."""
    names = [name for name in dict.fromkeys(beside(word, "quality") for word in TIMED) if name in frame]
    return [any(value in ("noisy", "tainted") for value in row) for row in frame[names].itertuples(index=False)]


def _figures(columns: dict[str, list[Any]]) -> dict[str, Any]:
    """Bokeh's document with one source for all figures, so that what is selected in one is selected in the others.

    Where marks stand is left open: the page's script fills `x_0`, `y_0` and the like by the axes that are chosen.
    """
    from bokeh.document import Document
    from bokeh.models import BooleanFilter, CDSView, ColumnDataSource
    from bokeh.plotting import figure

    size = len(columns["trial"])
    drawn = {f"{what}_{number}": [0.0] * size for number in range(FIGURES) for what in ("x", "y", "alpha")}
    source = ColumnDataSource({**columns, **drawn}, name="trials")
    view = CDSView(filter=BooleanFilter(booleans=[True] * size, name="shown"))
    document = Document()
    roots: dict[str, str] = {}
    for number, element in enumerate(FIGURE_IDS):
        plot = figure(
            height=HEIGHT,
            sizing_mode="stretch_width",
            tools="pan,box_zoom,box_select,tap,reset,hover",
            toolbar_location="above",
            active_drag=None,  # a finger that moves the page must not move the figure
            stylesheets=[CLEAR],
            border_fill_color=None,  # until the page's script paints it, so that nothing white is left at its edges
            background_fill_color=None,
        )
        plot.toolbar.logo = None
        plot.hover.tooltips = None  # the page tells what is pointed at: in its own words and colours, also by touch
        for axis in plot.axis:
            axis.update(minor_tick_line_color=None, axis_label_text_font_style="normal")
        plot.scatter(f"x_{number}", f"y_{number}", source=source, view=view, fill_alpha=f"alpha_{number}", **MARKS)
        document.add_root(plot)
        roots[plot.id] = element
    return _renumbered({"doc": document.to_json(deferred=False), "roots": roots})


def _renumbered(found: dict[str, Any]) -> dict[str, Any]:
    """The same with ids that count from one as they are met, so that equal records give equal bytes."""
    ids: dict[str, str] = {}

    def walked(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: _new(ids, value) if key == "id" else walked(value) for key, value in node.items()}
        return [walked(item) for item in node] if isinstance(node, list) else node

    document = walked(found["doc"])
    return {"doc": document, "roots": {_new(ids, root): element for root, element in found["roots"].items()}}


def _new(ids: dict[str, str], old: str) -> str:
    return ids.setdefault(old, f"b{len(ids) + 1}")


def _embedded(data: Mapping[str, Any]) -> str:
    """JSON that may stand between two tags of a page: nothing in it ends the script that holds it."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
