"""What members publishes of credentials: who may ask for tokens, for whom and in which roles.

Neither a secret nor its hash is in any event.
"""

from typing import Annotated, Literal

from pydantic import Field

from shared.events.facts import Line1, Moment, Text
from shared.events.ids import CredentialId, MemberId
from shared.events.registry import Event

TokenRole = Literal["operator", "core", "member", "monitor", "auditor"]
"""A role that a token may have."""


class CredentialIssued(
    Event, type="credential-issued", version=1, owner="members", subject="credential_id"
):
    """Somebody may ask for tokens. Subject: the credential's id, which is its client_id.

    With `member_id` its tokens act for that member; without, for an operator, a monitor or an
    auditor. `label` says what uses it, and names no person.
    """

    credential_id: CredentialId
    member_id: MemberId | None = None
    roles: Annotated[tuple[TokenRole, ...], Field(min_length=1)]
    label: Line1
    valid_until: Moment | None = None


class CredentialRotated(
    Event, type="credential-rotated", version=1, owner="members", subject="credential_id"
):
    """A credential has a new secret; the one before is good until `old_valid_until`, any earlier
    one no more. Subject: the credential's id."""

    credential_id: CredentialId
    old_valid_until: Moment


class CredentialRevoked(
    Event, type="credential-revoked", version=1, owner="members", subject="credential_id"
):
    """A credential gives no tokens any more, and why. Subject: the credential's id."""

    credential_id: CredentialId
    reason: Text
