"""Members and partnerships: state and decisions, pure."""

from typing import ClassVar, Literal, get_args

from shared.codelists import HROMADA_LEVEL, asked_chain, places
from shared.errors import InvalidInput, NotYours, Refused
from shared.events.facts import Katottg, LocalisedText, Nuts, OrganisationId, Role, Side
from shared.events.ids import ContactRef, MemberId, PartnershipId
from shared.events.members import (
    Country,
    MemberAdmitted,
    MemberApplied,
    MemberKind,
    MemberRejected,
    PartnershipDeclared,
    PrincipleCode,
)
from shared.log import State

PRINCIPLES: tuple[PrincipleCode, ...] = get_args(PrincipleCode)
PRINCIPLES_VERSION = "2022-06-30"


MemberStatus = Literal["applied", "admitted", "rejected"]


class Member(State):
    """A body that has applied, and what became of it."""

    what: ClassVar[str] = "member"

    id: MemberId
    side: Side
    kind: MemberKind
    organisation_id: OrganisationId
    names: LocalisedText
    country: Country
    territory: tuple[Katottg, ...] = ()
    nuts: Nuts | None = None
    contact_ref: ContactRef | None = None
    status: MemberStatus
    role: Role | None = None
    endorsed_by: MemberId | None = None


class Partnership(State):
    """A declared twinning."""

    what: ClassVar[str] = "partnership"

    id: PartnershipId
    ukrainian_id: MemberId
    partner_id: MemberId
    declared_by: MemberId
    statement: str


class PrinciplesNotAccepted(Refused):
    """Admission needs acceptance of each of the alliance's principles."""

    status = 422
    title = "All principles must be accepted"


class NotApplied(Refused):
    """Only an open application can be endorsed or rejected."""

    title = "There is no open application"


class NotACoreMember(Refused):
    """Only an admitted core member of the applicant's side may decide on an application."""

    status = 403
    title = "Only a core member of the same side may do this"


class NotAdmitted(Refused):
    """The body is not an admitted member."""

    title = "Not an admitted member"


def territory_of(side: Side, code: Katottg | None) -> tuple[Katottg, ...]:
    """The chain of a Ukrainian member's place, from its own code up to the oblast.

    Raises InvalidInput for a code that is none, and for one given by a partner.
    """
    if code is None:
        return ()
    if side != "ukraine":
        raise InvalidInput("/territory", "a KATOTTG code is for the Ukrainian side only", code)
    return asked_chain(code, "/territory")


def apply(application: MemberApplied) -> list[MemberApplied]:
    """A body asks to join. Raises PrinciplesNotAccepted, InvalidInput."""
    missing = [p for p in PRINCIPLES if p not in application.principles]
    if missing:
        raise PrinciplesNotAccepted(
            "{count} of the {all} principles are not accepted",
            field="/principles",
            given=list(application.principles),
            missing=missing,
            count=len(missing),
            all=len(PRINCIPLES),
        )
    if (application.side == "ukraine") != (application.country == "UA"):
        raise InvalidInput(
            "/country", "the Ukrainian side is in UA, partners are elsewhere", application.country
        )
    if application.side == "ukraine" and application.kind in ("hromada", "city", "region"):
        if not application.territory:
            raise InvalidInput(
                "/territory", "a {kind} needs the code of its place", kind=application.kind
            )
        wide = places()[application.territory[0]].category not in HROMADA_LEVEL
        if wide and application.kind != "region":
            raise InvalidInput(
                "/territory", "a hromada needs the code of its hromada or settlement"
            )
    return [application]


def found(application: MemberApplied) -> list[MemberApplied | MemberAdmitted]:
    """A founding core member joins without an endorser: there was nobody before it."""
    return [
        *apply(application),
        MemberAdmitted(
            member_id=application.member_id,
            role="core",
            reason="founding core member, 30 June 2022",
        ),
    ]


def endorse(member: Member, endorser: Member, reason: str) -> MemberAdmitted:
    """A core member of the same side vouches for an applicant, which admits it.

    Raises NotApplied, NotACoreMember.
    """
    _decides(member, endorser)
    return MemberAdmitted(
        member_id=member.id, role="member", endorsed_by=endorser.id, reason=reason
    )


def reject(member: Member, by: Member, reason: str) -> MemberRejected:
    """A core member of the same side turns an application down. Raises as `endorse`."""
    _decides(member, by)
    return MemberRejected(member_id=member.id, rejected_by=by.id, reason=reason)


def _decides(member: Member, by: Member) -> None:
    if member.status != "applied":
        raise NotApplied(
            "member {member} is {state}, not applied",
            state=member.status,
            member=member.id,
        )
    if by.status != "admitted" or by.role != "core" or by.side != member.side:
        raise NotACoreMember(
            "{by} is {role} of side {side}; needed: an admitted core member of side {wanted_side}",
            by=by.id,
            role=by.role or by.status,
            side=by.side,
            wanted_side=member.side,
        )


def declare(
    new_id: PartnershipId, by: Member, other: Member, statement: str
) -> PartnershipDeclared:
    """One of the two declares a twinning. Raises NotAdmitted, NotYours."""
    for member in (by, other):
        if member.status != "admitted":
            raise NotAdmitted(
                "member {member} is {state}, not admitted", member=member.id, state=member.status
            )
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


def evolve_member(member: Member | None, event: object) -> Member:
    """The member after one of its events."""
    match member, event:
        case None, MemberApplied() as e:
            return Member(
                id=e.member_id,
                side=e.side,
                kind=e.kind,
                organisation_id=e.organisation_id,
                names=e.names,
                country=e.country,
                territory=e.territory,
                nuts=e.nuts,
                contact_ref=e.contact_ref,
                status="applied",
            )
        case Member(), MemberAdmitted() as e:
            return member.model_copy(
                update={"status": "admitted", "role": e.role, "endorsed_by": e.endorsed_by}
            )
        case Member(), MemberRejected():
            return member.model_copy(update={"status": "rejected"})
    raise TypeError(f"{event!r} cannot follow {member!r}")


def evolve_partnership(partnership: Partnership | None, event: object) -> Partnership:
    """The partnership after one of its events."""
    match partnership, event:
        case None, PartnershipDeclared() as e:
            return Partnership(
                id=e.partnership_id,
                ukrainian_id=e.ukrainian_id,
                partner_id=e.partner_id,
                declared_by=e.declared_by,
                statement=e.statement,
            )
    raise TypeError(f"{event!r} cannot follow {partnership!r}")
