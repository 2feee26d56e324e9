"""Whole lines, leasts and steps: solved as trying everything says, whatever the order of rows."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.engine import solve as engine
from services.matching.engine.part import Part
from services.matching.engine.program import program
from services.matching.engine.solve import solve
from services.matching.engine.transport import Transport
from tests.given import patience
from tests.matching.engine.problems import amounts, expected, ints, permuted, problems, transport


@patience(2000, 100)
@given(problems())
def test_what_is_solved_is_the_best_of_all_that_there_is(t: Transport) -> None:
    """Score, precedence and what still ties, pair by pair, and it is said to be proven."""
    found = solve(t)
    assert (found.score, found.amount.tolist()) == expected(t)
    assert (found.bound, found.proven) == (found.score, True)


@patience(1000, 50)
@given(problems(takes=True))
def test_pairs_that_take_another_amount_of_demand(t: Transport) -> None:
    """Whole pairs that take more or less of the demand than they give, beside those that don't."""
    found = solve(t)
    assert (found.score, found.amount.tolist()) == expected(t)
    assert (found.bound, found.proven) == (found.score, True)


@patience(500, 50)
@given(problems())
def test_a_program_alone_finds_the_same(t: Transport) -> None:
    """What branch and bound can't finish goes to a program: on its own it comes to the same."""
    pairs = np.flatnonzero((t.most >= t.least) & (np.minimum(t.most, 6) >= t.step))
    if not len(pairs):
        return
    factor = t.reach * (len(t.supply) + len(t.demand) + 2)
    capped = replace(t, most=t.most - t.most % t.step)
    kept = pairs[(capped.most >= capped.least)[pairs]]
    if not len(kept):
        return
    found = program(Part.of(capped, kept, t.precedence, factor), engine.PROGRAM_NODES)
    assert found.proven
    assert found.amount.tolist() == ints(expected(t)[1])[kept].tolist()


@patience(300, 30)
@given(problems(takes=True), st.data())
def test_the_order_of_rows_changes_nothing(t: Transport, data: st.DataObject) -> None:
    """Offers, asks and pairs in another order, with their places: the same amounts and shorts."""
    orders = [
        data.draw(st.permutations(range(count)))
        for count in (len(t.supply), len(t.demand), len(t.offer))
    ]
    found, moved = solve(t), solve(permuted(t, *orders))
    assert moved.amount.tolist() == found.amount[orders[2]].tolist()
    assert moved.short.tolist() == found.short[orders[2]].tolist()
    assert (moved.score, moved.bound, moved.proven) == (found.score, found.bound, found.proven)


@st.composite
def wide(draw: st.DrawFn) -> Transport:
    """Up to eight offers and eight asks, in money: more than can be tried, and more than a
    float can tell apart."""
    count = draw(st.integers(2, 8)), draw(st.integers(2, 8))
    unit = draw(st.sampled_from((1, 997, 10_000_019)))
    sides = [[(draw(st.integers(0, 20)) * unit + draw(st.integers(0, 3)), p) for p in range(n)]
             for n in count]  # fmt: skip
    pairs = []
    for o in range(count[0]):
        for a in range(count[1]):
            if draw(st.booleans()):
                least, most, step = draw(amounts())
                size = (least * unit, most * unit, step * unit if step > 1 else 1)
                pairs.append((o, a, draw(st.integers(1000, 1100)), *size))
    return transport(sides[0], sides[1], pairs)


def _keeps(t: Transport, amount: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> bool:
    """Every amount is allowed, and no side is exceeded."""
    for a, least, most, step in zip(
        *(x.tolist() for x in (amount, t.least, t.most, t.step)), strict=True
    ):
        if a and not (least <= a <= most and a % step == 0):
            return False
    sides = ((t.offer, t.supply), (t.ask, t.demand))
    return all(
        sum(amount[rows == row].tolist()) <= size
        for rows, sizes in sides
        for row, size in enumerate(sizes.tolist())
    )


@patience(300, 20)
@given(wide(), st.sampled_from((-1, 100)))
def test_a_hurried_solution_is_allowed_and_its_bound_holds(t: Transport, glance: int) -> None:
    """Above the limits a program is looked at once, or the flow is only repaired: still no side is
    exceeded, the best scores no more than the bound, and what is called proven is the best."""
    found = solve(t)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "LIMIT", -1)
        patch.setattr(engine, "AT_A_GLANCE", glance)
        hurried = solve(t)
    assert _keeps(t, found.amount)
    assert _keeps(t, hurried.amount)
    assert hurried.score <= found.score <= hurried.bound
    assert found.score <= found.bound <= hurried.bound
    if hurried.proven:
        assert hurried.amount.tolist() == found.amount.tolist()


def test_tonnes_are_counted_as_tonnes() -> None:
    """Where all goes in steps of 1,000 kg, a flow of tonnes is enough, and what is less than one
    tonne stays."""
    t = transport(
        [(2_500, 0), (4_999, 1)],
        [(3_700, 0), (9_000, 1)],
        [(o, a, 10 + a, 0, 9_000, 1_000) for o in (0, 1) for a in (0, 1)],
    )
    assert solve(t).amount.tolist() == [0, 2_000, 0, 4_000]


def test_one_whole_line_or_two_small_ones() -> None:
    """A whole line that fits only alone gives way to two that together score more."""
    t = transport(
        [(7, 0), (5, 1), (4, 2)],
        [(9, 0)],
        [(0, 0, 10, 7, 7, 7), (1, 0, 10, 5, 5, 5), (2, 0, 10, 4, 4, 4)],
    )
    assert solve(t).amount.tolist() == [0, 5, 4]
