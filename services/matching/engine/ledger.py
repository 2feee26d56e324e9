"""What is left on both sides while a round is decided, and how a share of it is rounded.

A line's amount is kept exactly, in its own smallest unit; pairs meet in a common unit (money.py),
rounded down, so neither side can be exceeded. A share becomes an amount that the recorded rates
allow to the last unit: whoever takes the last common unit of a line takes what is left of it.
"""

from fractions import Fraction
from functools import cached_property, lru_cache
from math import ceil

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.eligibility import priced
from services.matching.engine.money import CONVERTED, LIMIT, common_unit, exchange, substitute
from services.matching.engine.pairs import Pairs, Rows
from services.matching.engine.problem import FUNDING
from services.matching.engine.transport import Ints, Transport


class Ledger:
    """Free amounts by row; `substituting` counts what is asked in kind at its value in money."""

    def __init__(self, rows: Rows, substituting: bool = False, before: "Ledger | None" = None):
        self._rows = rows
        self._rates = rates = rows.problem.rates
        self._substituting = substituting
        self.available: list[int] = (
            before.available if before else [o.available for o in rows.offers]
        )
        self.uncovered: list[int] = before.uncovered if before else [a.uncovered for a in rows.asks]
        factor = lru_cache(None)(lambda measure, unit: common_unit(measure, unit, rates)[1])
        self._offer_factor: list[Fraction] = [factor(o.measure, o.unit) for o in rows.offers]
        self._ask_factor: list[Fraction] = [
            Fraction(ceil(a.unit_value * factor(FUNDING, a.value_currency)))
            if substituting and a.unit_value
            else factor(a.measure, a.unit)
            for a in rows.asks
        ]
        self.supply = np.array([self.offered(r, v) for r, v in enumerate(self.available)], np.int64)
        self.demand = np.array([self.asked(r, v) for r, v in enumerate(self.uncovered)], np.int64)

    def offered(self, row: int, amount: int) -> int:
        """A pledge line's amount in common units."""
        if not amount:
            return 0
        factor = self._offer_factor[row]
        return min(LIMIT, amount * factor.numerator // factor.denominator)

    def asked(self, row: int, amount: int) -> int:
        """A requirement line's amount in common units."""
        if not amount:
            return 0
        factor = self._ask_factor[row]
        return min(LIMIT, amount * factor.numerator // factor.denominator)

    @cached_property
    def _of_offers(self) -> tuple[Ints, Ints, NDArray[np.bool_]]:
        """Of each pledge line: the least it may give, its step, whether it is given whole."""
        offers = self._rows.offers
        least = [
            self.offered(r, o.pledged if o.indivisible else o.minimum)
            if o.minimum or o.indivisible
            else 0
            for r, o in enumerate(offers)
        ]
        steps = [self._step(o.measure, o.unit) for o in offers]
        whole = np.array([o.indivisible for o in offers], np.bool_)
        return np.array(least, np.int64), np.array(steps, np.int64), whole

    @cached_property
    def _ask_steps(self) -> Ints:
        """Of each requirement line: what it takes a multiple of."""
        found = [
            int(self._ask_factor[r])
            if self._substituting and a.unit_value
            else self._step(a.measure, a.unit)
            for r, a in enumerate(self._rows.asks)
        ]
        return np.array(found, np.int64)

    def transport(self, pairs: Pairs, supply: Ints, demand: Ints) -> tuple[Transport, Ints]:
        """The pairs that have something to move, as a problem to solve, and which they are.

        It holds the lines that these pairs touch, and no others.
        """
        leasts, steps, wholes = self._of_offers
        most = np.minimum(supply[pairs.offer], demand[pairs.ask])
        least, whole = leasts[pairs.offer], wholes[pairs.offer]
        asked = self._ask_steps[pairs.ask]
        step = np.lcm(steps[pairs.offer], asked)
        most = np.where(whole, least, most - most % step)
        step = np.where(whole, np.maximum(least, 1), step)
        fits = (most > 0) & (most <= demand[pairs.ask]) & (most <= supply[pairs.offer])
        fits &= (least <= most) & (~whole | (most % asked == 0) | (not self._substituting))
        which = np.flatnonzero(fits)
        offers, offer = np.unique(pairs.offer[which], return_inverse=True)
        asks, ask = np.unique(pairs.ask[which], return_inverse=True)
        return (
            Transport(
                supply[offers], demand[asks], offer, ask, pairs.score[which], offers, asks,
                least[which], most[which], step[which],
            ),
            which,
        )  # fmt: skip

    @staticmethod
    def _step(measure: str, unit: str) -> int:
        return 1 if measure == FUNDING else CONVERTED.get(unit, (unit, 1))[1]

    def take(
        self, offer: int, ask: int, share: int, last: bool, kept: int = 0
    ) -> tuple[int, int] | None:
        """Book a share of common units; (reserved, covers), exact. None where rounding leaves less
        than the pledge's terms allow. `last`: it takes all that is left of one of the lines;
        `kept` are the shares that others will take of a pledge line with a minimum, which is why
        what is smaller than a common unit must not be rounded up at their cost."""
        o, a = self._rows.offers[offer], self._rows.asks[ask]
        available, uncovered = self.available[offer], self.uncovered[ask]
        if o.minimum:
            available -= ceil(kept / self._offer_factor[offer])
        if self._substituting:
            worth = substitute(o, a, self._rates)
            assert worth is not None
            reserved, covers = priced(
                worth, available, min(uncovered, share // int(self._ask_factor[ask]))
            )
        else:
            found = exchange(o.measure, o.unit, a.unit, self._rates)
            assert found is not None
            if o.indivisible:
                reserved, covers = available, int(available * found.ratio)
            else:
                whole = max(1, int(share / self._ask_factor[ask]))
                wanted = uncovered if last else min(uncovered, whole)
                reserved, covers = found.most(available, wanted)
                if reserved < o.minimum:
                    reserved, covers = found.most(
                        available, min(uncovered, ceil(o.minimum * found.ratio))
                    )
        least = o.pledged if o.indivisible else o.minimum
        if covers <= 0 or covers > uncovered or reserved < least:
            return None
        self.available[offer] -= reserved
        self.uncovered[ask] -= covers
        self._recount(offer, ask)
        return reserved, covers

    def freeze(self, available: list[int], uncovered: list[int]) -> None:
        """What displaced proposals left over is for the next round: free is only what was."""
        for row, before in enumerate(available):
            if self.available[row] > before:
                self.available[row] = before
                self.supply[row] = self.offered(row, before)
        for row, before in enumerate(uncovered):
            if self.uncovered[row] > before:
                self.uncovered[row] = before
                self.demand[row] = self.asked(row, before)

    def restore(self, available: list[int], uncovered: list[int]) -> None:
        """As if nothing had been taken or given back since."""
        for row, before in enumerate(available):
            if self.available[row] != before:
                self.available[row] = before
                self.supply[row] = self.offered(row, before)
        for row, before in enumerate(uncovered):
            if self.uncovered[row] != before:
                self.uncovered[row] = before
                self.demand[row] = self.asked(row, before)

    def free(self, offer: int, reserved: int, ask: int, covers: int) -> None:
        """Give back what a displaced proposal held."""
        self.available[offer] += reserved
        self.uncovered[ask] += covers
        self._recount(offer, ask)

    def _recount(self, offer: int, ask: int) -> None:
        self.supply[offer] = self.offered(offer, self.available[offer])
        self.demand[ask] = self.asked(ask, self.uncovered[ask])
