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
def test_a_flow_of_large_amounts_scores_what_a_linear_program_does(t: Transport) -> None:
    """With amounts up to 2^44 no side is exceeded, and the score is HiGHS's, as far as floating
    point goes: `flow` itself raises where its prices don't prove it to the unit."""
    amount = flow(t).amount
    score = sum(a * s for a, s in zip(amount.tolist(), t.score.tolist(), strict=True))
    assert score == pytest.approx(_by_highs(t), rel=1e-9, abs=1e-6 * int(t.most.max(initial=1)))
    assert (amount >= 0).all()
    assert (amount <= t.most).all()
    for rows, sizes in ((t.offer, t.supply), (t.ask, t.demand)):
        for row, size in enumerate(sizes.tolist()):
            assert sum(amount[rows == row].tolist()) <= size


def _by_highs(t: Transport) -> float:
    count, unit = len(t.most), float(t.most.max(initial=1))
    model = highspy.Highs()  # type: ignore[no-untyped-call]
    model.setOptionValue("output_flag", False)
    model.setOptionValue("threads", 1)
    for name in ("primal_feasibility_tolerance", "dual_feasibility_tolerance"):
        model.setOptionValue(name, 1e-10)
    model.addVars(count, np.zeros(count), t.most / unit)
    model.changeColsCost(count, np.arange(count, dtype=np.int32), t.score / 1.0)
    model.changeObjectiveSense(highspy.ObjSense.kMaximize)
    for rows, sizes in ((t.offer, t.supply), (t.ask, t.demand)):
        for row, size in enumerate(sizes.tolist()):
            pairs = np.flatnonzero(rows == row).astype(np.int32)
            model.addRow(-highspy.kHighsInf, size / unit, len(pairs), pairs, np.ones(len(pairs)))
    model.run()
    return float(model.getInfo().objective_function_value) * unit


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


def test_sixty_thousand_lines_at_once() -> None:
    """Costs are as large as the solver's 63 bits allow for the graph's size, and no larger."""
    row = np.arange(30_000)
    one = np.ones(30_000, np.int64)
    t = Transport(one, one, row, row, one * 1999, row, row, one * 0, one, one)
    assert flow(t).amount.sum() == 30_000
