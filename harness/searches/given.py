"""Takes the sets that a criterion names itself, as they are."""

from __future__ import annotations

from harness.criteria.base import Criterion, ListCriterion, Scoring
from harness.errors import SpecError
from harness.records import SelectionInfo
from harness.searches.answers import mapping
from harness.searches.base import Search, Selection, searches


@searches.register("given")
class Given(Search):
    """The criterion's own sets, for the counts that it has one for; nothing is scored.

    They are nested, and then have an order, only where they are the beginnings of one list.
    """

    is_nested = False

    def select(self, criterion: Criterion, scoring: Scoring) -> Selection:
        if not isinstance(criterion, ListCriterion):
            raise SpecError(f"search given: criterion {criterion.name!r} names no sets; one_shot would do")
        sets = dict(sorted(mapping(criterion, criterion.sets(scoring)).items()))
        known = {unit.name for unit in scoring.units}
        for count, names in sets.items():
            _check(criterion, count, names, known)
        longest = sets[max(sets)] if sets else ()
        is_nested = bool(sets) and sets == {count: longest[:count] for count in range(1, len(longest) + 1)}
        info = SelectionInfo(search=self.name, nested=is_nested, order=longest if is_nested else None, evaluations=0)
        return Selection(sets=sets, info=info)


def _check(criterion: Criterion, count: int, names: tuple[str, ...], known: set[str]) -> None:
    """Raises SpecError for a set of another size, with a stranger, or with a unit twice."""
    strangers = sorted(set(names) - known)
    if strangers:
        raise SpecError(f"criterion {criterion.name}: {strangers[0]!r} in its set of {count} is no unit of the target")
    if len(names) != count or len(set(names)) != count:
        raise SpecError(f"criterion {criterion.name}: its set of {count} holds {len(set(names))} different units")
