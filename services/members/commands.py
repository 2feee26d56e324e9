"""Commands of members: load, decide, commit."""

from typing import Annotated, Any
from uuid import NAMESPACE_URL, uuid5

from pydantic import Field

from services.members import applying, founding, model, principles, twinning
from services.members.model import Member
from services.members.store import members, partnerships
from services.members.twinning import Partnership
from shared.actor import Command
from shared.events.facts import Lau, LocalisedText, Nuts, OrganisationId, Side, Text
from shared.events.ids import ContactRef, MemberId, PartnershipId
from shared.events.members import Country, MemberApplied, MemberKind, PrincipleCode, Sector
from shared.uow import UnitOfWork

PlaceText = Annotated[str, Field(max_length=300, examples=["UA32080030010080493", "Бородянка"])]
"""A code of KATOTTG or a name, with what it lies in after a comma where several have it."""


class Apply(Command):
    """A body's application: which principles it accepts, and in which version of their text."""

    side: Side
    kind: MemberKind
    sector: Sector | None = None
    organisation_id: OrganisationId
    names: LocalisedText
    country: Country
    territory: PlaceText | None = None
    nuts: Nuts | None = None
    lau: Lau | None = None
    associations: Annotated[tuple[MemberId, ...], Field(max_length=20)] = ()
    contact_ref: ContactRef | None = None
    principles: tuple[PrincipleCode, ...]
    principles_version: Annotated[str, Field(max_length=20, examples=[principles.CURRENT])]


class Found(Command):
    """Contacts of founding members, by organisation id; those that are absent have none."""

    contacts: dict[OrganisationId, ContactRef] = Field(default_factory=dict)


class Endorse(Command):
    """Why a core member vouches for an applicant."""

    reason: Text


class Reject(Command):
    """Why a core member turns an application down."""

    reason: Text


class Because(Command):
    """Why a member is suspended or reinstated, leaves, or ends a partnership."""

    reason: Text


class DeclarePartnership(Command):
    """With whom the caller is twinned."""

    with_member: MemberId
    statement: Text


async def apply(command: Apply, uow: UnitOfWork) -> Member:
    """Record an application; a body that was rejected or has left applies as the member it was.

    Raises what `applying` raises.
    """
    before = await uow.find(members, {"organisation_id": command.organisation_id})
    for member in before:
        applying.again(member, command.side)
    application = MemberApplied(
        member_id=before[0].id if before else MemberId.new(),
        territory=applying.territory_of(command.side, command.kind, command.territory),
        **command.model_dump(exclude={"territory"}),
    )
    named = [await uow.get(members, member) for member in command.associations]
    return await uow.record(members, *applying.apply(application, named))


async def endorse(member_id: MemberId, command: Endorse, uow: UnitOfWork) -> Member:
    """Admit an applicant on the caller's word."""
    member = await uow.target(members, member_id)
    return await uow.record(members, model.endorse(member, await _caller(uow), command.reason))


async def reject(member_id: MemberId, command: Reject, uow: UnitOfWork) -> Member:
    """Turn an application down."""
    member = await uow.target(members, member_id)
    return await uow.record(members, model.reject(member, await _caller(uow), command.reason))


async def suspend_member(member_id: MemberId, command: Because, uow: UnitOfWork) -> Member:
    """Bar a member from acting, as a core member of its side or an operator."""
    member = await uow.target(members, member_id)
    return await uow.record(members, model.suspend(member, await _judge(uow), command.reason))


async def reinstate_member(member_id: MemberId, command: Because, uow: UnitOfWork) -> Member:
    """Let a suspended member act again, as a core member of its side or an operator."""
    member = await uow.target(members, member_id)
    return await uow.record(members, model.reinstate(member, await _judge(uow), command.reason))


async def leave(member_id: MemberId, command: Because, uow: UnitOfWork) -> Member:
    """Leave the alliance, as the member itself; its partnerships end with it."""
    member = await uow.target(members, member_id)
    left = model.leave(member, uow.actor.member, command.reason)
    side = "ukrainian_id" if member.side == "ukraine" else "partner_id"
    living: dict[str, Any] = {side: member.id, "living": True}
    ended = [
        twinning.end(partnership, member.id, command.reason, "member-left")
        for partnership in await uow.find(partnerships, living)
    ]
    return await uow.record(members, left, *ended)


async def declare_partnership(command: DeclarePartnership, uow: UnitOfWork) -> Partnership:
    """Declare a twinning of the caller with another member; a living one of the pair stays."""
    by = await _caller(uow)
    other = await uow.require(members, command.with_member)
    event = twinning.declare(PartnershipId.new(), by, other, command.statement)
    pair = {"ukrainian_id": event.ukrainian_id, "partner_id": event.partner_id, "living": True}
    if before := await uow.find(partnerships, pair):
        return before[0]
    for member in (event.ukrainian_id, event.partner_id):
        # It rests on both being members: one that leaves at this moment must see and end it.
        uow.lock(members, member)
    return await uow.record(partnerships, event)


async def confirm_partnership(partnership_id: PartnershipId, uow: UnitOfWork) -> Partnership:
    """Confirm a twinning that the other side declared."""
    partnership = await uow.target(partnerships, partnership_id)
    declarer = await uow.require(members, partnership.declared_by)
    event = twinning.confirm(partnership, await _caller(uow), declarer)
    return await uow.record(partnerships, event)


async def end_partnership(
    partnership_id: PartnershipId, command: Because, uow: UnitOfWork
) -> Partnership:
    """End a twinning of the caller's, or decline one that was declared with it."""
    partnership = await uow.target(partnerships, partnership_id)
    event = twinning.end(partnership, uow.actor.member, command.reason)
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
                principles=principles.CODES,
                principles_version=principles.CURRENT,
            )
            await uow.record(members, *applying.found(application))
    return await uow.find(members, {"role": "core"})


async def _caller(uow: UnitOfWork) -> Member:
    return await uow.require(members, uow.actor.member)


async def _judge(uow: UnitOfWork) -> Member | None:
    """The member that suspends or reinstates; None for an operator, who acts for none."""
    if uow.actor.member_id is None and "operator" in uow.actor.roles:
        return None
    return await _caller(uow)
