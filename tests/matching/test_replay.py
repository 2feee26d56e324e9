"""State is the fold of the logs: a store can be dropped, and is the same again."""

from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import given as for_any
from hypothesis import strategies as st

from services.matching import by_hand, commands, handlers, lapsing, rounds
from services.matching.commands import AmendPledge, Because, Deliver, MakePledge
from services.matching.store import RECORDS
from shared.events.envelope import Envelope
from shared.events.ids import PartnershipId, RoundId
from shared.events.members import (
    MemberReinstated,
    MemberSuspended,
    PartnershipConfirmed,
    PartnershipDeclared,
)
from shared.events.pledges import Earmark
from shared.events.rounds import LostLine, PledgePassedOver
from shared.log import LOCK
from shared.replay import Documents, LogBroken, as_of, in_order, replay, state_hash
from shared.seen import positions
from tests.given import PARTITIONS, an_id, funding, goods, money, numbered, offered, patience
from tests.matching.samples import CASCAIS, IRPIN, LITHUANIA
from tests.matching.story import Story
from tests.matching.test_commands import amended, the_rates, withdrawn


@cache
def story() -> Story:
    """Pledges, needs, rounds, yes and no, deliveries in parts, amendments and withdrawals."""
    told = Story()
    twinning = PartnershipDeclared(
        partnership_id=an_id(PartnershipId, "twinned"),
        ukrainian_id=IRPIN,
        partner_id=CASCAIS,
        declared_by=IRPIN,
        statement="twinned",
    )
    told.hears(twinning)
    told.hears(
        PartnershipConfirmed.model_validate(
            twinning.model_dump(exclude={"declared_by", "statement"}) | {"confirmed_by": CASCAIS}
        )
    )
    told.do(commands.set_rates, the_rates(), roles=["operator"])
    first = told.irpin_asks(funding(1, "300.00"), goods(2, "truck", 3))
    second = told.irpin_asks(funding(1, "5000.00", "UAH"), number=2)
    pledge = told.pledges(CASCAIS, funding(1, "200.00"), goods(2, "truck", 2))
    other = told.pledges(LITHUANIA, funding(1, "8000.00", "UAH"), goods(2, "truck", 4))
    cash, lorries, lent, rest, hryvnias = told.round()
    told.agree(cash)
    told.agree(lorries)
    told.hears(MemberSuspended(member_id=CASCAIS, reason="no answers"))
    told.hears(MemberReinstated(member_id=CASCAIS, reason="it answered"))
    for amount in (money("33.33"), None):
        part = Deliver(amount=amount, date="2023-08-31", scope="windows")
        told.do(commands.deliver, cash.id, part, by=IRPIN)
    told.do(commands.decline_match, hryvnias.id, Because(reason="no"), by=IRPIN)
    meant = MakePledge(
        title={"en": "For Irpin"},
        lines=offered(funding(1, "100.00")),
        earmark=Earmark(need_id=first),
    )
    told.do(commands.make_pledge, meant, by=CASCAIS)
    told.do(rounds.ask_for_round, rounds.AskForRound(reason="it is urgent"), roles=["operator"])
    (instead,) = told.round()
    assert told.match(lent).status == "released"
    assert (instead.partner_id, instead.covers) == (CASCAIS, lent.covers)
    told.hear(handlers.on_need_amended, amended(first, funding(1, "250.00"), goods(2, "truck", 2)))
    more = AmendPledge(lines=offered(funding(1, "900.00"), goods(2, "truck", 2)), reason="more")
    told.do(commands.amend_pledge, pledge.id, more, by=CASCAIS)
    told.do(commands.withdraw_pledge, other.id, Because(reason="budget"), by=LITHUANIA)
    told.hear(handlers.on_need_closed, withdrawn(second))
    told.hear(handlers.on_need_amended, amended(first, funding(1, "200.00"), goods(2, "truck", 2)))
    short = MakePledge(
        title={"en": "Until tonight"}, lines=offered(funding(1, "10.00")), valid_until="2023-09-01"
    )
    told.do(commands.make_pledge, short, by=LITHUANIA)
    told.now += timedelta(days=1)
    told.do(commands.expire_pledges)
    late = told.irpin_asks(funding(1, "10.00"), number=3)
    last = told.pledges(CASCAIS, funding(1, "10.00"))
    command = by_hand.ProposeMatch(
        pledge_id=last.id, pledge_line=1, need_id=late, need_line=1, reason="the mayors met"
    )
    told.do(by_hand.propose_match, command, 14, by=CASCAIS)
    for _ in range(2):
        told.now += timedelta(days=12)
        told.do(lapsing.look, 3)
    lost = LostLine(pledge_line=1, need_id=late, need_line=1, reason="lower-score", margin=1)
    told.fold(
        PledgePassedOver(
            pledge_id=last.id, partner_id=CASCAIS, round_id=numbered(RoundId, 1), lines=(lost,)
        )
    )
    assert told.match(rest).status == "released"
    return told


