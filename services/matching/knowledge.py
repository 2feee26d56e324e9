"""What matching knows from others' logs: members, partnerships, and what needs ask for."""

from typing import ClassVar, Literal

from shared.errors import Refused
from shared.events.facts import Katottg, ProjectSector, RequirementLine, Side, Urgency
from shared.events.ids import MemberId, NeedId, PartnershipId
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
from shared.events.projects import (
    NeedAmended,
    NeedPosted,
    NeedWithdrawn,
    ProjectCancelled,
    ProjectCompleted,
    ProjectResumed,
    ProjectSuspended,
)
from shared.log import State


class Party(State):
    """A member, as far as pledges and matches care; who has left is gone until admitted again."""

    what: ClassVar[str] = "member"

    id: MemberId
    side: Side
    status: Literal["applied", "admitted", "rejected", "suspended", "left"] = "applied"


BARRED = ("suspended", "left")
"""Statuses of those who were members, and for whom nothing new is matched."""


class NotAdmitted(Refused):
    """Whoever commits itself is an admitted member: neither suspended nor gone."""

    title = "Not an admitted member"


class Twinning(State):
    """A partnership; it counts while it is confirmed."""

    what: ClassVar[str] = "partnership"

    id: PartnershipId
    ukrainian_id: MemberId
    partner_id: MemberId
    status: Literal["declared", "confirmed", "ended"] = "declared"


class Requirement(State):
    """A need, as far as it can be matched: open while it is asked for and not suspended."""

    what: ClassVar[str] = "need"

    id: NeedId
    authority_id: MemberId
    open: bool
    territory: tuple[Katottg, ...]
    sector: ProjectSector
    urgency: Urgency
    lines: tuple[RequirementLine, ...]
    amendments: int = 0


def evolve_party(party: Party | None, event: object) -> Party:
    """The member after one event of members' log."""
    match party, event:
        case None, MemberApplied() as e:
            return Party(id=e.member_id, side=e.side)
        case Party(status="left"), MemberApplied() | MemberRejected():
            return party
        case Party(), MemberApplied():
            return party.model_copy(update={"status": "applied"})
        case Party(), MemberAdmitted() | MemberReinstated():
            return party.model_copy(update={"status": "admitted"})
        case Party(), MemberRejected():
            return party.model_copy(update={"status": "rejected"})
        case Party(), MemberSuspended():
            return party.model_copy(update={"status": "suspended"})
        case Party(), MemberLeft():
            return party.model_copy(update={"status": "left"})
    raise TypeError(f"{event!r} cannot follow {party!r}")


def evolve_twinning(twinning: Twinning | None, event: object) -> Twinning:
    """The partnership after one event of members' log."""
    match twinning, event:
        case None, PartnershipDeclared() as e:
            return Twinning(
                id=e.partnership_id, ukrainian_id=e.ukrainian_id, partner_id=e.partner_id
            )
        case Twinning(), PartnershipConfirmed():
            return twinning.model_copy(update={"status": "confirmed"})
        case Twinning(), PartnershipEnded():
            return twinning.model_copy(update={"status": "ended"})
    raise TypeError(f"{event!r} cannot follow {twinning!r}")


def evolve_requirement(requirement: Requirement | None, event: object) -> Requirement:
    """The need after one event of projects' log."""
    match requirement, event:
        case None, NeedPosted() as e:
            return Requirement(
                id=e.need_id,
                authority_id=e.authority_id,
                open=True,
                territory=e.territory,
                sector=e.sector,
                urgency=e.urgency,
                lines=e.lines,
            )
        case Requirement(), NeedAmended() as e:
            return requirement.model_copy(
                update={
                    "lines": e.lines or requirement.lines,
                    "urgency": e.urgency or requirement.urgency,
                    "amendments": requirement.amendments + 1,
                }
            )
        case Requirement(), ProjectResumed():
            return requirement.model_copy(update={"open": True})
        case Requirement(), (
            NeedWithdrawn() | ProjectSuspended() | ProjectCancelled() | ProjectCompleted()
        ):
            return requirement.model_copy(update={"open": False})
    raise TypeError(f"{event!r} cannot follow {requirement!r}")
