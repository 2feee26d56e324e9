"""Members: state and decisions from the application on, pure.

Applying is in applying.py, partnerships in twinning.py. What may follow what:

    (nothing), rejected, left → applied → admitted ⇄ suspended
                                applied → rejected
                                          admitted, suspended → left

One that was rejected or has left may apply again, and is then the same member under the same id:
what it promised, owns and still has to deliver stays its own. It has no role until it is endorsed
again, a founding core member neither.
"""

from typing import ClassVar, Literal

from shared.errors import NotYours, Refused
from shared.events.facts import Katottg, Lau, LocalisedText, Nuts, OrganisationId, Role, Side
from shared.events.ids import ContactRef, MemberId
from shared.events.members import (
    Country,
    MemberAdmitted,
    MemberApplied,
    MemberKind,
    MemberLeft,
    MemberReinstated,
    MemberRejected,
    MemberSuspended,
    Sector,
)
from shared.log import State

MemberStatus = Literal["applied", "admitted", "rejected", "suspended", "left"]


class Member(State):
    """A body that has applied, and what became of it."""

    what: ClassVar[str] = "member"

    id: MemberId
    side: Side
    kind: MemberKind
    sector: Sector | None = None
    organisation_id: OrganisationId
    names: LocalisedText
    country: Country
    territory: tuple[Katottg, ...] = ()
    nuts: Nuts | None = None
    lau: Lau | None = None
    associations: tuple[MemberId, ...] = ()
    contact_ref: ContactRef | None = None
    principles_version: str
    status: MemberStatus
    role: Role | None = None
    endorsed_by: MemberId | None = None


class NotApplied(Refused):
    """Only an open application can be endorsed or rejected."""

    title = "There is no open application"


class NotACoreMember(Refused):
    """Only an admitted core member of the same side may decide on a member."""

    status = 403
    title = "Only a core member of the same side may do this"


class NotAdmitted(Refused):
    """The body is not an admitted member."""

    title = "Not an admitted member"


class NotSuspended(Refused):
    """Only a suspended member can be reinstated."""

    title = "The member is not suspended"


def endorse(member: Member, endorser: Member, reason: str) -> MemberAdmitted:
    """A core member of the same side vouches for an applicant, which admits it.

    Raises NotApplied, NotACoreMember.
    """
    _must_have_applied(member)
    _must_be_core(member, endorser)
    return MemberAdmitted(
        member_id=member.id, role="member", endorsed_by=endorser.id, reason=reason
    )


def reject(member: Member, by: Member, reason: str) -> MemberRejected:
    """A core member of the same side turns an application down. Raises as `endorse`."""
    _must_have_applied(member)
    _must_be_core(member, by)
    return MemberRejected(member_id=member.id, rejected_by=by.id, reason=reason)


def suspend(member: Member, by: Member | None, reason: str) -> MemberSuspended:
    """Another core member of the side, or an operator (None), bars a member from acting.

    Raises NotAdmitted, NotACoreMember, NotYours.
    """
    must_be_admitted(member)
    if by is not None:
        if by.id == member.id:
            raise NotYours("member {member} does not suspend itself", member=member.id)
        _must_be_core(member, by)
    return MemberSuspended(
        member_id=member.id,
        suspended_by=by.id if by else None,
        endorsed_by=member.endorsed_by,
        reason=reason,
    )


def reinstate(member: Member, by: Member | None, reason: str) -> MemberReinstated:
    """A core member of the side, or an operator (None), ends a suspension.

    Raises NotSuspended, NotACoreMember.
    """
    if member.status != "suspended":
        raise NotSuspended(
            "member {member} is {state}, not suspended", member=member.id, state=member.status
        )
    if by is not None:
        _must_be_core(member, by)
    return MemberReinstated(
        member_id=member.id,
        reinstated_by=by.id if by else None,
        endorsed_by=member.endorsed_by,
        reason=reason,
    )


def leave(member: Member, by: MemberId, reason: str) -> MemberLeft:
    """A member, also a suspended one, leaves by its own word. Raises NotYours, NotAdmitted."""
    if by != member.id:
        raise NotYours("member {member} leaves by its own word only", member=member.id)
    if member.status != "suspended":
        must_be_admitted(member)
    return MemberLeft(member_id=member.id, endorsed_by=member.endorsed_by, reason=reason)


def must_be_admitted(member: Member) -> None:
    """Raises NotAdmitted."""
    if member.status != "admitted":
        raise NotAdmitted(
            "member {member} is {state}, not admitted", member=member.id, state=member.status
        )


def _must_have_applied(member: Member) -> None:
    if member.status != "applied":
        raise NotApplied(
            "member {member} is {state}, not applied", state=member.status, member=member.id
        )


def _must_be_core(member: Member, by: Member) -> None:
    if by.status != "admitted" or by.role != "core" or by.side != member.side:
        raise NotACoreMember(
            "{by} is {role} of side {side}; needed: an admitted core member of side {wanted_side}",
            by=by.id,
            role=by.status if by.status != "admitted" else by.role,
            side=by.side,
            wanted_side=member.side,
        )


def evolve_member(member: Member | None, event: object) -> Member:
    """The member after one of its events."""
    match member, event:
        case ((None | Member(status="rejected" | "left")), MemberApplied() as e):
            return Member(
                id=e.member_id,
                status="applied",
                **e.model_dump(exclude={"member_id", "principles"}),
            )
        case Member(status="applied"), MemberAdmitted() as e:
            return member.model_copy(
                update={"status": "admitted", "role": e.role, "endorsed_by": e.endorsed_by}
            )
        case Member(status="applied"), MemberRejected():
            return member.model_copy(update={"status": "rejected"})
        case Member(status="admitted"), MemberSuspended():
            return member.model_copy(update={"status": "suspended"})
        case Member(status="suspended"), MemberReinstated():
            return member.model_copy(update={"status": "admitted"})
        case Member(status="admitted" | "suspended"), MemberLeft():
            return member.model_copy(update={"status": "left", "role": None})
    raise TypeError(f"{event!r} cannot follow {member!r}")
