"""Transportation where some amounts are whole, in steps, or not below a least: solved in parts.

Most parts need no more than a flow: where the best flow keeps every least and step, it is the
best of a larger set of solutions, so the best. The rest are solved by branch and bound over
flows, exactly; where that takes too long, or where pairs take another amount of demand than of
supply, by a mixed-integer program.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from services.matching.engine.branch import search
from services.matching.engine.part import Found, Mask, Part
from services.matching.engine.program import program
from services.matching.engine.transport import Ints, Transport, flow

LIMIT = 200
"""Pairs with whole numbers in them up to which the best solution of a part is looked for: 25
seconds at worst of those measured. A larger part gets a good one, and a bound that says how
good."""

AT_A_GLANCE = 2_000
"""Pairs with whole numbers in them up to which a program is looked at without branching: some
seconds, and most of what is missing to the best. A larger part is only repaired."""

NODES = 400
"""Flows that the branch and bound of one part looks into before a program takes over."""

PROGRAM_NODES = 2_000
"""Nodes that a program looks into for one objective; it is never stopped by a clock."""


@dataclass(frozen=True)
class Solved:
    """The amount of each pair, and by how much score per unit it was outbid (`short`).

    `bound`: no solution scores more. `proven`: none is better in score, precedence or order.
    """

    amount: Ints
    short: Ints
    score: int
    bound: int
    proven: bool


def solve(t: Transport) -> Solved:
    """The best solution where an amount is 0, or from `least` to `most` a multiple of `step`.

    Raises NotSolved where a solver fails.
    """
    factor = t.reach * (len(t.supply) + len(t.demand) + 2)
    precedence = t.precedence
    r = _reduced(t)
    plain = np.flatnonzero(~r.apart)
    cost = t.score * factor + precedence
    relaxed = flow(r.t.of(plain), cost[plain], factor)
    amount, short = np.zeros_like(t.most), np.zeros_like(t.most)
    amount[plain], short[plain] = relaxed.amount, relaxed.short
    broken = (amount > 0) & ((amount < r.t.least) | (amount % r.t.step != 0))
    again = np.flatnonzero(np.isin(r.part, r.part[broken | r.apart]) & (r.t.most > 0))
    again = again[np.argsort(r.part[again], kind="stable")]
    beyond, proven = 0, True
    for pairs in np.split(again, np.flatnonzero(np.diff(r.part[again])) + 1):
        if len(pairs):
            part = Part.of(r.t, pairs, precedence, factor)
            found = _solved(part)
            amount[pairs], short[pairs] = found.amount, found.short
            beyond += (found.bound - part.worth(found.amount)[0]) * int(r.unit[pairs[0]])
            proven &= found.proven
    amount *= r.unit
    score = sum(a * s for a, s in zip(amount.tolist(), t.score.tolist(), strict=True))
    return Solved(amount, short, score, score + beyond, proven)


def _solved(part: Part) -> Found:
    whole = np.count_nonzero((part.t.step > 1) | (part.t.least > 1) | part.apart)
    nodes = PROGRAM_NODES if whole <= LIMIT else 1
    if part.apart.any():
        return program(part, nodes)
    found = search(part, NODES if whole <= LIMIT else 0)
    if found.proven or whole > AT_A_GLANCE:
        return found
    other = program(part, nodes)
    best = max(found, other, key=lambda f: part.worth(f.amount))
    return Found(best.amount, best.short, min(found.bound, other.bound), other.proven)


@dataclass(frozen=True)
class _Reduced:
    """A problem in the largest units that do: for each pair, the connected part it is in, that
    part's unit, and whether some of the part take another amount of demand than of supply."""

    t: Transport
    part: Ints
    unit: Ints
    apart: Mask


def _reduced(t: Transport) -> _Reduced:
    """The problem in the largest unit that all steps of a part are multiples of.

    What a side has beyond a multiple of all its pairs' steps, it can neither give nor get.
    """
    odd = np.zeros(len(t.most), np.bool_) if t.takes is None else t.takes != t.most
    takes = t.most if t.takes is None else t.takes
    able = ~odd | ((t.most <= t.supply[t.offer]) & (takes <= t.demand[t.ask]))
    most = np.where(odd, np.where(able, t.most, 0), _most(t, t.least, t.step))
    of_offer, of_ask = _parts(t, most > 0)
    part, count = of_offer[t.offer], len(t.supply) + len(t.demand)
    apart = np.isin(part, part[odd & (most > 0)])
    step = np.where(apart, 1, t.step)
    unit = _divisors(part, step, most > 0, count)
    u = unit[part]
    step = np.where(most > 0, t.step // u, 1)
    scaled = replace(
        t,
        supply=t.supply // unit[of_offer],
        demand=t.demand // unit[of_ask],
        least=-(-t.least // (u * step)) * step,
        most=most // u,
        step=step,
    )
    steps = np.where(apart, 1, step)
    by_offer = _divisors(t.offer, steps, most > 0, len(t.supply))
    by_ask = _divisors(t.ask, steps, most > 0, len(t.demand))
    cut = replace(
        scaled,
        supply=scaled.supply // by_offer * by_offer,
        demand=scaled.demand // by_ask * by_ask,
    )
    most = np.where(odd, most, _most(cut, cut.least, cut.step))
    return _Reduced(
        replace(cut, most=most, takes=np.where(odd & (most > 0), takes, most)), part, u, apart
    )


def _most(t: Transport, least: Ints, step: Ints) -> Ints:
    """The most that a pair by itself can get, 0 where that is less than its least."""
    most = np.minimum(t.most, np.minimum(t.supply[t.offer], t.demand[t.ask]))
    most -= most % step
    return np.where(most < least, 0, most)


def _divisors(rows: Ints, steps: Ints, of: Mask, size: int) -> Ints:
    """The greatest common divisor of the steps of each row's pairs; 1 for a row without pairs."""
    found = np.zeros(size, np.int64)
    np.gcd.at(found, rows[of], steps[of])
    return np.maximum(found, 1)


def _parts(t: Transport, able: Mask) -> tuple[Ints, Ints]:
    """For each offer and each ask, the number of the connected part that it is in."""
    offers, nodes = len(t.supply), len(t.supply) + len(t.demand)
    ends = (t.offer[able], t.ask[able] + offers)
    graph = coo_array((np.ones(len(ends[0]), np.int8), ends), shape=(nodes, nodes))
    _, part = connected_components(graph, directed=False)
    found = np.asarray(part, np.int64)
    return found[:offers], found[offers:]
