"""Credentials: who may ask for tokens, for whom and in which roles. State and decisions, pure.

A credential lives until it is revoked or its last day is over. Its secrets are no part of it: only
their hashes are kept, in client_secrets.py.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Literal

from services.members.model import Member, must_be_admitted
from shared.actor import Actor
from shared.errors import InvalidInput, NotYours, Refused
from shared.events.credentials import (
    CredentialIssued,
    CredentialRevoked,
    CredentialRotated,
    TokenRole,
)
from shared.events.envelope import rfc3339
from shared.events.facts import Line1, Moment
from shared.events.ids import CredentialId, MemberId
from shared.log import State


class Credential(State):
    """Who may ask for tokens; its id is its client_id."""

    what: ClassVar[str] = "credential"

    id: CredentialId
    member_id: MemberId | None = None
    roles: tuple[TokenRole, ...]
    label: Line1
    valid_until: Moment | None = None
    old_secret_valid_until: Moment | None = None
    status: Literal["active", "revoked"] = "active"

    def lives(self, now: datetime) -> bool:
        """Whether it is neither revoked nor over."""
        over = self.valid_until is not None and datetime.fromisoformat(self.valid_until) <= now
        return self.status == "active" and not over


class CredentialClosed(Refused):
    """The credential is revoked, or its last day is over."""

    title = "The credential is closed"


def possible_roles(member: Member | None) -> tuple[TokenRole, ...]:
    """The roles that tokens for a member may have; None for a body that is no member."""
    if member is None:
        return ("operator", "monitor", "auditor")
    return ("core", "member", "monitor") if member.role == "core" else ("member", "monitor")


def token_roles(credential: Credential, member: Member | None) -> tuple[TokenRole, ...]:
    """The roles that a credential's tokens may have today: none that its member has lost.

    A suspended member keeps its tokens: it may still decline, confirm what arrives, and leave.
    Each service knows what it may not.
    """
    if credential.member_id and (member is None or member.status not in ("admitted", "suspended")):
        return ()
    possible = possible_roles(member)
    return tuple(role for role in credential.roles if role in possible)


def issue(
    credential_id: CredentialId,
    member: Member | None,
    roles: Sequence[TokenRole],
    label: str,
    valid_until: Moment | None,
    by: Actor,
    now: datetime,
) -> CredentialIssued:
    """Let somebody ask for tokens: an operator anybody, a member itself, in roles that the token
    it asks with has too.

    Raises NotYours, NotAdmitted, InvalidInput.
    """
    _must_be_of(member.id if member else None, by)
    if member is not None:
        must_be_admitted(member)
    possible = possible_roles(member)
    if not set(roles) <= set(possible) or len(set(roles)) != len(roles):
        raise InvalidInput(
            "/roles",
            "these roles are not to be had, or one is named twice",
            list(roles),
            list(possible),
        )
    _must_have(roles, by)
    if valid_until is not None:
        if datetime.fromisoformat(valid_until) <= now:
            raise InvalidInput(
                "/valid_until", "this moment is over", valid_until, {"after": rfc3339(now)}
            )
        valid_until = rfc3339(datetime.fromisoformat(valid_until))
    return CredentialIssued(
        credential_id=credential_id,
        member_id=member.id if member else None,
        roles=tuple(roles),
        label=label,
        valid_until=valid_until,
    )


def rotate(
    credential: Credential, overlap: timedelta, by: Actor, now: datetime
) -> CredentialRotated:
    """Give a credential a new secret; the one before stays good for an overlap.

    Raises NotYours, CredentialClosed.
    """
    _must_be_of(credential.member_id, by)
    _must_have(credential.roles, by)
    must_live(credential, now)
    return CredentialRotated(credential_id=credential.id, old_valid_until=rfc3339(now + overlap))


def revoke(credential: Credential, reason: str, by: Actor) -> CredentialRevoked:
    """End a credential at once. Raises NotYours, CredentialClosed."""
    _must_be_of(credential.member_id, by)
    if credential.status == "revoked":
        raise _closed(credential)
    return CredentialRevoked(credential_id=credential.id, reason=reason)


def may_see(by: Actor, member_id: MemberId | None) -> None:
    """Credentials are seen by operators, auditors and the member itself. Raises NotYours."""
    if by.roles.isdisjoint({"operator", "auditor"}):
        _must_be_of(member_id, by)


def must_live(credential: Credential, now: datetime) -> None:
    """Raises CredentialClosed."""
    if not credential.lives(now):
        raise _closed(credential)


def is_operator(by: Actor) -> bool:
    """Whether an operator acts, for no member."""
    return by.member_id is None and "operator" in by.roles


def _must_be_of(member_id: MemberId | None, by: Actor) -> None:
    if not is_operator(by) and (member_id is None or by.member_id != member_id):
        raise NotYours(
            "a credential is its own member's and the operators', not {by}'s",
            by=by.name,
            owner=member_id,
        )


def _must_have(roles: Sequence[TokenRole], by: Actor) -> None:
    """Nobody's token grows: who may do less makes nothing that may do more."""
    if not is_operator(by) and not by.roles.issuperset(roles):
        raise NotYours(
            "the token has the roles {given}; it gives no secret for {wanted}",
            given=sorted(by.roles),
            wanted=list(roles),
        )


def _closed(credential: Credential) -> CredentialClosed:
    return CredentialClosed(
        "credential {credential} is closed: {state}",
        credential=credential.id,
        state="revoked" if credential.status == "revoked" else f"over {credential.valid_until}",
    )


def evolve_credential(credential: Credential | None, event: object) -> Credential:
    """The credential after one of its events."""
    match credential, event:
        case None, CredentialIssued() as e:
            return Credential(id=e.credential_id, **e.model_dump(exclude={"credential_id"}))
        case Credential(status="active"), CredentialRotated() as e:
            return credential.model_copy(update={"old_secret_valid_until": e.old_valid_until})
        case Credential(status="active"), CredentialRevoked():
            return credential.model_copy(update={"status": "revoked"})
    raise TypeError(f"{event!r} cannot follow {credential!r}")
