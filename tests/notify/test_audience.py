"""Who is told what."""

from typing import Any

import pytest

from services.notify import audience, model, vault
from services.notify.audience import AUDIENCE, RECEIPTS
from services.notify.handlers import on
from services.notify.model import (
    Match,
    Need,
    Notice,
    Partnership,
    Pledge,
    Recipient,
)
from shared.errors import InvalidInput
from shared.events.ids import ContactRef, MatchId, MemberId, NoticeId
from shared.events.members import MemberAdmitted, PartnershipDeclared
from shared.events.notify import NoticeFailed, NoticeQueued
from shared.events.pledges import PledgeWithdrawn
from shared.events.projects import NeedWithdrawn
from shared.events.registry import Event
from tests.notify.samples import (
    ASSOCIATION,
    CASCAIS,
    EVENTS,
    IRPIN,
    MATCH,
    MONITOR,
    NEED,
    OF_PARTNERSHIP,
    PLEDGE,
    SILENT,
    an_id,
    declined,
    need_posted,
    pledge_made,
)

DONORS = (CASCAIS, SILENT)
EXPECTED = {
    "member-applied": {CASCAIS, ASSOCIATION},
    "need-amended": {IRPIN},
    "member-admitted": {CASCAIS, ASSOCIATION},
    "member-rejected": {CASCAIS},
    "member-suspended": {CASCAIS, ASSOCIATION},
    "member-reinstated": {CASCAIS, ASSOCIATION},
    "member-left": {CASCAIS, ASSOCIATION},
    "partnership-declared": {IRPIN, CASCAIS},
    "partnership-confirmed": {IRPIN, CASCAIS},
    "partnership-ended": {IRPIN, CASCAIS},
    "need-posted": {IRPIN},
    "pledge-made": {CASCAIS},
    "pledge-expired": {CASCAIS},
    "match-proposed": {IRPIN, CASCAIS},
    "match-agreed": {IRPIN, CASCAIS},
    "match-declined": {CASCAIS},
    "match-lapses-soon": {IRPIN},
    "match-lapsed": {IRPIN, CASCAIS},
    "match-released": {IRPIN, CASCAIS},
    "match-flagged": {IRPIN, CASCAIS},
    "match-unflagged": {IRPIN, CASCAIS},
    "contribution-delivered": {IRPIN, CASCAIS},
    "need-covered": {IRPIN},
    "project-started": {IRPIN, CASCAIS, SILENT},
    "project-suspended": {IRPIN, CASCAIS, SILENT},
    "project-resumed": {IRPIN, CASCAIS, SILENT},
    "project-cancelled": {IRPIN, CASCAIS, SILENT},
    "milestone-recorded": {IRPIN, CASCAIS, SILENT},
    "project-completed": {IRPIN, CASCAIS, SILENT},
    "completion-verified": {IRPIN, CASCAIS, SILENT, MONITOR},
    "pledge-passed-over": {CASCAIS},
    "webhook-disabled": {IRPIN},
}


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_each_event_is_told_to_its_parties(event: Event) -> None:
    """Everyone whom it concerns is told, each once, and nobody else."""
    told = audience.told(event, DONORS)
    assert {t.recipient_id for t in told} == EXPECTED[event.type]
    assert len(told) == len(EXPECTED[event.type])


def test_each_event_that_is_told_of_has_a_handler() -> None:
    """The table and the handlers name the same events, and the samples hold them all; what notify
    itself recorded is told where it is recorded."""
    others = {event for event in AUDIENCE if event.owner != "notify"}
    assert {event for event in on.events() if event in AUDIENCE} == others
    assert {type(event) for event in EVENTS} == set(AUDIENCE)


def test_a_partner_that_declined_is_not_told_and_the_authority_is() -> None:
    """Whoever says no knows it."""
    event = declined().model_copy(update={"side": "partner", "declined_by": CASCAIS})
    assert [t.recipient_id for t in audience.told(event)] == [IRPIN]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_who_acted_gets_receipts_only(event: Event) -> None:
    """Whoever of the told acted is told by a receipt or not at all; the others as ever."""
    told = audience.told(event, DONORS)
    for actor in {t.recipient_id for t in told}:
        left = audience.told(event, DONORS, f"member:{actor}")
        assert [t for t in told if t.recipient_id != actor] == [
            t for t in left if t.recipient_id != actor
        ]
        assert all(t.message in RECEIPTS for t in left if t.recipient_id == actor)
    assert audience.told(event, DONORS, "operator:office") == told