def rebuilt(logs: dict[str, list[Envelope]]) -> dict[str, Documents]:
    """Matching's collections, from logs as they were read."""
    return replay(RECORDS, {owner: in_order(owner, log) for owner, log in logs.items()})


def hashes(collections: dict[str, Documents]) -> dict[str, str]:
    """Each collection's hash."""
    return {name: state_hash(found.values()) for name, found in collections.items()}


def test_story_has_every_event_of_matching() -> None:
    """So that a replay of it folds every kind."""
    told = set(story().names())
    own = {
        event.type
        for c in RECORDS.collections
        for event in c.keys
        if event.owner == RECORDS.service
    }
    assert told == own


def test_replay_gives_every_document_as_it_was() -> None:
    """State, revision, version of the subject and last event, in every collection."""
    again = rebuilt(story().logs)
    assert again == story().documents()
    assert all(again.values())
    assert hashes(again) == hashes(story().documents())


def test_replay_as_of_a_moment_gives_every_document_as_it_was_then() -> None:
    """What happened since, in any of the logs, changes nothing of it."""
    told = Story()
    told.irpin_asks(funding(1, "300.00"))
    told.pledges(CASCAIS, funding(1, "200.00"))
    told.round()
    seen, then = told.do(positions), told.documents()
    told.irpin_asks(funding(1, "70.00"), number=2)
    told.pledges(LITHUANIA, funding(1, "800.00"))
    told.hears(MemberSuspended(member_id=CASCAIS, reason="no answers"))
    told.round()
    sublogs = as_of(told.logs, seen, "matching", dict.fromkeys(told.logs, PARTITIONS))
    assert replay(RECORDS, sublogs) == then != told.documents()


def test_replay_needs_no_order_between_logs() -> None:
    """Each collection is folded from one log, so whose is read first does not matter."""
    backwards = dict(reversed(story().logs.items()))
    assert list(backwards) != list(story().logs)
    assert rebuilt(backwards) == story().documents()


@patience(40, 10)
@for_any(st.randoms(use_true_random=False), st.integers(0, 30))
def test_log_read_twice_and_in_any_order_is_the_same_log(order: Any, again: int) -> None:
    """Duplicates and shuffles of what was read change nothing."""
    logs = {}
    for owner, log in story().logs.items():
        read = [*log, *(log[(again * 7 + n) % len(log)] for n in range(again))]
        order.shuffle(read)
        logs[owner] = read
    assert rebuilt(logs) == story().documents()


def test_log_with_a_gap_is_broken_wherever_the_gap_is() -> None:
    """The first, any in the middle: only the end may be missing, for it may not have come yet."""
    log = story().logs["matching"]
    for missing in range(len(log) - 1):
        with pytest.raises(LogBroken, match=f"no event at position {missing}"):
            in_order("matching", [*log[:missing], *log[missing + 1 :]])
    assert in_order("matching", log[:-1]) == log[:-1]
    assert in_order("matching", []) == []


def test_log_with_two_events_at_one_position_is_broken() -> None:
    """Another event, or the same with one byte changed: which is true cannot be told."""
    log = story().logs["matching"]
    moved = log[5].at(4)
    edited = replace(log[4], actor="operator:somebody else")
    for other in (moved, edited):
        for read in ([*log, other], [other, *log]):
            with pytest.raises(LogBroken, match="two events at position 4"):
                in_order("matching", read)


def test_event_of_a_type_that_is_not_known_is_skipped() -> None:
    """A later version's event changes nothing of an older reader's state."""
    logs = story().logs
    unknown = replace(
        logs["matching"][-1], type="alliance.pledge-doubled.v1", sequence=len(logs["matching"])
    )
    assert rebuilt({**logs, "matching": [*logs["matching"], unknown]}) == story().documents()


def test_hash_tells_two_states_apart_and_not_their_order_or_locks() -> None:
    """Documents in any order and a lock's counter are the same state; one cent is not."""
    matches = list(story().documents()["matches"].values())
    assert len(matches) > 1
    assert state_hash(matches) == state_hash(matches[::-1])
    assert state_hash(matches) == state_hash([m | {LOCK: 3} for m in matches])
    assert state_hash(matches) != state_hash(matches[1:])
    changed = [matches[0] | {"delivered": matches[0]["delivered"] + 1}, *matches[1:]]
    assert state_hash(matches) != state_hash(changed)
