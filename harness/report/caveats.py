"""What a reader must keep in mind, found in the records: nobody has to remember to write it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator

from harness.published import names
from harness.report.comparisons import FEWEST
from harness.report.view import MOST_ITEMISED, View
from harness.tables.facts import (
    ATTEMPTS,
    DATA,
    DOUBTED,
    IS_SHARED,
    IS_TIMED,
    IS_UNSURE,
    TOLD,
    WARNED,
    counts,
)
from harness.tables.panels import UNIT
from harness.tables.publications import wanted
from harness.wording import counted

MESSAGE_LENGTH = 240
EXAMS = {"lm_eval"}
NOTHING_LOST = "nothing here says what a removal loses"
OF_A_MEASUREMENT = "measurement_"  # codes of warnings that a record repeats from its measurements, shared ones included


def caveats(view: View) -> tuple[str, ...]:
    """One sentence each, the weightiest first."""
    rules = (_absent, _proofs, _data, _networks, _controls, _targets, _publications, _machine, _timings, _told, _code)
    return tuple(sentence for rule in rules for sentence in rule(view))


def _absent(view: View) -> Iterator[str]:
    if not view.has_plan:
        yield "The study's plan (trials.json) is absent: trials that never ran cannot be counted."
    if len(view.bad):
        yield f"{_trials(len(view.bad))} failed or {_were(len(view.bad))} skipped, and no mean holds them; see below."
    if len(view.missing):
        planned = len(view.plan.table)
        yield f"{_trials(len(view.missing))} of {planned} planned {_have(len(view.missing))} no record yet."
    if view.left_out:
        yield f"{_trials(view.left_out)} on disk {_were(view.left_out)} left out: the present plan does not hold them."
    if view.damaged:
        files = "; ".join(f"{item.path}: {item.reason}" for item in view.damaged[:3])
        more = f"; and {len(view.damaged) - 3} more" if len(view.damaged) > 3 else ""
        yield f"{counted(len(view.damaged), 'damaged or unknown file')} set aside: {files}{more}."
    limited = int(view.good["limited"].astype(bool).sum())
    if limited:
        yield f"{_trials(limited)} ran on a limited number of items: a try-out, not a measurement."


def _proofs(view: View) -> Iterator[str]:
    failed = view.good["id"][view.good["proof"] == "failed"]
    if len(failed):
        yield (
            f"In {_trials(len(failed))} the removed network did not equal the masked one: do not trust their numbers "
            f"(first: {failed.iloc[0]})."
        )
    if not view.asks_quality:
        told = "answers to exams stand in trials.csv alone" if EXAMS & set(view.index.collectors) else NOTHING_LOST
        yield f"Accuracy was not asked for: {told}."
        return
    orphans = view.table[(view.table["status"] == "ok") & view.table["baseline"].notna()]
    judged = view.quality
    lost = int(orphans[judged.lost].isna().sum()) if judged.lost in orphans else len(orphans)
    if lost:
        yield f"{_trials(lost)} {_have(lost)} no {judged.noun} against a baseline on the same weights and data."


def _data(view: View) -> Iterator[str]:
    if view.index.is_synthetic and view.asks_quality:
        yield "The data are synthetic: accuracies say that the machinery works, and nothing about real tasks."
    prints: dict[tuple[str, str], set[str]] = {}
    for data, told in view.good[["data", DATA]].dropna().drop_duplicates().itertuples(index=False, name=None):
        for part, info in json.loads(told).items():
            prints.setdefault((data, part), set()).add(info["sha256"])
    for (data, part), found in sorted(prints.items()):
        if len(found) > 1:
            yield f"The {part} part of {data} has {len(found)} different contents among these trials."


def _networks(view: View) -> Iterator[str]:
    units = {unit for panel in view.panels for unit in panel.candidates[UNIT]}
    models = {panel.key["model"] for panel in view.panels}
    if units and len(units) == len(models):
        yield "One network per architecture (one seed): there is no spread over training, and none is shown."
    if view.asks_quality and not view.is_itemised:
        yield f"Single checkpoints are not tested item by item: there are more than {MOST_ITEMISED} candidates."
    if 0 < len(units) < FEWEST:
        yield f"Only {counted(len(units), 'network')}: fewer than {FEWEST} cannot support a claim about criteria."


def _controls(view: View) -> Iterator[str]:
    if not view.panels:
        return
    random = set(view.index.random_criteria)
    if not random:
        yield "No random choice among the criteria: nothing here says how much chance alone would lose."
    draws = {int(panel.candidates["draw"].nunique()) for panel in view.panels if random & set(panel.criteria)}
    if draws and min(draws) < 5:
        yield f"Random choice was drawn only {counted(min(draws), 'time')} per network; five or more are usual."
    for word in dict.fromkeys("budget" if p.cost else "count" for p in view.panels if len(p.levels) == 1):
        yield f"One {word} only: how the criteria compare at other {word}s is not known."


def _targets(view: View) -> Iterator[str]:
    counted_out = {panel.key["target"] for panel in view.panels if not panel.cost}
    if len(counted_out) > 1:
        yield (
            "Targets differ in what one of their units costs, so equal counts are unequal savings: what is said of "
            "targets holds of counts (a study with 'budgets' compares equal savings)."
        )


def _publications(view: View) -> Iterator[str]:
    for name in sorted(set(wanted(view.index.references)) - set(names())):
        yield f"No values published as {name!r} are known here; known: {', '.join(names())}."


def _machine(view: View) -> Iterator[str]:
    seen = view.environments
    if view.good[IS_TIMED].any() and seen and all(env.device == "cpu" for env in seen):
        yield "Everything ran on a CPU: speed, memory and energy on a GPU may order the trials differently."
    if len({env.machine_class for env in seen}) > 1:
        yield "Several machine classes were used: times are compared only within one."
    if len({env.software_class for env in seen}) > 1:
        yield "Several software versions were used; see the environment."


def _timings(view: View) -> Iterator[str]:
    timed = view.good[view.good[IS_TIMED].astype(bool)]
    if len(view.good) and not len(timed):
        yield "Nothing was timed: nothing is known about speed, memory or energy."
    bad = {metric for told, _ in counts(timed[DOUBTED]) for metric in json.loads(told)}
    if bad:
        count = int(timed[DOUBTED].notna().sum())
        yield f"Noisy or tainted measurements of {', '.join(sorted(bad))} in {_trials(count)}; they are marked."
    again = [number for told in timed[ATTEMPTS].dropna() for number in json.loads(told)]
    if again:
        what = f"{counted(len(again), 'measurement')} {_were(len(again))} taken again because of noise"
        yield f"{what}, up to {max(again)} times in all; the best of each is shown, the others are in its record."
    unsure = int(view.good[IS_UNSURE].astype(bool).sum())
    if unsure:
        yield f"In {_trials(unsure)} a noisy latency decided how many sublayers save the budget."
    shared = int(view.good[IS_SHARED].astype(bool).sum())
    if shared:
        own = "its" if shared == 1 else "their"
        yield f"{_trials(shared)} {_have(shared)} no cost of {own} own: equal structures share one measured cost."


def _told(view: View) -> Iterator[str]:
    """What the runs themselves warned of: counters that disagree, batches made smaller, and the like."""
    told = [(*pair, count) for told, count in counts(view.good[WARNED]) for pair in json.loads(told)]
    yield from _grouped(one for one in told if not one[0].startswith(OF_A_MEASUREMENT))
    yield from _grouped((*pair, count) for told, count in counts(view.good[TOLD]) for pair in json.loads(told))


def _code(view: View) -> Iterator[str]:
    seen = [environment.harness for environment in view.environments]
    if any(code.get("dirty") for code in seen):
        yield "Some trials ran on code with uncommitted changes."
    if len({str(code.get("commit")) for code in seen}) > 1:
        yield "The trials ran on more than one commit of harness."


def _grouped(told: Iterable[tuple[str, str, int]]) -> Iterator[str]:
    """By code its first message, and of how many it is the first."""
    messages: dict[str, str] = {}
    times: Counter[str] = Counter()
    for code, message, count in told:
        messages.setdefault(code, message)
        times[code] += count
    for code, message in messages.items():
        short = message if len(message) <= MESSAGE_LENGTH else message[: MESSAGE_LENGTH - 3] + "..."
        others = f" (the first of {times[code]})" if times[code] > 1 else ""
        yield f"{code}: {short.rstrip('.')}{others}."


def _trials(count: int) -> str:
    return counted(count, "trial")


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _have(count: int) -> str:
    return "has" if count == 1 else "have"
