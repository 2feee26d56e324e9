"""Logs of matching that are wrong on purpose: the books say where, and by which law."""

import json
from typing import Any

import pytest

from cli.asked import Asked
from cli.laws import Books, kept
from services.matching import matches
from services.matching.matches import Match
from shared.events import Envelope, Event
from shared.events.canonical import canonical
from shared.events.ids import MatchId, RoundId
from shared.events.matches import MatchAgreed, MatchProposed, MatchReleased
from shared.events.pledges import LineAmount, PledgeWithdrawn
from shared.events.projects import NeedAmended, NeedPosted, NeedWithdrawn
from shared.events.rounds import LostLine, MatchingRoundCompleted, PledgePassedOver, RoundDecision
from shared.events.seen import Seen, SeenPartition
from shared.kafka import partition_of
from tests.given import IRPIN_CHAIN, PARTITIONS, funding, money, numbered
from tests.matching.samples import CASCAIS, IRPIN, NEED, PLEDGE, a_match, pledge_made, proposed

OF_NEED = partition_of(NEED.encode(), PARTITIONS)
ROUND = numbered(RoundId, 1)


def a_log(owner: str, *events: Event) -> list[Envelope]:
    """These events as a service's log."""
    return [
        Envelope(
            id=f"00000000-0000-7000-8000-{position:012}",
            source=f"/{owner}",
            type=event.ce_type(),
            subject=event.subject,
            subject_version=1,
            time="2023-09-01T09:00:00.000000Z",
            actor="service:test",
            correlation_id="one test",
            data=canonical(json.loads(event.data())),
            sequence=position,
        )
        for position, event in enumerate(events)
    ]


def a_round(number: int = 1, through: int = -1, own: int = 0, most: int = 9) -> Event:
    """A round that had seen the need's events up to a position of projects' log."""
    seen = SeenPartition(owner="projects", partition=OF_NEED, position=max(through, 0))
    return MatchingRoundCompleted(
        round_id=numbered(RoundId, number),
        decision=RoundDecision(
            rule="optimal.v1",
            seen=Seen(own_through=own, foreign=(seen,) if through >= 0 else ()),
            day="2023-09-01",
            pledge_lines=1,
            requirement_lines=1,
            pairs=1,
            matches=most,
            problem_hash="0" * 64,
            solution_hash="0" * 64,
            milliseconds=1,
        ),
    )


def posted(amount: str = "100.00") -> NeedPosted:
    """Irpin asks for money."""
    return NeedPosted(
        need_id=NEED,
        authority_id=IRPIN,
        territory=IRPIN_CHAIN,
        sector="education",
        project_type="rehabilitation",
        title={"en": "Kindergarten"},
        lines=(funding(1, amount),),
        urgency="normal",
    )


def amended(amount: str) -> NeedAmended:
    """It asks for another sum."""
    lines = (funding(1, amount),)
    return NeedAmended(need_id=NEED, authority_id=IRPIN, reason="plans changed", lines=lines)


MADE = pledge_made(funding(1, "100.00"))
PROPOSED = proposed(money("60.00"))
MATCH = a_match(money("60.00"))


def of(match: Match, **more: Any) -> dict[str, Any]:
    """What an event of a match says."""
    return match.of() | more


def yes(match: Match, *sides: Any) -> list[Event]:
    """The events of acceptances."""
    found: list[Event] = []
    for by in sides or (CASCAIS, IRPIN):
        events = matches.accept(match, by)
        found += events
        for event in events:
            match = matches.evolve_match(match, event)
    return found


def displaced(by: MatchId | None) -> MatchReleased:
    """The match gives way."""
    return matches.release(MATCH, "displaced", "a higher tier", by)


def judged(*events: Event, asked: Asked | None = None) -> Books:
    """The books of a pledge of EUR 100 and what follows, after the first round."""
    return kept(a_log("matching", MADE, a_round(), *events), asked)


RELEASED = matches.release(MATCH, "need-amended", "plans changed")
ARRIVED = matches.deliver(
    a_match(money("60.00")).model_copy(update={"status": "agreed"}),
    IRPIN,
    None,
    "2023-09-01",
    "all",
)


def test_a_history_that_is_right_has_no_faults() -> None:
    """Proposed, released, proposed again, agreed, delivered; the rest is withdrawn."""
    again = proposed(money("60.00"), number=2)
    second = a_match(money("60.00"), number=2)
    arrived = matches.deliver(
        second.model_copy(update={"status": "agreed"}), IRPIN, None, "2023-09-01", "all"
    )
    rest = (LineAmount(line=1, amount=money("40.00")),)
    gone = PledgeWithdrawn(pledge_id=PLEDGE, partner_id=CASCAIS, withdrawn=rest, reason="none")
    books = judged(PROPOSED, RELEASED, again, *yes(second), arrived, gone)
    assert books.faults == []
    assert books.ends() == {"released": 1, "delivered": 1}
    assert books.covered[NEED, 1] == 6000


