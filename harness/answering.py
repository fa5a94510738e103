"""Collectors that answer given questions, built from the questions alone: a record holds no collectors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.collectors.base import Collector, collectors
from harness.errors import HarnessError
from harness.plugins import blamed
from harness.questions import Scene, questions
from harness.records import Asked
from harness.schema import Options, canonical

NOT_OPTIONS = ("revision", "code")  # what else of an identity stands in `at`


@dataclass(frozen=True)
class Answering:
    """Collectors that together answer the questions, and for each question that none answers, by its key, why not."""

    collectors: tuple[Collector, ...]
    unanswered: Mapping[str, str]


def answering(asked: Sequence[Asked], scene: Scene) -> Answering:
    """For each question the collector whose options are those of `at`; one where several differ in lists only.

    Any registered collector can be found in this way, a user's own too: it is one that says that it answers the very
    question. An option that no `at` tells is at its default.
    """
    found: dict[str, Collector] = {}
    unanswered: dict[str, str] = {}
    for question in asked:
        collector = next(_that_answer(question, scene), None)
        if collector is None:
            unanswered[question.key] = _reason(question)
        else:
            found.setdefault(canonical(collector.identity()), collector)
    return Answering(tuple(_joined(found.values(), asked, scene)), unanswered)


def sets_beside_test(asked: Iterable[Asked]) -> tuple[str, ...]:
    """Test sets beside `test` that questions are about, in their order."""
    names = [one.split.partition(":")[2] for one in asked if one.split and one.split.startswith("test:")]
    return tuple(dict.fromkeys(names))


def _that_answer(question: Asked, scene: Scene) -> Iterator[Collector]:
    for member in collectors.members().values():
        for options in (_options(member, question.at), {}):
            made = _made(member, options)
            if made is not None and question.key in _keys(made, scene):
                yield made


def _made(member: type[Collector], options: Options) -> Collector | None:
    try:
        return collectors.create({"name": member.name, **options})
    except HarnessError:
        return None


def _keys(collector: Collector, scene: Scene) -> set[str]:
    with blamed(collector):
        return {one.key for one in questions(collector, scene)}


def _options(member: type[Collector], at: Options) -> Options:
    """The options that `at` tells of; one entry of a list stands there under the singular of its option's name."""
    found: Options = {}
    for key, value in at.items():
        if key in NOT_OPTIONS:
            continue
        name = next((n for n in (key, f"{key}s", f"{key[:-1]}ies") if n in member.model_fields), None)
        if name is not None:
            found[name] = value if name == key else [value]
    return found


def _joined(found: Iterable[Collector], asked: Sequence[Asked], scene: Scene) -> Iterator[Collector]:
    """Collectors of one kind as one, with their lists put together, where that one answers all that they do."""
    wanted = {one.key for one in asked}
    by_kind: dict[str, list[Collector]] = {}
    for collector in found:
        scalars = {k: v for k, v in collector.model_dump(mode="json").items() if not isinstance(v, list)}
        by_kind.setdefault(canonical([collector.name, scalars]), []).append(collector)
    for alike in by_kind.values():
        one = _made(type(alike[0]), _union(alike)) if len(alike) > 1 else None
        answered = {key for collector in alike for key in _keys(collector, scene) & wanted}
        if one is not None and answered <= _keys(one, scene):
            yield one
        else:
            yield from alike


def _union(alike: Sequence[Collector]) -> Options:
    whole: Options = {}
    for collector in alike:
        for key, value in collector.model_dump(mode="json").items():
            held = whole.get(key)
            if isinstance(held, list) and isinstance(value, list):
                whole[key] = held + [item for item in value if item not in held]
            else:
                whole[key] = value
    return whole


def _reason(question: Asked) -> str:
    code = question.at.get("code")
    if code is not None:
        return f"a user's own collector measured it, from a file whose SHA-256 begins {code}; --plugins FILE names it"
    near = next((one.at for one in _by_default() if one.metric == question.metric), None)
    if near is not None:
        return f"it was measured under {question.at}, which no collector here does; one does under {near}"
    return f"no collector known here gives {question.metric!r}; --plugins FILE names one's own"


def _by_default() -> Iterator[Asked]:
    """What collectors answer that are given no options."""
    for member in collectors.members().values():
        made = _made(member, {})
        yield from made.asked() if made is not None else ()
