"""A whole round decided by trying everything: tier by tier, as docs/decisions/0013 says it.

Written from the rule's words and sharing no code with the engine but for the scalar eligibility.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor, lcm

from services.matching.engine import Ask, Offer, Problem
from services.matching.engine.eligibility import reasons
from tests.matching.engine.oracle import Allowed, Line, best, precedence

OF_AMOUNTS = {
    "nothing-available",
    "nothing-uncovered",
    "below-minimum",
    "indivisible-too-large",
    "less-than-one-unit",
}
"""Reasons that change while a round is decided."""

DECIMALS = {"EUR": 2, "UAH": 2, "KWD": 3, "JPY": 0}
REACH = 1_000_000
URGENCIES = ("low", "normal", "high", "critical")


@dataclass
class Decided:
    """(tier, substituting, its best score) and (offer, ask, reserved, covers), by places."""

    steps: list[tuple[int, bool, int]] = field(default_factory=list)
    awards: list[tuple[int, int, int, int]] = field(default_factory=list)


def decided(given: Problem) -> Decided:
    """The only right solution of a problem without standing proposals."""
    found = Decided()
    offers = sorted(given.offers, key=lambda o: o.place)
    asks = sorted(given.asks, key=lambda a: a.place)
    market = Market(given, offers, asks, [o.available for o in offers], [a.uncovered for a in asks])
    for substituting in (False, True):
        pairs = [
            (i, j)
            for i, o in enumerate(offers)
            for j, a in enumerate(asks)
            if market.available[i]
            and market.uncovered[j]
            and market.eligible(o, a, substituting)
            and market.supply(i)
            and (substituting or market.demand(j))
        ]
        tiers = {(i, j): market.tier(offers[i], asks[j]) for i, j in pairs}
        for tier in sorted(set(tiers.values()), reverse=True):
            market.decide([p for p in pairs if tiers[p] == tier], tier, substituting, found)
    return found


@dataclass
class Market:
    given: Problem
    offers: list[Offer]
    asks: list[Ask]
    available: list[int]
    uncovered: list[int]

    def eligible(self, o: Offer, a: Ask, substituting: bool) -> bool:
        barred = (o.pledge_id, o.line, a.need_id, a.line) in self.given.barred
        why_not = reasons(
            o,
            a,
            today=self.given.today,
            rates=self.given.rates,
            barred=barred,
            substituting=substituting,
        )
        return OF_AMOUNTS.issuperset(why_not)

    def tier(self, o: Offer, a: Ask) -> int:
        narrow = (1 if o.territories or o.authority_id else 0) + (1 if o.sectors else 0)
        twinned = (a.authority_id, o.partner_id) in self.given.twinned
        high = 2 * (o.need_id is not None) + twinned
        return (3 * high + narrow) * 4 + URGENCIES.index(a.urgency)

    def score(self, o: Offer, a: Ask) -> int:
        parts = (400 * a.begun, 300 * (1000 - a.had), 49 * a.record, 50 * o.record)
        return 1000 + sum(p // 1000 for p in parts) + 200 * min(a.waiting, 365) // 365

    def worth(self, unit: str) -> Fraction:
        """Cents, or kilograms, litres and pieces, in one smallest unit."""
        if not unit.isupper():
            return Fraction({"tonne": 1000, "cubic-metre": 1000}.get(unit, 1))
        rate = self.given.rates.of(unit) if self.given.rates else None
        return Fraction(100, 10 ** DECIMALS[unit]) / rate if rate else Fraction(1)

    def each(self, a: Ask) -> Fraction:
        """What one unit of goods is worth, in cents."""
        return a.unit_value * self.worth(a.value_currency)

    def supply(self, i: int) -> int:
        return floor(self.available[i] * self.worth(self.offers[i].unit))

    def demand(self, j: int, substituting: bool = False) -> int:
        a = self.asks[j]
        if substituting and a.unit_value:
            return self.uncovered[j] * ceil(self.each(a))
        return floor(self.uncovered[j] * self.worth(a.unit))

    def decide(
        self, pairs: list[tuple[int, int]], tier: int, substituting: bool, found: Decided
    ) -> None:
        supply = [Line(self.supply(i), i) for i in range(len(self.offers))]
        demand = [Line(self.demand(j, substituting), j) for j in range(len(self.asks))]
        first = precedence(supply, demand, REACH)
        allowed = []
        for i, j in pairs:
            o, a = self.offers[i], self.asks[j]
            step = 1 if o.unit.isupper() else int(self.worth(o.unit))
            if substituting:
                step = lcm(step, ceil(self.each(a)))
            elif not a.unit.isupper():
                step = lcm(step, int(self.worth(a.unit)))
            least = floor((o.pledged if o.indivisible else o.minimum) * self.worth(o.unit))
            most = min(supply[i].amount, demand[j].amount)
            if o.indivisible:
                if least > most or (substituting and least % step) or not least:
                    continue
                step = most = least
            allowed.append(Allowed(i, j, self.score(o, a), first[i, j], least, most, step))
        allowed = [p for p in allowed if p.most // p.step * p.step >= max(p.least, 1)]
        if not allowed:
            return
        score, amounts = best(supply, demand, allowed)
        found.steps.append((tier, substituting, score))
        order = sorted(zip(allowed, amounts, strict=True), key=lambda pa: (pa[0].ask, pa[0].offer))
        booked = [
            self.book(
                p.offer,
                p.ask,
                amount,
                sum(later for q, later in order[n + 1 :] if q.offer == p.offer),
                substituting,
                found,
            )
            for n, (p, amount) in enumerate(order)
            if amount
        ]
        if not all(booked):
            # what rounding refused is left out, and the rest decided once more
            done = {(p.offer, p.ask) for p, amount in order if amount}
            rest = [p for p in pairs if p not in done]
            self.decide(rest, tier, substituting, found)

    def book(
        self, i: int, j: int, amount: int, kept: int, substituting: bool, found: Decided
    ) -> bool:
        """Exact amounts: whoever takes the last cent of a side takes what is left of it, but for
        what others need of a pledge with a minimum; nobody is rounded below a minimum."""
        o, a = self.offers[i], self.asks[j]
        have, want = self.available[i], self.uncovered[j]
        if o.minimum:
            have -= ceil(kept / self.worth(o.unit))
        if substituting:
            worth = self.each(a) / self.worth(o.unit)
            covers = min(amount // ceil(self.each(a)), want, floor(have / worth))
            reserved = ceil(covers * worth)
        else:
            ratio = self.worth(o.unit) / self.worth(a.unit)
            last = amount >= min(self.supply(i), self.demand(j))
            covers = min(want, want if last else max(1, floor(amount / self.worth(a.unit))))
            if o.indivisible:
                covers = floor(have * ratio)
            elif ceil(min(covers, floor(have * ratio)) / ratio) < o.minimum:
                covers = min(want, ceil(o.minimum * ratio))
            covers = min(covers, floor(have * ratio))
            reserved = have if o.indivisible else ceil(covers / ratio)
        least = o.pledged if o.indivisible else o.minimum
        fits = 0 < covers <= want and reserved >= least
        if fits:
            found.awards.append((o.place, a.place, reserved, covers))
            self.available[i] -= reserved
            self.uncovered[j] -= covers
        return fits
