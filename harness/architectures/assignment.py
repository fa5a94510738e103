"""Every token to one expert, all experts with equally many tokens, so that the affinities add up to the most."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

GUESSES = 50  # rounds of prices before the exact part, which then has little left to move
SLIGHT = 1e-12  # of the range of the affinities: less is rounding


def balanced(affinities: NDArray[np.float64]) -> NDArray[np.int64]:
    """The expert of each token, (tokens,), of affinities (tokens, experts): exact, and the same for the same input.

    The linear assignment of BASE layers (Lewis et al. 2021, equation 3). Experts' numbers of tokens differ by one at
    most. Raises FloatingPointError where an affinity is not finite, as a training that diverged has them.

    A minimum-cost flow on the few experts instead of the many tokens: any prices of the experts give an assignment that
    is the best for the numbers of tokens it happens to have (each token takes the expert of most affinity less price).
    From there single tokens move along cheapest paths from expert to expert until the numbers are right, which keeps
    the assignment best for its numbers at every step (successive shortest paths).
    """
    if not np.isfinite(affinities).all():
        raise FloatingPointError("an affinity of a token to an expert is not finite")
    flow = _Flow(affinities, (affinities - _prices(affinities)).argmax(axis=1))
    while flow.improve():
        pass
    return flow.expert


def _prices(affinities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Prices at which about equally many tokens choose each expert, by steps that shrink."""
    tokens, experts = affinities.shape
    prices = np.zeros(experts)
    step = np.ptp(affinities)
    for _ in range(GUESSES):
        counts = np.bincount((affinities - prices).argmax(axis=1), minlength=experts)
        prices += step * (counts / tokens - 1 / experts)
        step *= 0.9
    return prices


class _Flow:
    """An assignment that is the best for its numbers of tokens, and what it costs to move tokens."""

    def __init__(self, affinities: NDArray[np.float64], expert: NDArray[np.int64]) -> None:
        tokens, experts = affinities.shape
        self.affinities, self.expert = affinities, expert
        self.counts = np.bincount(expert, minlength=experts)
        self.least, self.spare = divmod(tokens, experts)
        spread = float(np.ptp(affinities))
        self.slight = SLIGHT * spread
        self.force = 2 * experts * (spread + 1)  # more than any path can cost
        self.loss = np.full((experts, experts), np.inf)  # the least that a token of an expert loses at another
        self.mover = np.zeros((experts, experts), dtype=np.int64)  # and which token that is
        for number in range(experts):
            self._look(number)

    def improve(self) -> bool:
        """Moves one token along each step of the cheapest path that brings the numbers nearer; False without one."""
        cost, step = _paths(self.loss, self.slight)
        whole = self._leaving()[:, None] + cost + self._entering()[None, :]
        start, end = map(int, np.unravel_index(int(whole.argmin()), whole.shape))
        if whole[start, end] >= -self.slight:
            return False
        path = [start]
        while path[-1] != end:
            path.append(int(step[path[-1], end]))
        movers = [int(self.mover[a, b]) for a, b in pairwise(path)]
        self.expert[movers] = path[1:]
        self.counts[start] -= 1
        self.counts[end] += 1
        for number in path:
            self._look(number)
        return True

    def _look(self, number: int) -> None:
        """What the tokens of one expert lose elsewhere."""
        own = np.flatnonzero(self.expert == number)
        if not len(own):
            self.loss[number] = np.inf
            return
        lost = self.affinities[own, number, None] - self.affinities[own]
        first = lost.argmin(axis=0)
        self.loss[number], self.mover[number] = lost[first, np.arange(len(first))], own[first]

    def _leaving(self) -> NDArray[np.float64]:
        """What it costs, by expert, to have a token less: nothing where it has one of the few more that some have."""
        is_free = (self.counts == self.least + 1) & (self.spare > 0)
        return np.where(is_free, 0.0, np.where(self.counts > self.least, -self.force, self.force))

    def _entering(self) -> NDArray[np.float64]:
        is_free = (self.counts == self.least) & (self.spare > 0)
        return np.where(is_free, 0.0, np.where(self.counts < self.least, -self.force, self.force))


def _paths(loss: NDArray[np.float64], slight: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The cheapest paths between all experts, by Floyd and Warshall: cost, and the first step of each."""
    cost = loss.copy()
    np.fill_diagonal(cost, 0.0)
    experts = len(cost)
    step = np.tile(np.arange(experts), (experts, 1))
    for via in range(experts):
        through = cost[:, via, None] + cost[None, via]
        is_cheaper = through < cost - slight
        cost = np.where(is_cheaper, through, cost)
        step = np.where(is_cheaper, step[:, via, None], step)
    return cost, step
