"""Transportation problems for tests: small ones of every kind, and arrays from plain tuples."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from services.matching.engine.transport import Ints, Transport
from tests.matching.engine.oracle import Allowed, Line, best, precedence


def ints(values: Any) -> Ints:
    """Whole numbers as the engine keeps them."""
    return np.array(list(values), np.int64)


def transport(
    offers: list[tuple[int, int]],
    asks: list[tuple[int, int]],
    pairs: Sequence[tuple[int, ...]],
) -> Transport:
    """From (amount, place) of each side and (offer, ask, score, least, most, step[, takes])."""
    columns = [ints(p[i] for p in pairs) for i in range(6)]
    offer, ask, score, least, most, step = columns
    takes = ints(p[6] for p in pairs) if pairs and len(pairs[0]) > 6 else None
    return Transport(
        ints(n for n, _ in offers),
        ints(n for n, _ in asks),
        offer,
        ask,
        score,
        ints(place for _, place in offers),
        ints(place for _, place in asks),
        least,
        most,
        step,
        takes,
    )


def expected(t: Transport) -> tuple[int, list[int]]:
    """The best score and amounts, by trying everything."""
    offers = [Line(*x) for x in zip(t.supply.tolist(), t.offer_place.tolist(), strict=True)]
    asks = [Line(*x) for x in zip(t.demand.tolist(), t.ask_place.tolist(), strict=True)]
    before = precedence(offers, asks, t.reach)
    columns = (t.offer, t.ask, t.score, t.least, t.most, t.step)
    rows = zip(*(c.tolist() for c in columns), strict=True)
    takes = [None] * len(t.offer) if t.takes is None else t.takes.tolist()
    pairs = [
        Allowed(o, a, s, before[o, a], least, most, step, taken)
        for (o, a, s, least, most, step), taken in zip(rows, takes, strict=True)
    ]
    # a divisible pair takes what it gives
    pairs = [p if p.least == p.most else p._replace(takes=None) for p in pairs]
    return best(offers, asks, pairs)


@st.composite
def problems(draw: st.DrawFn, *, whole: bool = True, takes: bool = False) -> Transport:
    """Up to three offers and three asks, few scores so that many tie."""
    places = st.permutations(range(9))
    counts = draw(st.tuples(*[st.sampled_from((3, 2, 2, 1))] * 2))
    sides = [
        [
            (draw(st.sampled_from((6, 5, 4, 4, 3, 3, 2, 1, 0))), place)
            for place in draw(places)[:count]
        ]
        for count in counts
    ]
    pairs: list[tuple[int, ...]] = []
    for o in range(counts[0]):
        for a in range(counts[1]):
            if draw(st.sampled_from((True, True, True, False))):
                least, most, step = draw(amounts() if whole else divisible())
                score = draw(st.sampled_from((1, 2, 3, 1000, 1001)))
                taken = draw(st.integers(1, 6)) if takes and least == most == step else most
                pairs.append((o, a, score, least, most, step, *([taken] if takes else [])))
    return transport(sides[0], sides[1], draw(st.permutations(pairs)))


@st.composite
def amounts(draw: st.DrawFn) -> tuple[int, int, int]:
    """(least, most, step): whole, at least a part, in steps, or divisible."""
    most = draw(st.integers(1, 6))
    kind = draw(st.sampled_from(("whole", "least", "steps", "both", "divisible")))
    if kind == "whole":
        return most, most, most
    least = draw(st.integers(1, most)) if kind in ("least", "both") else 0
    return least, most, draw(st.integers(2, 3)) if kind in ("steps", "both") else 1


def divisible() -> st.SearchStrategy[tuple[int, int, int]]:
    """(0, most, 1): every amount up to the most."""
    return st.integers(1, 6).map(lambda most: (0, most, 1))


def permuted(t: Transport, offers: list[int], asks: list[int], pairs: list[int]) -> Transport:
    """The same problem with its offers, asks and pairs in another order."""
    at_offer, at_ask = np.argsort(ints(offers)), np.argsort(ints(asks))
    moved = replace(
        t,
        supply=t.supply[offers],
        demand=t.demand[asks],
        offer_place=t.offer_place[offers],
        ask_place=t.ask_place[asks],
        offer=at_offer[t.offer],
        ask=at_ask[t.ask],
    )
    return moved.of(ints(pairs))
