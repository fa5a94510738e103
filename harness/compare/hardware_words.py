"""What machine classes agree on, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from harness.compare.hardware import Agreement, Criteria, Duel, Hardware
from harness.tables.cells import number
from harness.wording import counted


def in_words(found: Hardware) -> tuple[str, ...]:
    """What a reader takes home: targets metric by metric, then orders and fronts of the trials that machines share."""
    alone = () if found.agreements else ("No trial was measured on several of the machines: nothing ranks them alike.",)
    return (*_of_targets(found), *alone, *_of_shared(found))


def _of_shared(found: Hardware) -> tuple[str, ...]:
    return (*map(_of_trials, found.agreements), *map(_of_criteria, found.criteria))


def _of_targets(found: Hardware) -> Iterator[str]:
    """Metric by metric, whatever the sizes of what each machine timed."""
    for metric in dict.fromkeys(duel.metric.partition(" ")[0] for duel in found.duels):
        own = [duel for duel in found.duels if duel.metric.partition(" ")[0] == metric]
        if len({duel.machine for duel in own}) > 1:
            yield f"{metric}: {'; '.join(map(_of_duel, own))}."


def _of_duel(duel: Duel) -> str:
    first, second = duel.targets
    gains = f"median gain {number(duel.gains[0], 2)} by {first}, {number(duel.gains[1], 2)} by {second}"
    under = duel.metric.partition(" ")[2].strip("()")
    wins = f"{first} for sure in {duel.wins[0]}, {second} in {duel.wins[1]} of {counted(duel.settings, 'setting')}"
    told = f"{gains}; {wins}{f', {under}' if under else ''}"
    if duel.winner is None:
        return f"on {duel.machine} it is not sure which of {first} and {second} is the cheaper removal ({told})"
    return f"on {duel.machine} {duel.winner} is the cheaper removal ({told})"


def _of_trials(one: Agreement) -> str:
    order = "one of the two orders nothing" if one.tau is None else f"Kendall's tau {number(one.tau, 2)}"
    told = f"{one.metric}: {one.machines[0]} and {one.machines[1]} order {one.trials} trials by their gain with {order}"
    if one.fronts is None:
        return f"{told}."
    mine, others = map(set, one.fronts)
    return (
        f"{told}; of loss and gain {len(mine)} and {len(others)} are on the Pareto fronts, "
        f"{len(mine & others)} on both."
    )


def _of_criteria(one: Criteria) -> str:
    orders = [", ".join(order) for order in one.orders]
    tau_words = "" if one.tau is None else f" (Kendall's tau {number(one.tau, 2)})"
    if one.orders[0] == one.orders[1]:
        return f"Criteria lose in the same order on both, the least first: {orders[0]}{tau_words}, {one.trials} trials."
    pairs = "; ".join(f"on {name} {order}" for name, order in zip(one.machines, orders, strict=True))
    return f"Criteria by what they lose, the least first: {pairs}{tau_words}, {one.trials} trials."
