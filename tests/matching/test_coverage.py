"""How much of a need is covered: an amount is in one place at a time."""

import pytest

from services.matching import matches
from services.matching.coverage import Coverage, evolve_coverage
from shared.events.matches import NeedCovered
from shared.events.registry import Event
from tests.given import funding, given, goods, money
from tests.matching.samples import (
    IRPIN,
    NEED,
    a_match,
    a_need,
    after,
    agreed,
    agreed_event,
    deliver,
    pledge_made,
    proposed,
    rates_set,
)

TRUCKS = goods(1, "truck", 3).amount


def covered_line(*events: Event) -> tuple[int, int, int]:
    """(proposed, agreed, delivered) of the need's first line."""
    line = given(evolve_coverage, *events).line(1)
    return line.proposed, line.agreed, line.delivered


def test_coverage_follows_a_match_from_proposal_to_delivery() -> None:
    """An amount is in one place at a time, in the need's smallest units."""
    match = a_match(money("300000.00"))
    proposal = proposed(money("300000.00"))
    both = agreed(match)
    part = deliver(both, money("100000.00"))
    rest = deliver(after(both, part))
    assert covered_line(proposal) == (30_000_000, 0, 0)
    assert covered_line(proposal, agreed_event(match)) == (0, 30_000_000, 0)
    assert covered_line(proposal, agreed_event(match), part) == (0, 20_000_000, 10_000_000)
    assert covered_line(proposal, agreed_event(match), part, rest) == (0, 0, 30_000_000)


def test_coverage_reopens_when_a_match_ends_without_a_delivery() -> None:
    """Declined or released, as a proposal or agreed: nothing stays taken."""
    match, proposal = a_match(), proposed()
    end = matches.release(agreed(match), "need-withdrawn", "built elsewhere")
    assert covered_line(proposal, matches.decline(match, IRPIN, "no")) == (0, 0, 0)
    assert covered_line(proposal, matches.release(match, "need-amended", "less")) == (0, 0, 0)
    assert covered_line(proposal, agreed_event(match), end) == (0, 0, 0)


def test_coverage_of_other_lines_is_untouched() -> None:
    """Each line is counted by itself; one without matches has nothing taken."""
    coverage = given(
        evolve_coverage, proposed(), proposed(TRUCKS, number=2, need_line=2, pledge_line=2)
    )
    assert (coverage.line(1).taken, coverage.line(2).taken) == (50_000_000, 3)
    assert coverage.line(3).taken == 0


def test_coverage_never_goes_below_nothing() -> None:
    """What was not proposed cannot be agreed, declined or delivered."""
    match = agreed(a_match())
    for event in (agreed_event(match), matches.decline(a_match(), IRPIN, "no"), deliver(match)):
        with pytest.raises(ArithmeticError):
            evolve_coverage(None, event)


def test_need_is_covered_when_every_line_is_agreed_or_delivered_in_full() -> None:
    """A proposal does not cover, one line does not; a delivery keeps it covered."""
    need = a_need(funding(1, "500000.00"), goods(2, "truck", 3))
    trucks = a_match(TRUCKS, number=2, need_line=2, pledge_line=2)
    history: list[Event] = [
        proposed(),
        proposed(TRUCKS, number=2, need_line=2, pledge_line=2),
        agreed_event(a_match()),
        agreed_event(trucks),
        deliver(agreed(trucks)),
    ]
    coverage = Coverage(id=NEED)
    complete = []
    for event in history:
        coverage = evolve_coverage(coverage, event)
        complete.append(coverage.complete(need))
    assert complete == [False, False, False, True, True]
    assert not coverage.complete(a_need(funding(1, "500000.01"), goods(2, "truck", 3)))


def test_saying_that_a_need_is_covered_changes_no_amount_of_it() -> None:
    """It says what the lines show, and nobody says it of a need that nothing covers."""
    covered = NeedCovered(need_id=NEED, authority_id=IRPIN)
    coverage = given(evolve_coverage, proposed(), agreed_event(a_match()))
    assert evolve_coverage(coverage, covered) == coverage
    with pytest.raises(TypeError):
        evolve_coverage(None, covered)


@pytest.mark.parametrize(
    "event",
    [matches.accept(a_match(), IRPIN)[0], pledge_made(funding(1, "1.00")), rates_set(UAH="40")],
    ids=lambda e: str(e.type),
)
def test_coverage_is_folded_from_what_covers_only(event: Event) -> None:
    """One side's yes covers nothing, and neither does a pledge or a rate."""
    for before in (None, given(evolve_coverage, proposed())):
        with pytest.raises(TypeError):
            evolve_coverage(before, event)
