"""What projects knows from others' logs: who is a member, and what is agreed."""

from typing import ClassVar, Literal

from shared.events.facts import Amount, Katottg, LineNumber, Side
from shared.events.ids import MatchId, MemberId, NeedId
from shared.events.matches import ContributionDelivered, MatchAgreed, MatchReleased
from shared.events.members import (
    MemberAdmitted,
    MemberApplied,
    MemberLeft,
    MemberReinstated,
    MemberRejected,
    MemberSuspended,
)
from shared.lines import minor_units
from shared.log import State


class Authority(State):
    """A member, as far as needs and projects care."""

    what: ClassVar[str] = "member"

    id: MemberId
    side: Side
    territory: tuple[Katottg, ...] = ()
    status: Literal["applied", "admitted", "rejected", "suspended", "left"] = "applied"


class Commitment(State):
    """An agreed match: who is committed to which line of a need, and to how much of it."""

    what: ClassVar[str] = "commitment"

    id: MatchId
    need_id: NeedId
    need_line: LineNumber
    partner_id: MemberId
    covers: Amount
    delivered: bool = False
    released: bool = False


def evolve_authority(authority: Authority | None, event: object) -> Authority:
    """The member after one event of members' log."""
    match authority, event:
        case _, MemberApplied() as e:
            return Authority(id=e.member_id, side=e.side, territory=e.territory)
        case Authority(), MemberAdmitted() | MemberReinstated():
            return authority.model_copy(update={"status": "admitted"})
        case Authority(), MemberRejected():
            return authority.model_copy(update={"status": "rejected"})
        case Authority(), MemberSuspended():
            return authority.model_copy(update={"status": "suspended"})
        case Authority(), MemberLeft():
            return authority.model_copy(update={"status": "left"})
    raise TypeError(f"{event!r} cannot follow {authority!r}")


def evolve_commitment(commitment: Commitment | None, event: object) -> Commitment:
    """The commitment after one event of matching's log."""
    match commitment, event:
        case None, MatchAgreed() as e:
            return Commitment(
                id=e.match_id,
                need_id=e.need_id,
                need_line=e.need_line,
                partner_id=e.partner_id,
                covers=e.covers,
            )
        case Commitment(), ContributionDelivered() as e:
            return commitment.model_copy(update={"delivered": minor_units(e.rest) == 0})
        case Commitment(), MatchReleased():
            return commitment.model_copy(update={"released": True})
    raise TypeError(f"{event!r} cannot follow {commitment!r}")
