"""`harness tabulate`: the outcome of every set of a study's models, and how a criterion does among them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from inspect import getfile
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import typer

from harness.cli.exits import FINE
from harness.cli.progress import LINE_EVERY_S
from harness.criteria.base import Criterion, criteria
from harness.errors import SpecError, StoreError
from harness.place import Orders, place_of
from harness.plan import make_plan
from harness.plugins import load_plugins
from harness.presence import check_presence
from harness.searches.base import Search, searches
from harness.study_file import load_study

if TYPE_CHECKING:
    from harness.tabular import Score
    from harness.tabulation import Tabulated

HEAD = f"{'count':>5} {'test':>8} {'mean':>8} {'best':>8} {'gain':>6} {'regret':>7} {'percentile':>10}  removed"


@dataclass(frozen=True)
class TableOrders:
    """What the command line asks for: sets up to a size, a criterion to score with its search, where files go."""

    up_to: int | None = None
    score: str | None = None
    search: str | None = None
    to: Path | None = None
    device: str | None = None


def tabulate_study(study: Path, site: Path | None, overrides: list[str], orders: TableOrders, results: Path) -> int:
    """Makes the tables that are not kept, writes each as one file, and scores the criteria that are named."""
    file = load_study(study, overrides, site)
    place = place_of(file.site, Orders(device=orders.device))
    plan = make_plan(file, results)
    scored = _scored(orders)
    paths = {label: Path(folder) for label, folder in place.site.paths.items()}
    check_presence(plan.trials, paths, results, str(study))
    for dataset in plan.datasets:
        dataset.fetch(paths)
    from harness.tabulation import tabulated

    folder = orders.to or results / plan.study.study / "tables"
    for found in tabulated(plan, place, results, orders.up_to, _Notes().say):
        typer.echo(_described(found, _written(found, folder)))
        for criterion, search in scored:
            _say_scores(found, criterion, search)
    return FINE


class _Notes:
    """Says now and then what is going on, beside the results."""

    def __init__(self) -> None:
        self._said = time.monotonic()

    def say(self, stage: str, note: str) -> None:
        """A stage has come this far."""
        if time.monotonic() - self._said >= LINE_EVERY_S:
            self._said = time.monotonic()
            typer.echo(f"{stage} {note}".strip(), err=True)


def _scored(orders: TableOrders) -> list[tuple[Criterion, Search]]:
    """The criterion of that name, or all that a plug-in file registers, each with its search."""
    if orders.score is None:
        return []
    names = [orders.score]
    if orders.score.endswith(".py"):
        path = Path(orders.score)
        load_plugins([path])
        names = [
            name for name, member in criteria.members().items() if Path(getfile(member)).resolve() == path.resolve()
        ]
        if not names:
            raise SpecError(f"{orders.score}: registers no criterion; one is made known by @criteria.register('name')")
    made = [criteria.create({"name": name}, "--score") for name in names]
    return [(criterion, _search_for(criterion, orders.search)) for criterion in made]


def _search_for(criterion: Criterion, name: str | None) -> Search:
    if name is not None and name not in criterion.searches:
        allowed = ", ".join(criterion.searches)
        raise SpecError(f"--search: {criterion.name!r} cannot be searched by {name!r}; it can by {allowed}")
    return searches.create({"name": name or criterion.searches[0]}, "--search")


def _written(found: Tabulated, folder: Path) -> Path:
    path = folder / f"{found.name}.npz"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder}: cannot be made: {error.strerror}") from None
    found.table.save(path)
    return path


def _described(found: Tabulated, path: Path) -> str:
    table, state = found.table, "kept" if found.is_reused else "made"
    sets = f"{len(table.masks):,} sets of at most {table.up_to} of {len(table.units)} units"
    return f"{path}: {state}: {sets}; untouched, test {table.accuracy(()):.4f}"


def _say_scores(found: Tabulated, criterion: Criterion, search: Search) -> None:
    """One line for each count that the criterion has a set for and the table holds."""
    selections = found.selections(criterion, search)
    drawn = f", mean of {len(selections)} draws" if len(selections) > 1 else ""
    typer.echo(f"{criterion.name}, search {search.name}{drawn}\n{HEAD}")
    scores = [found.table.scores(sets) for sets in selections]
    for count in scores[0]:
        mean, best = found.table.mean(count), found.table.oracles(count).validation
        removed = ", ".join(selections[0][count]) if len(selections) == 1 else "..."
        typer.echo(f"{count:>5} {_line([one[count] for one in scores], mean, best)}  {removed}")


def _line(scores: list[Score], mean: float, best: float) -> str:
    gains = [score.gain for score in scores if score.gain is not None]
    gain = f"{fmean(gains):6.2f}" if gains else f"{'-':>6}"
    own = fmean(score.accuracy for score in scores)
    regret, percentile = fmean(score.regret for score in scores), fmean(score.percentile for score in scores)
    return f"{own:8.4f} {mean:8.4f} {best:8.4f} {gain} {regret:7.4f} {percentile:10.3f}"
