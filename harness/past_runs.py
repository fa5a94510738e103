"""How long stages took in past runs, and how much room they needed: medians, of the most alike that there are."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median

from harness.artifacts import KEY
from harness.briefs import Brief
from harness.packs import packed
from harness.record_file import UnreadableError
from harness.records import STAGES

WORDS = {"select": "criterion", "recover": "recovery", "evaluate": "runtime", "cost": "runtime"}
REST = "rest"  # of a run beside its stages
SAMPLES = 50  # files or folders of a kind that are looked at
Kind = tuple[str, bool]  # a stage, and whether what it makes is there already
Like = tuple[str, ...]  # the model, then the word that decides beside it


class PastRuns:
    """Seconds by stage, of good runs on one machine class (of every class where that is None).

    The runs of a study are looked at by model and by the criterion, recovery or runtime; where it has none of a stage
    all its runs are, and then those of the whole results folder, which are read only then.
    """

    def __init__(
        self, results: Path, own: Iterable[Brief], others: Callable[[], Iterable[Brief]], machine_class: str | None
    ) -> None:
        self._results = results
        self._class = machine_class
        self._others = others
        self._found: dict[Kind, dict[Like, list[float]]] | None = None
        self.runs = 0  # that the answers so far speak from
        self._own = self._gathered(own)
        self._medians: dict[tuple[Kind, Like], float | None] = {}

    def tells(self) -> bool:
        """Whether any run is there to speak from."""
        if not self.runs and self._found is None:
            self._found = self._gathered(self._others())
        return self.runs > 0

    def seconds(self, stage: str, is_reused: bool, model: str, word: str | None) -> float | None:
        """The median over the most alike runs; None where no run tells."""
        key = (stage, is_reused), (model, word or "")
        if key not in self._medians:
            self._medians[key] = self._median(*key)
        return self._medians[key]

    def _median(self, kind: Kind, like: Like) -> float | None:
        own = self._own.get(kind, {})
        if not own and self._found is None:
            self._found = self._gathered(self._others())
        everywhere = own or (self._found or {}).get(kind, {})
        for length in range(len(like), -1, -1) if own else (0,):
            alike = [s for other, samples in everywhere.items() if other[:length] == like[:length] for s in samples]
            if alike:
                return median(alike)
        return None

    def _gathered(self, briefs: Iterable[Brief]) -> dict[Kind, dict[Like, list[float]]]:
        found: dict[Kind, dict[Like, list[float]]] = {}
        prepared: dict[str, str] = {}
        for one in briefs:
            if one.status != "ok" or self._class not in (None, one.machine_class):
                continue
            self.runs += 1
            for stage, spent in one.stages.items():
                like = (one.model, getattr(one, WORDS[stage]) or "" if stage in WORDS else "")
                found.setdefault((stage, spent.is_reused), {}).setdefault(like, []).append(spent.elapsed_s)
            if one.total_s is not None:
                rest = max(one.total_s - sum(spent.elapsed_s for spent in one.stages.values()), 0.0)
                found.setdefault((REST, False), {}).setdefault((one.model, ""), []).append(rest)
            if one.prepared:
                prepared[one.prepared] = one.model
        for model, elapsed_s in self._made_ahead(prepared):
            found.setdefault(("prepare", False), {}).setdefault((model, ""), []).append(elapsed_s)
        return found

    def _made_ahead(self, prepared: dict[str, str]) -> Iterable[tuple[str, float]]:
        """A network is mostly made before the first run that needs it, and its manifest alone says how long it took."""
        by_model: dict[str, list[str]] = {}
        for place, model in prepared.items():
            by_model.setdefault(model, []).append(place)
        for model, places in by_model.items():
            for place in spread_out(places):
                with suppress(OSError, ValueError, KeyError, TypeError):
                    if not all(KEY.fullmatch(part) for part in place.split("/")):
                        continue
                    path = self._results / "artifacts" / "prepare" / place / "manifest.json"
                    manifest = json.loads(path.read_text(encoding="utf-8"))
                    if self._class in (None, manifest["machine_class"]):
                        yield model, float(manifest["elapsed_s"])


def spread_out(items: Sequence[str]) -> Sequence[str]:
    """At most `SAMPLES` of them, from all over."""
    return items[:: max(len(items) // SAMPLES, 1)][:SAMPLES]


def bytes_of_artifacts(results: Path) -> dict[str, float]:
    """Median size of what a stage keeps, over some of the artifacts that are there; stages without any are absent."""
    found = {stage: [*_sizes(results / "artifacts" / stage)] for stage in STAGES}
    return {stage: median(sizes) for stage, sizes in found.items() if sizes}


def _sizes(folder: Path) -> Iterable[int]:
    with suppress(OSError), os.scandir(folder) as keys:
        for key in itertools.islice(keys, SAMPLES):
            yield sum(path.stat().st_size for path in Path(key.path).rglob("*") if path.is_file())


def bytes_of_records(results: Path, study: str, briefs: Sequence[Brief]) -> float | None:
    """Median size of some of a study's records; None where it has none."""
    sizes = []
    for place in spread_out([f"{one.trial}/{one.run}.json" for one in briefs]):
        with suppress(OSError):  # packed
            sizes.append((results / study / place).stat().st_size)
    with suppress(UnreadableError):
        sizes += [one.size for one in itertools.islice(packed(results / study), SAMPLES)]
    return median(sizes) if sizes else None
