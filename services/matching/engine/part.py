"""A connected part of a transportation problem, by itself, with the whole problem's costs."""

from dataclasses import dataclass, replace
from operator import mul

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.transport import Flow, Ints, Transport, flow

Mask = NDArray[np.bool_]

Worth = tuple[int, int, tuple[int, ...]]
"""How good amounts are: score, then precedence, then the amounts in the order that decides."""


@dataclass(frozen=True)
class Part:
    """Pairs that share sides with no others. `precedence` and `factor` are the whole problem's:
    what is best for a part must not depend on where it was cut out."""

    t: Transport
    precedence: Ints
    factor: int

    @classmethod
    def of(cls, t: Transport, pairs: Ints, precedence: Ints, factor: int) -> "Part":
        """These pairs of a problem, with no sides but theirs."""
        offers, offer = np.unique(t.offer[pairs], return_inverse=True)
        asks, ask = np.unique(t.ask[pairs], return_inverse=True)
        part = replace(
            t.of(pairs),
            supply=t.supply[offers],
            demand=t.demand[asks],
            offer=offer,
            ask=ask,
            offer_place=t.offer_place[offers],
            ask_place=t.ask_place[asks],
        )
        return cls(part, precedence[pairs], factor)

    @property
    def apart(self) -> Mask:
        """The pairs that take another amount of demand than of supply."""
        t = self.t
        return np.zeros(len(t.most), np.bool_) if t.takes is None else t.takes != t.most

    def flow(self, floor: Ints, most: Ints) -> Flow:
        """The best amounts from `floor` to `most` for each pair, all of them allowed; pairs that
        are apart keep their floor."""
        t, apart, cost = self.t, self.apart, self.t.score * self.factor + self.precedence
        if not apart.any():
            return flow(replace(t, most=most), cost, self.factor, floor)
        fixed = np.where(apart, floor, 0)
        supply, demand = self.left(fixed)
        rest = replace(t, supply=supply, demand=demand, most=np.where(apart, 0, most))
        found = flow(rest, cost, self.factor, np.where(apart, 0, floor))
        return Flow(found.amount + fixed, found.short)

    def left(self, amount: Ints) -> tuple[Ints, Ints]:
        """What is left of supply and demand; below 0 where amounts don't fit."""
        supply, demand = self.t.supply.copy(), self.t.demand.copy()
        np.subtract.at(supply, self.t.offer, amount)
        taken = amount
        if self.t.takes is not None:
            taken = np.where(self.apart & (amount > 0), self.t.takes, amount)
        np.subtract.at(demand, self.t.ask, taken)
        return supply, demand

    def fits(self, amount: Ints) -> bool:
        """Whether no side gives more than it has or gets more than it asks for."""
        supply, demand = self.left(amount)
        return bool(supply.min(initial=0) >= 0 and demand.min(initial=0) >= 0)

    def worth(self, amount: Ints) -> Worth:
        """What amounts are worth, exactly; greater is better."""
        given = amount.tolist()
        return (
            sum(map(mul, given, self.t.score.tolist())),
            sum(map(mul, given, self.precedence.tolist())),
            tuple(amount[self.t.order].tolist()),
        )

    def broken(self, amount: Ints) -> Ints:
        """The pairs whose amount is neither 0 nor at least the least, in whole steps."""
        t = self.t
        return np.flatnonzero((amount > 0) & ((amount < t.least) | (amount % t.step != 0)))


@dataclass(frozen=True)
class Found:
    """Amounts for a part, `short` as in `Flow`, and a score that no amounts exceed; `proven`
    where no others are better in score, precedence or order."""

    amount: Ints
    short: Ints
    bound: int
    proven: bool
