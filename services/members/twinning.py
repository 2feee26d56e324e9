"""Twinning: partnerships of a Ukrainian and a partner member, state and decisions, pure.

One of the two declares it, the other confirms or declines it, either ends it. A pair has one
living partnership at a time; one that has ended may be declared anew.
"""

from typing import ClassVar, Literal

from services.members.model import Member, must_be_admitted
from shared.errors import NotYours, Refused
from shared.events.ids import MemberId, PartnershipId
from shared.events.members import (
    PartnershipConfirmed,
    PartnershipDeclared,
    PartnershipEnd,
    PartnershipEnded,
)
from shared.log import State

PartnershipStatus = Literal["declared", "confirmed", "ended"]


class Partnership(State):
    """A twinning, and how it stands; living until it has ended."""

    what: ClassVar[str] = "partnership"

    id: PartnershipId
    ukrainian_id: MemberId
    partner_id: MemberId
    declared_by: MemberId
    statement: str
    status: PartnershipStatus = "declared"
    living: bool = True

    def of(self) -> dict[str, object]:
        """What every event of this partnership names."""
        return {
            "partnership_id": self.id,
            "ukrainian_id": self.ukrainian_id,
            "partner_id": self.partner_id,
        }


class PartnershipClosed(Refused):
    """The partnership's status does not allow this."""

    title = "The partnership's status does not allow this"


def declare(
    new_id: PartnershipId, by: Member, other: Member, statement: str
) -> PartnershipDeclared:
    """One of the two declares a twinning. Raises NotAdmitted, NotYours."""
    must_be_admitted(by)
    must_be_admitted(other)
    if by.side == other.side:
        raise NotYours("a partnership joins two sides; both are of side {side}", side=by.side)
    ukrainian, partner = (by, other) if by.side == "ukraine" else (other, by)
    return PartnershipDeclared(
        partnership_id=new_id,
        ukrainian_id=ukrainian.id,
        partner_id=partner.id,
        declared_by=by.id,
        statement=statement,
    )


def confirm(partnership: Partnership, by: Member, declarer: Member) -> PartnershipConfirmed:
    """The other one of the two says so too. Raises NotYours, PartnershipClosed, NotAdmitted."""
    _must_be_of(partnership, by.id)
    if by.id == partnership.declared_by:
        raise NotYours(
            "partnership {partnership} was declared by {member}: the other one confirms it",
            partnership=partnership.id,
            member=by.id,
        )
    _must_be_in(partnership, "declared")
    must_be_admitted(by)
    must_be_admitted(declarer)
    return PartnershipConfirmed.model_validate(partnership.of() | {"confirmed_by": by.id})


def end(
    partnership: Partnership, by: MemberId, reason: str, cause: PartnershipEnd = "decision"
) -> PartnershipEnded:
    """Either of the two ends it, or declines what the other declared; also while suspended.

    Raises NotYours, PartnershipClosed.
    """
    _must_be_of(partnership, by)
    _must_be_in(partnership, "declared", "confirmed")
    return PartnershipEnded.model_validate(
        partnership.of()
        | {"ended_by": by, "was": partnership.status, "cause": cause, "reason": reason}
    )


def _must_be_of(partnership: Partnership, member: MemberId) -> None:
    if member not in (partnership.ukrainian_id, partnership.partner_id):
        raise NotYours(
            "partnership {partnership} is between {ukrainian_id} and {partner_id}",
            partnership=partnership.id,
            ukrainian_id=partnership.ukrainian_id,
            partner_id=partnership.partner_id,
        )


def _must_be_in(partnership: Partnership, *allowed: PartnershipStatus) -> None:
    if partnership.status not in allowed:
        raise PartnershipClosed(
            "partnership {partnership} is {given}",
            partnership=partnership.id,
            given=partnership.status,
            allowed=list(allowed),
        )


def evolve_partnership(partnership: Partnership | None, event: object) -> Partnership:
    """The partnership after one of its events."""
    match partnership, event:
        case None, PartnershipDeclared() as e:
            return Partnership(id=e.partnership_id, **e.model_dump(exclude={"partnership_id"}))
        case Partnership(status="declared"), PartnershipConfirmed():
            return partnership.model_copy(update={"status": "confirmed"})
        case Partnership(living=True), PartnershipEnded():
            return partnership.model_copy(update={"status": "ended", "living": False})
    raise TypeError(f"{event!r} cannot follow {partnership!r}")
