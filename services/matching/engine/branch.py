"""Leasts and whole steps, by branch and bound over flows: exact whole numbers all the way.

Where the best flow gives a pair an amount that it may not have, the pair gets either the next
allowed amount below or less, or the next above or more; each half is a flow again. What the flow
of a half is worth, no solution in it exceeds, in score, precedence or order: so what is found
last is the best, and the only one.
"""

from heapq import heappop, heappush
from itertools import count

import numpy as np

from services.matching.engine.part import Found, Part, Worth
from services.matching.engine.transport import Flow, Ints


def search(part: Part, nodes: int) -> Found:
    """The best amounts of a part whose pairs take as much demand as supply.

    At most `nodes` flows are looked into; where they don't suffice, the best found, unproven.
    """
    none = np.zeros_like(part.t.most)
    root = part.flow(none, part.t.most)
    best = dive(part, root)
    best_worth = part.worth(best.amount)
    waiting: list[tuple[_Less, int, Ints, Ints, Flow]] = []
    number = count()
    looked_into = 0

    def look(floor: Ints, most: Ints) -> None:
        nonlocal best, best_worth
        room = _tightened(part, floor, most)
        if room is None:
            return
        found = part.flow(floor, room)
        worth = part.worth(found.amount)
        if worth <= best_worth:
            return
        if len(part.broken(found.amount)):
            heappush(waiting, (_Less(worth), next(number), floor, room, found))
        else:
            best, best_worth = found, worth

    look(none, part.t.most)
    while waiting and waiting[0][0].worth > best_worth and looked_into < nodes:
        _, _, floor, most, found = heappop(waiting)
        looked_into += 1
        pair = _to_decide(part, found.amount)
        below, above = _next_allowed(part, pair, int(found.amount[pair]))
        lower, higher = most.copy(), floor.copy()
        lower[pair], higher[pair] = below, above
        if below >= floor[pair]:
            look(floor, lower)
        if above <= most[pair]:
            look(higher, most)
    left = waiting[0][0].worth if waiting else best_worth
    open_ = left > best_worth
    bound = left[0] if open_ else best_worth[0]
    short = np.where(best.amount > 0, best.short, np.maximum(best.short, root.short))
    return Found(best.amount, short, bound, proven=not open_)


class _Less:
    """Orders the halves so that the one worth most is looked into first."""

    __slots__ = ("worth",)

    def __init__(self, worth: Worth) -> None:
        self.worth = worth

    def __lt__(self, other: "_Less") -> bool:
        return self.worth > other.worth


def _tightened(part: Part, floor: Ints, most: Ints) -> Ints | None:
    """The most that is allowed beside all floors; None where the floors alone are too much."""
    t = part.t
    supply, demand = part.left(floor)
    if supply.min() < 0 or demand.min() < 0:
        return None
    room = np.minimum(most, floor + np.minimum(supply[t.offer], demand[t.ask]))
    room -= room % t.step
    return np.where(room < t.least, floor, room)


def _to_decide(part: Part, amount: Ints) -> int:
    """Of the broken pairs, the one that weighs most: deciding it moves the others."""
    broken = part.broken(amount)
    return int(broken[np.argmax(part.t.least[broken] + part.t.step[broken])])


def _next_allowed(part: Part, pair: int, amount: int) -> tuple[int, int]:
    """The allowed amounts next below and above one that is not."""
    step, least = int(part.t.step[pair]), int(part.t.least[pair])
    below = amount // step * step
    above = max(-(-amount // step), -(-least // step)) * step
    return (below if below >= least else 0), above


def dive(part: Part, root: Flow) -> Flow:
    """Allowed amounts, without looking back: what the flow breaks is settled there and then.

    A broken pair is raised to what is next allowed where it has half of it and that fits, and
    otherwise lowered; then the flow is found again, until nothing is broken.
    """
    floor, most, found = np.zeros_like(part.t.most), part.t.most.copy(), root
    while len(broken := part.broken(found.amount)):
        for pair in broken[np.argsort(-found.amount[broken], kind="stable")]:
            below, above = _next_allowed(part, pair, int(found.amount[pair]))
            raise_it = 2 * found.amount[pair] >= below + above and above <= part.t.most[pair]
            for amount in (above, below) if raise_it else (below,):
                settled = floor.copy()
                settled[pair] = amount
                if part.fits(settled):
                    floor = settled
                    break
            # a pair that has its least may still get more; a step that was settled stays
            if floor[pair] != above or part.t.step[pair] > 1:
                most[pair] = max(floor[pair], below)
        found = part.flow(floor, most)
    return found
