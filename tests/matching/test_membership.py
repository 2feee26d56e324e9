"""What a member's suspension, reinstatement or leaving does to its pledges and matches."""

from typing import Any

import pytest

from services.matching import commands
from services.matching.commands import AmendPledge, Because, Deliver, MakePledge
from services.matching.knowledge import NotAdmitted
from services.matching.model import NotAPartner
from shared.events import read_event
from shared.events.ids import MemberId, PartnershipId
from shared.events.matches import MatchFlagged, MatchReleased
from shared.events.members import (
    MemberAdmitted,
    MemberApplied,
    MemberLeft,
    MemberReinstated,
    MemberRejected,
    MemberSuspended,
    PartnershipConfirmed,
    PartnershipDeclared,
    PartnershipEnded,
)
from tests.given import an_id, funding, offered
from tests.matching.samples import CASCAIS, IRPIN, LITHUANIA
from tests.matching.story import Story


def suspended(member: MemberId) -> MemberSuspended:
    """A member may not act."""
    return MemberSuspended(member_id=member, reason="no answers")


def reinstated(member: MemberId) -> MemberReinstated:
    """It may again."""
    return MemberReinstated(member_id=member, reason="it answered")


def left(member: MemberId) -> MemberLeft:
    """It is gone."""
    return MemberLeft(member_id=member, reason="elections")


def applies_again(member: MemberId) -> MemberApplied:
    """One that had left asks to come back."""
    return MemberApplied(
        member_id=member,
        side="ukraine" if member == IRPIN else "partner",
        kind="city",
        organisation_id="XI-TEST-AGAIN",
        names={"en": "A member"},
        country="UA" if member == IRPIN else "PT",
        principles=(),
        principles_version="2022-06-30",
    )


def admitted(member: MemberId) -> MemberAdmitted:
    """And is admitted."""
    return MemberAdmitted(member_id=member, role="member", reason="known")


@pytest.mark.parametrize("member", [IRPIN, CASCAIS])
@pytest.mark.parametrize("barred", [suspended, left])
def test_proposals_of_who_may_not_act_are_released_with_the_cause(
    member: MemberId, barred: Any
) -> None:
    """Of either side, also where it had accepted; what was held is free again."""
    story = Story()
    story.irpin_asks(funding(1, "300.00"))
    pledge = story.pledges(CASCAIS, funding(1, "200.00"))
    (match,) = story.round()
    story.do(commands.accept_match, match.id, by=member)
    event = barred(member)
    story.hears(event)
    assert story.match(match).status == "released"
    released = [e for e in map(read_event, story.logs["matching"]) if isinstance(e, MatchReleased)]
    assert [(e.cause, e.was, e.reason) for e in released] == [
        (event.type, "proposed", event.reason)
    ]
    balance = story.pledge(pledge).balance(1)
    assert (balance.reserved, balance.available + balance.withdrawn) == (0, 20000)
    assert story.round() == []


@pytest.mark.parametrize("member", [IRPIN, CASCAIS])
def test_nothing_is_matched_for_a_suspended_side_until_it_is_reinstated(member: MemberId) -> None:
    """Neither its needs nor its pledges; those of others are."""
    story = Story()
    story.hears(suspended(member))
    story.irpin_asks(funding(1, "300.00"))
    if member == IRPIN:
        story.pledges(CASCAIS, funding(1, "200.00"))
    else:
        story.pledges(LITHUANIA, funding(1, "200.00"))
    served = story.round()
    assert [m.partner_id for m in served] == ([] if member == IRPIN else [LITHUANIA])
    story.hears(reinstated(member))
    story.pledges(CASCAIS, funding(1, "100.00"))
    assert CASCAIS in [m.partner_id for m in story.round()]


def test_pledge_of_a_suspended_partner_stays_and_is_matched_again() -> None:
    """A suspension takes nothing away: the same pledge is proposed after it."""
    story = Story()
    pledge = story.pledges(CASCAIS, funding(1, "200.00"))
    story.hears(suspended(CASCAIS))
    story.irpin_asks(funding(1, "300.00"))
    assert story.round() == []
    assert story.pledge(pledge).status == "open"
    story.hears(reinstated(CASCAIS))
    assert [m.pledge_id for m in story.round()] == [pledge.id]


def an_agreement() -> tuple[Story, Any]:
    """Cascais has agreed to give Irpin 300 of its 500 euros."""
    story = Story()
    story.irpin_asks(funding(1, "300.00"))
    story.pledges(CASCAIS, funding(1, "500.00"))
    (match,) = story.round()
    return story, story.agree(match)


@pytest.mark.parametrize("member", [IRPIN, CASCAIS])
def test_agreed_match_goes_on_and_is_flagged_until_the_reinstatement(member: MemberId) -> None:
    """The commitment stands; whoever looks sees that one side may not act, and why."""
    story, match = an_agreement()
    story.hears(suspended(member))
    now = story.match(match)
    assert (now.status, [(f.member_id, f.cause) for f in now.flags]) == (
        "agreed",
        [(member, "member-suspended")],
    )
    story.hears(reinstated(member))
    assert story.match(match).flags == ()
    assert story.names()[-2:] == ["match-flagged", "match-unflagged"]


