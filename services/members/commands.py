"""Commands of members: load, decide, commit."""

from uuid import NAMESPACE_URL, uuid5

from pydantic import Field

from services.members import founding, model
from services.members.model import Member, Partnership
from services.members.store import members, partnerships
from shared.actor import Command
from shared.errors import Refused
from shared.events.facts import Katottg, LocalisedText, Nuts, OrganisationId, Side, Text
from shared.events.ids import ContactRef, MemberId, PartnershipId
from shared.events.members import Country, MemberApplied, MemberKind, PrincipleCode
from shared.uow import UnitOfWork


class AlreadyAMember(Refused):
    """A body with this organisation id has applied before."""

    title = "This organisation has applied already"


class Apply(Command):
    """A body's application."""

    side: Side
    kind: MemberKind
    organisation_id: OrganisationId
    names: LocalisedText
    country: Country
    territory: Katottg | None = None
    nuts: Nuts | None = None
    contact_ref: ContactRef | None = None
    principles: tuple[PrincipleCode, ...]


class Found(Command):
    """Contacts of founding members, by organisation id; those that are absent have none."""

    contacts: dict[OrganisationId, ContactRef] = Field(default_factory=dict)


class Endorse(Command):
    """Why a core member vouches for an applicant."""

    reason: Text


class Reject(Command):
    """Why a core member turns an application down."""

    reason: Text


class DeclarePartnership(Command):
    """With whom the caller is twinned."""

    with_member: MemberId
    statement: Text


async def apply(command: Apply, uow: UnitOfWork) -> Member:
    """Record an application. Raises AlreadyAMember and what `model.apply` raises."""
    before = await uow.find(members, {"organisation_id": command.organisation_id})
    if before:
        raise AlreadyAMember(
            "{given} is member {member}, {state}",
            field="/organisation_id",
            given=command.organisation_id,
            member=before[0].id,
            state=before[0].status,
        )
    application = MemberApplied(
        member_id=MemberId.new(),
        territory=model.territory_of(command.side, command.territory),
        principles_version=model.PRINCIPLES_VERSION,
        **command.model_dump(exclude={"territory"}),
    )
    return await uow.record(members, *model.apply(application))


async def endorse(member_id: MemberId, command: Endorse, uow: UnitOfWork) -> Member:
    """Admit an applicant on the caller's word."""
    member = await uow.target(members, member_id)
    return await uow.record(members, model.endorse(member, await _caller(uow), command.reason))


async def reject(member_id: MemberId, command: Reject, uow: UnitOfWork) -> Member:
    """Turn an application down."""
    member = await uow.target(members, member_id)
    return await uow.record(members, model.reject(member, await _caller(uow), command.reason))


async def declare_partnership(command: DeclarePartnership, uow: UnitOfWork) -> Partnership:
    """Declare a twinning of the caller with another member; the same pair twice is one."""
    by = await _caller(uow)
    other = await uow.require(members, command.with_member)
    event = model.declare(PartnershipId.new(), by, other, command.statement)
    pair = {"ukrainian_id": event.ukrainian_id, "partner_id": event.partner_id}
    if before := await uow.find(partnerships, pair):
        return before[0]
    return await uow.record(partnerships, event)


async def found(command: Found, uow: UnitOfWork) -> list[Member]:
    """Record the founding core members; those that are recorded already stay as they are."""
    for body in founding.MEMBERS:
        member_id = MemberId(str(uuid5(NAMESPACE_URL, body.organisation_id)))
        if await uow.get(members, member_id) is None:
            application = MemberApplied(
                member_id=member_id,
                side=body.side,
                kind="association",
                organisation_id=body.organisation_id,
                names=body.names,
                country=body.country,
                contact_ref=command.contacts.get(body.organisation_id),
                principles=model.PRINCIPLES,
                principles_version=model.PRINCIPLES_VERSION,
            )
            await uow.record(members, *model.found(application))
    return await uow.find(members, {"role": "core"})


async def _caller(uow: UnitOfWork) -> Member:
    return await uow.require(members, uow.actor.member)