WRONG: dict[str, tuple[list[Event], str]] = {
    "more is reserved than was pledged": (
        [PROPOSED, proposed(money("60.00"), number=2, need_line=2)],
        "'available': -2000",
    ),
    "two live matches of the same lines": (
        [PROPOSED, proposed(money("20.00"), number=2)],
        "a second live match",
    ),
    "agreed when one side had accepted": (
        [PROPOSED, *yes(MATCH, CASCAIS), MatchAgreed.model_validate(MATCH.of())],
        "only {'partner'} accepted",
    ),
    "accepted after it was released": (
        [PROPOSED, RELEASED, *yes(MATCH, CASCAIS)],
        "after the match was released",
    ),
    "released twice": ([PROPOSED, RELEASED, RELEASED], "after the match was released"),
    "delivered and not agreed": ([PROPOSED, ARRIVED], "the match was proposed, not agreed"),
    "accepted before it was proposed": (yes(MATCH, CASCAIS), "before its match was proposed"),
    "another amount than was proposed": (
        [PROPOSED, matches.release(a_match(money("50.00")), "need-amended", "plans changed")],
        "another pair or amount",
    ),
    "proposed by a round that nobody recorded": (
        [proposed(money("60.00"), round_id=numbered(RoundId, 2))],
        "is not completed before it",
    ),
    "displaced though a side had accepted": (
        [
            PROPOSED,
            *yes(MATCH, CASCAIS),
            displaced(numbered(MatchId, 2)),
            proposed(money("60.00"), number=2),
        ],
        "displaced, and {'partner'} accepted",
    ),
    "displaced for a match that never came": (
        [PROPOSED, displaced(numbered(MatchId, 2))],
        "displaced others and was never proposed",
    ),
    "displaced for a match of other lines": (
        [
            pledge_made(funding(1, "100.00"), number=2),
            PROPOSED,
            displaced(numbered(MatchId, 2)),
            proposed(money("9.00"), number=2, pledge_id=numbered(type(PLEDGE), 2), need_line=2),
        ],
        "it displaced a stranger",
    ),
    "an agreed match is released for an amended need": (
        [PROPOSED, *yes(MATCH), RELEASED.model_copy(update={"was": "agreed"})],
        "agreed, and need-amended",
    ),
    "a pledge is closed with something still open": (
        [PledgeWithdrawn(pledge_id=PLEDGE, partner_id=CASCAIS, withdrawn=(), reason="none")],
        "is open in a closed pledge",
    ),
    "passed over in a round that gave it something": (
        [
            PROPOSED,
            PledgePassedOver(
                pledge_id=PLEDGE,
                partner_id=CASCAIS,
                round_id=ROUND,
                lines=(LostLine(pledge_line=1, need_id=NEED, need_line=1, reason="later"),),
            ),
        ],
        "the round gave something to line 1",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_found(case: str) -> None:
    """Each history breaks one law, and the books name it."""
    events, law = WRONG[case]
    faults = judged(*events).faults
    assert len(faults) == 1, faults
    assert law in faults[0]


def test_an_indivisible_line_is_reserved_whole() -> None:
    """A part of it is a fault, and so is less than a line's minimum."""
    whole = pledge_made(funding(1, "100.00"))
    for terms, law in (
        ({"indivisible": True}, "part of an indivisible line"),
        ({"minimum": money("70.00")}, "less than the line's minimum"),
    ):
        lines = tuple(n.model_copy(update=terms) for n in whole.lines)
        made = whole.model_copy(update={"lines": lines})
        [fault] = kept(a_log("matching", made, a_round(), PROPOSED)).faults
        assert law in fault


def test_a_round_covers_what_was_asked_as_it_had_seen_it() -> None:
    """EUR 60 of EUR 50 is a fault, unless the round could not know that the need had shrunk; and
    then matching releases it, or it is a fault at rest."""
    projects = a_log("projects", posted("100.00"), amended("50.00"))

    def with_(seen_through: int, *more: Event) -> list[str]:
        log = a_log("matching", MADE, a_round(through=seen_through), PROPOSED, *more)
        return kept(log, Asked(projects, log, PARTITIONS)).faults

    assert "6000 is taken of 5000" in with_(1, RELEASED)[0]
    assert with_(0, RELEASED) == []
    [left] = with_(0)
    assert "at rest" in left


def test_by_hand_may_cover_what_some_round_around_it_had_seen() -> None:
    """Between two rounds that had seen an amendment and not, either may have been known."""
    projects = a_log("projects", posted("50.00"), amended("60.00"))
    by_hand: MatchProposed = PROPOSED.model_copy(update={"round_id": None})
    for before, after, right in ((0, 0, False), (0, 1, True), (1, 1, True)):
        log = a_log(
            "matching", MADE, a_round(1, before), by_hand, a_round(2, after, own=2), RELEASED
        )
        faults = kept(log, Asked(projects, log, PARTITIONS)).faults
        assert (faults == []) == right, (before, after, faults)


def test_nothing_is_live_of_a_need_that_was_given_up() -> None:
    """At rest the proposals of a withdrawn need are released."""
    gone = NeedWithdrawn(need_id=NEED, authority_id=IRPIN, reason="built elsewhere")
    projects = a_log("projects", posted(), gone)
    log = a_log("matching", MADE, a_round(through=0), PROPOSED)
    [fault] = kept(log, Asked(projects, log, PARTITIONS)).faults
    assert "its need was given up" in fault


def test_what_began_to_arrive_of_a_need_given_up_stays_as_agreed() -> None:
    """Shrunk, and withdrawn, in the moment of the agreement: it is not raised again, and what has
    begun to arrive stays. More than was ever asked is a fault there, too."""
    gone = NeedWithdrawn(need_id=NEED, authority_id=IRPIN, reason="built elsewhere")
    agreed = a_match(money("60.00")).model_copy(update={"status": "agreed"})
    part = matches.deliver(agreed, IRPIN, money("20.00"), "2023-09-01", "a third")

    def with_(*projects: Event) -> list[str]:
        log = a_log("matching", MADE, a_round(through=0), PROPOSED, *yes(MATCH), part)
        return kept(log, Asked(a_log("projects", *projects), log, PARTITIONS)).faults

    assert with_(posted("100.00"), amended("50.00"), gone) == []
    assert "6000 of 5000 asked" in with_(posted("100.00"), amended("50.00"))[-1]
    assert "6000 of 5500 asked" in with_(posted("55.00"), amended("50.00"), gone)[-1]