def test_both_sides_may_be_flagged_and_each_is_taken_off_by_itself() -> None:
    """The flag of who leaves takes the place of its suspension's."""
    story, match = an_agreement()
    for event in (suspended(IRPIN), suspended(CASCAIS), left(CASCAIS), reinstated(IRPIN)):
        story.hears(event)
    assert [(f.member_id, f.cause) for f in story.match(match).flags] == [(CASCAIS, "member-left")]
    flagged = [e for e in map(read_event, story.logs["matching"]) if isinstance(e, MatchFlagged)]
    assert [e.cause for e in flagged] == ["member-suspended", "member-suspended", "member-left"]


def test_flag_of_one_that_left_goes_when_it_is_admitted_again_and_not_before() -> None:
    """To apply is not to be back; nor is to be rejected."""
    story, match = an_agreement()
    story.hears(left(CASCAIS))
    rejected = MemberRejected(member_id=CASCAIS, rejected_by=LITHUANIA, reason="not yet")
    for event in (applies_again(CASCAIS), rejected, applies_again(CASCAIS)):
        story.hears(event)
        assert story.match(match).flags
    story.hears(admitted(CASCAIS))
    assert story.match(match).flags == ()


def test_what_arrives_of_a_suspended_partner_is_recorded_and_ends_the_flag() -> None:
    """Delivery only records what happened; a delivered match needs no warning."""
    story, match = an_agreement()
    story.hears(suspended(CASCAIS))
    story.hears(suspended(IRPIN))
    delivered = story.do(
        commands.deliver, match.id, Deliver(date="2023-08-31", scope="windows"), by=IRPIN
    )
    assert (delivered.status, delivered.flags) == ("delivered", ())


def test_suspended_member_commits_itself_to_nothing() -> None:
    """It neither pledges nor raises a pledge, and it accepts nothing; the errors say why."""
    story = Story()
    pledge = story.pledges(CASCAIS, funding(1, "200.00"))
    story.irpin_asks(funding(1, "300.00"))
    story.hears(suspended(CASCAIS))
    lines = offered(funding(1, "300.00"))
    with pytest.raises(NotAPartner) as refused:
        story.do(commands.make_pledge, MakePledge(title={"en": "More"}, lines=lines), by=CASCAIS)
    assert refused.value.facts["state"] == "suspended"
    more = AmendPledge(lines=lines, reason="more")
    with pytest.raises(NotAdmitted) as refused_too:
        story.do(commands.amend_pledge, pledge.id, more, by=CASCAIS)
    assert refused_too.value.facts["state"] == "suspended"


def test_acceptance_that_comes_before_the_release_of_its_proposal_is_refused() -> None:
    """As when the suspension is known and the proposal is of this moment."""
    story = Story()
    story.pledges(CASCAIS, funding(1, "200.00"))
    story.irpin_asks(funding(1, "300.00"))
    (match,) = story.round()
    story.fold(suspended(CASCAIS))
    with pytest.raises(NotAdmitted):
        story.do(commands.accept_match, match.id, by=CASCAIS)
    why = Because(reason="we may not act")
    assert story.do(commands.decline_match, match.id, why, by=CASCAIS).status == "declined"


def test_suspended_partner_may_take_back_what_is_open() -> None:
    """That only frees."""
    story = Story()
    pledge = story.pledges(CASCAIS, funding(1, "200.00"))
    story.hears(suspended(CASCAIS))
    gone = story.do(commands.withdraw_pledge, pledge.id, Because(reason="budget"), by=CASCAIS)
    assert gone.status == "withdrawn"


def test_open_pledges_of_a_partner_that_leaves_are_withdrawn_and_what_is_agreed_stays() -> None:
    """300 of 500 euros are agreed: 200 are withdrawn, and the other partner's pledge is not."""
    story, match = an_agreement()
    other = story.pledges(LITHUANIA, funding(1, "50.00"))
    story.hears(left(CASCAIS))
    (pledge,) = [p for p in story.states["pledges"].values() if p.partner_id == CASCAIS]
    balance = pledge.balance(1)
    assert pledge.status == "withdrawn"
    assert (balance.reserved, balance.available, balance.withdrawn) == (30000, 0, 20000)
    assert story.match(match).status == "agreed"
    assert story.pledge(other).status == "open"


def of_partnership(number: str = "1") -> dict[str, Any]:
    """Irpin and Lithuania."""
    return {
        "partnership_id": an_id(PartnershipId, number),
        "ukrainian_id": IRPIN,
        "partner_id": LITHUANIA,
    }


def test_only_a_partnership_that_is_confirmed_counts() -> None:
    """Lithuania pledged after Cascais: it comes first only while it is twinned with Irpin."""
    declared = PartnershipDeclared(**of_partnership(), declared_by=LITHUANIA, statement="twinned")
    confirmed = PartnershipConfirmed(**of_partnership(), confirmed_by=IRPIN)
    ended = PartnershipEnded(
        **of_partnership(), ended_by=IRPIN, was="confirmed", cause="decision", reason="over"
    )
    again = PartnershipDeclared(**of_partnership("2"), declared_by=IRPIN, statement="twinned")
    first = []
    for past in ([declared], [declared, confirmed], [declared, confirmed, ended, again]):
        story = Story()
        for event in past:
            story.hears(event)
        story.pledges(CASCAIS, funding(1, "100.00"))
        story.pledges(LITHUANIA, funding(1, "100.00"))
        story.irpin_asks(funding(1, "100.00"))
        (match,) = story.round()
        first.append((match.partner_id, match.explanation.tier["partnership"]))
    assert first == [(CASCAIS, 0), (LITHUANIA, 1), (CASCAIS, 0)]