def test_acts_that_bind_give_receipts_and_others_do_not() -> None:
    """Accepting that makes agreed, confirming a delivery, pledging and asking; not a milestone."""
    expected = {
        "match-agreed": (IRPIN, True),
        "contribution-delivered": (IRPIN, True),
        "pledge-made": (CASCAIS, True),
        "need-posted": (IRPIN, True),
        "member-applied": (CASCAIS, True),
        "milestone-recorded": (IRPIN, False),
        "project-suspended": (IRPIN, False),
        "member-suspended": (ASSOCIATION, False),
    }
    for event in EVENTS:
        if event.type in expected:
            actor, receipt = expected[event.type]
            told = audience.told(event, DONORS, f"member:{actor}")
            assert (actor in {t.recipient_id for t in told}) is receipt, event.type


def test_a_founding_member_has_no_endorser_to_tell() -> None:
    """A party that does not exist is left out."""
    event = MemberAdmitted(member_id=CASCAIS, role="core", reason="founding")
    assert [t.recipient_id for t in audience.told(event)] == [CASCAIS]


@pytest.mark.parametrize(("by", "other"), [(IRPIN, CASCAIS), (CASCAIS, IRPIN)])
def test_other_side_is_asked_to_confirm_a_partnership_and_the_declarer_gets_a_receipt(
    by: MemberId, other: MemberId
) -> None:
    """Whoever of the two declared it."""
    event = PartnershipDeclared(**OF_PARTNERSHIP, declared_by=by, statement="together")
    told = {t.recipient_id: t.message for t in audience.told(event)}
    assert told == {other: "partnership-to-confirm", by: "partnership-declared"}


def test_messages_are_gathered_under_the_need_or_the_pledge() -> None:
    """A match is in its need's thread, a pledge in its own."""
    assert model.thread(declined()) == NEED
    assert model.thread(pledge_made()) == PLEDGE


def test_the_same_decision_has_the_same_id() -> None:
    """Taken twice it collides; for another recipient, message or event it is another."""
    one = model.notice_id("e1", IRPIN, "m")
    assert one == model.notice_id("e1", IRPIN, "m")
    others = {
        model.notice_id(*key)
        for key in (("e2", IRPIN, "m"), ("e1", CASCAIS, "m"), ("e1", IRPIN, "n"))
    }
    assert len(others | {one}) == 4


def a_queued(message: str = "match-proposed") -> NoticeQueued:
    return NoticeQueued(
        notice_id=an_id(NoticeId, "1"),
        recipient_id=IRPIN,
        contact_ref=an_id(ContactRef, "1"),
        channel="email",
        message=message,
        about="e1",
        about_type="alliance.match-proposed.v1",
        thread=NEED,
    )


@pytest.mark.parametrize(
    ("message", "status", "expected"),
    [
        ("match-proposed", "declined", True),
        ("match-proposed", "released", True),
        ("match-proposed", "proposed", False),
        ("match-proposed", "agreed", False),
        ("match-proposed", "lapsed", True),
        ("match-lapses-soon", "proposed", False),
        ("match-lapses-soon", "agreed", True),
        ("match-lapses-soon", "lapsed", True),
        ("match-agreed", "released", True),
        ("match-agreed", "agreed", False),
        ("match-declined", "declined", False),
        ("match-released", "released", False),
    ],
)
def test_only_a_call_to_act_on_a_match_that_ended_is_overtaken(
    message: str, status: Any, expected: bool
) -> None:
    """Nobody is asked to accept or deliver what has ended; all other news stays news."""
    notice = model.evolve_notice(None, a_queued(message))
    assert model.superseded(notice, Match(id=MatchId(MATCH), status=status)) is expected
    assert not model.superseded(notice, None)


A_NEED = Need(id=NEED, authority_id=IRPIN, title={"en": "Kindergarten"})
A_PLEDGE = Pledge(id=PLEDGE, partner_id=CASCAIS, title={"en": "Half a million"})
A_MATCH = Match(id=MatchId(MATCH), status="proposed")
A_TWINNING = Partnership(id=OF_PARTNERSHIP["partnership_id"], status="declared")
AN_APPLICANT = Recipient(id=CASCAIS, side="partner", names={"en": "Cascais"})


