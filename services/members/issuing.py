"""Commands on credentials: load, decide, record. Their secrets are made by who answers."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from services.members import credentials as model
from services.members.credentials import Credential
from services.members.store import credentials, members
from shared.actor import Command
from shared.events.credentials import TokenRole
from shared.events.facts import Line1, Moment, Text
from shared.events.ids import CredentialId, MemberId
from shared.uow import UnitOfWork


class IssueCredential(Command):
    """Who shall be able to ask for tokens: a member, or (without one) an operator, a monitor or an
    auditor. `label` says what uses it, and names no person."""

    member_id: MemberId | None = None
    roles: Annotated[tuple[TokenRole, ...], Field(min_length=1, max_length=5)]
    label: Line1
    valid_until: Moment | None = None


class RotateCredential(Command):
    """For how long the secret before stays good: a day, if nothing is said; 0 for not at all."""

    overlap_seconds: Annotated[int, Field(ge=0, le=30 * 86_400)] = 86_400


class RevokeCredential(Command):
    """Why a credential ends."""

    reason: Text


async def issue_credential(command: IssueCredential, uow: UnitOfWork) -> Credential:
    """Record a new credential; a member that names nobody asks for itself."""
    await _must_be_alive(uow)
    member_id = command.member_id or uow.actor.member_id
    member = await uow.require(members, member_id) if member_id else None
    event = model.issue(
        CredentialId.new(),
        member,
        command.roles,
        command.label,
        command.valid_until,
        uow.actor,
        uow.now,
    )
    return await uow.record(credentials, event)


async def rotate_credential(
    credential_id: CredentialId, command: RotateCredential, uow: UnitOfWork
) -> Credential:
    """Record that a credential has a new secret."""
    await _must_be_alive(uow)
    credential = await uow.target(credentials, credential_id)
    overlap = timedelta(seconds=command.overlap_seconds)
    return await uow.record(credentials, model.rotate(credential, overlap, uow.actor, uow.now))


async def revoke_credential(
    credential_id: CredentialId, command: RevokeCredential, uow: UnitOfWork
) -> Credential:
    """Record that a credential ended."""
    credential = await uow.target(credentials, credential_id)
    return await uow.record(credentials, model.revoke(credential, command.reason, uow.actor))


async def _must_be_alive(uow: UnitOfWork) -> None:
    """A token outlives its credential by minutes, in which it must not make itself another.

    Raises CredentialClosed.
    """
    acting = await uow.get(credentials, uow.actor.client) if uow.actor.client else None
    if acting is not None:
        model.must_live(acting, uow.now)
        uow.lock(credentials, acting.id)  # or it is revoked at this very moment
