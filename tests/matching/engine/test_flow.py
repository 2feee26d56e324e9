"""Flows: the greatest score, then the greatest precedence, then pair by pair, and one solution."""

import highspy
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.engine.transport import Flow, NotSolved, Transport, flow
from tests.given import patience
from tests.matching.engine.problems import expected, problems, transport


@patience(2000, 100)
@given(problems(whole=False))
def test_a_flow_is_the_best_of_all_that_there_are(t: Transport) -> None:
    """Score, precedence and what still ties: as trying everything says, pair by pair."""
    assert flow(t).amount.tolist() == expected(t)[1]


LARGE = 2**44


@st.composite
def large(draw: st.DrawFn) -> Transport:
    """Up to six offers and six asks, of anything from one unit to 2^44."""
    sizes = st.one_of(st.integers(1, LARGE), st.integers(1, 100))
    offers = [(draw(sizes), place) for place in range(draw(st.integers(1, 6)))]
    asks = [(draw(sizes), place) for place in range(draw(st.integers(1, 6)))]
    pairs = [
        (o, a, draw(st.integers(1000, 2000)), 0, draw(sizes), 1)
        for o in range(len(offers))
        for a in range(len(asks))
        if draw(st.integers(0, 3))
    ]
    return transport(offers, asks, pairs)


@patience(500, 50)
@given(large())
def test_a_flow_of_large_amounts_is_as_good_as_its_dual(t: Transport) -> None:
    """No flow of up to 2^44 for each pair scores more than HiGHS's linear program does, nor
    less: to one part in 10^9, as far as its floating point goes; and no side is exceeded."""
    amount = flow(t).amount
    score = sum(a * s for a, s in zip(amount.tolist(), t.score.tolist(), strict=True))
    assert score == pytest.approx(_by_highs(t), rel=1e-9)
    assert (amount >= 0).all()
    assert (amount <= t.most).all()
    for rows, sizes in ((t.offer, t.supply), (t.ask, t.demand)):
        for row, size in enumerate(sizes.tolist()):
            assert sum(amount[rows == row].tolist()) <= size


def _by_highs(t: Transport) -> float:
    model = highspy.Highs()  # type: ignore[no-untyped-call]
    model.setOptionValue("output_flag", False)
    count = len(t.most)
    if not count:
        return 0.0
    model.addVars(count, np.zeros(count), t.most / LARGE)
    model.changeColsCost(count, np.arange(count, dtype=np.int32), t.score / 1000)
    model.changeObjectiveSense(highspy.ObjSense.kMaximize)
    for name in ("primal_feasibility_tolerance", "dual_feasibility_tolerance"):
        model.setOptionValue(name, 1e-10)
    for rows, sizes in ((t.offer, t.supply), (t.ask, t.demand)):
        for row, size in enumerate(sizes.tolist()):
            pairs = np.flatnonzero(rows == row).astype(np.int32)
            model.addRow(-highspy.kHighsInf, size / LARGE, len(pairs), pairs, np.ones(len(pairs)))
    model.run()
    return float(model.getInfo().objective_function_value) * LARGE * 1000


def test_what_must_flow_flows_first() -> None:
    """A floor is kept even where another pair scores more; what is left goes to the best."""
    t = transport([(10, 0)], [(10, 0), (10, 1)], [(0, 0, 5, 0, 10, 1), (0, 1, 9, 0, 10, 1)])
    found: Flow = flow(t, floor=np.array([4, 0]))
    assert found.amount.tolist() == [4, 6]


def test_floors_that_exceed_a_side_are_refused() -> None:
    """What can't flow is said, not quietly cut."""
    t = transport([(3, 0)], [(10, 0)], [(0, 0, 5, 0, 10, 1)])
    with pytest.raises(NotSolved, match="exceeds"):
        flow(t, floor=np.array([4]))


def test_who_is_outbid_is_told_by_how_much() -> None:
    """One unit for two asks: the second is short of what the first scores more."""
    t = transport([(1, 0)], [(1, 0), (1, 1)], [(0, 0, 9, 0, 1, 1), (0, 1, 5, 0, 1, 1)])
    assert flow(t).short.tolist() == [0, 4]