@pytest.mark.parametrize(
    ("message", "thing", "change", "expected"),
    [
        ("match-proposed", A_PLEDGE, {"status": "withdrawn"}, True),
        ("match-proposed", A_PLEDGE, {"status": "expired"}, True),
        ("match-proposed", A_NEED, {"status": "withdrawn"}, True),
        ("match-proposed", A_NEED, {"status": "started"}, False),
        ("match-lapses-soon", A_PLEDGE, {"status": "withdrawn"}, True),
        ("match-declined", A_PLEDGE, {"status": "withdrawn"}, False),
        ("match-released", A_PLEDGE, {"status": "withdrawn"}, False),
        ("contribution-delivered", A_PLEDGE, {"status": "expired"}, False),
        ("pledge-made", A_PLEDGE, {"status": "withdrawn"}, True),
        ("pledge-expired", A_PLEDGE, {"status": "expired"}, False),
        ("passed-over", A_PLEDGE, {"status": "expired"}, True),
        ("passed-over", A_PLEDGE, {}, False),
        ("need-posted", A_NEED, {"status": "withdrawn"}, True),
        ("need-covered", A_NEED, {"status": "started"}, True),
        ("need-covered", A_NEED, {}, False),
        ("project-started", A_NEED, {"status": "completed"}, False),
        ("partnership-to-confirm", A_TWINNING, {"status": "confirmed"}, True),
        ("partnership-to-confirm", A_TWINNING, {}, False),
        ("partnership-confirmed", A_TWINNING, {"status": "ended"}, False),
        ("application-to-endorse", AN_APPLICANT, {"applying": False}, True),
        ("application-to-endorse", AN_APPLICANT, {}, False),
        ("member-admitted", AN_APPLICANT, {"applying": False}, False),
    ],
)
def test_a_notice_about_what_is_gone_is_dropped(
    message: str, thing: Any, change: dict[str, Any], expected: bool
) -> None:
    """A pledge withdrawn meanwhile is proposed to nobody; what has happened is still told."""
    notice = model.evolve_notice(None, a_queued(message))
    assert model.superseded(notice, A_MATCH, thing.model_copy(update=change)) is expected


def test_a_pledge_and_a_need_are_known_as_they_stand() -> None:
    """What ends them is learnt from their owners' logs."""
    pledge = model.evolve_pledge(None, pledge_made())
    withdrawn = PledgeWithdrawn(pledge_id=PLEDGE, partner_id=CASCAIS, withdrawn=(), reason="cuts")
    assert model.evolve_pledge(pledge, withdrawn).status == "withdrawn"
    need = model.evolve_need(None, need_posted())
    gone = NeedWithdrawn(need_id=NEED, authority_id=IRPIN, reason="built elsewhere")
    assert model.evolve_need(need, gone).status == "withdrawn"
    with pytest.raises(TypeError):
        model.evolve_need(None, gone)


def test_a_closed_notice_stays_closed() -> None:
    """Sent or failed is final."""
    queued: Notice = model.evolve_notice(None, a_queued())
    failed = NoticeFailed(
        notice_id=queued.id,
        recipient_id=IRPIN,
        channel="email",
        message=queued.message,
        reason="superseded",
        attempts=0,
    )
    closed = model.evolve_notice(queued, failed)
    assert (closed.status, closed.reason) == ("failed", "superseded")
    with pytest.raises(TypeError):
        model.evolve_notice(closed, failed)


@pytest.mark.parametrize(
    ("email", "timezone", "field"),
    [
        ("no address", "Europe/Kyiv", "/email"),
        ("a@irpin.example\r\nBcc: b@irpin.example", "Europe/Kyiv", "/email"),
        ("a@irpin.example", "Europe/Nowhere", "/timezone"),
        ("a@irpin.example", "../../etc/passwd", "/timezone"),
    ],
)
def test_a_wrong_contact_is_refused_without_showing_the_address(
    email: str, timezone: str, field: str
) -> None:
    """The error names the field and never the address."""
    with pytest.raises(InvalidInput) as refused:
        vault.contact(email, None, "uk", timezone)
    assert refused.value.facts["field"] == field
    assert "example" not in f"{refused.value!r} {refused.value.facts['given']}"


def test_a_contact_shows_no_address_when_it_is_printed() -> None:
    """A contact in a log line or an error by accident says nothing."""
    contact = vault.contact("mayor@irpin.example", "town hall", "uk", "Europe/Kyiv")
    assert "mayor" not in repr(contact)
    assert "town hall" not in repr(contact)
