"""What members publishes: who belongs to the alliance, and who is twinned with whom."""

from typing import Annotated, Literal

from pydantic import Field

from shared.events.facts import (
    Katottg,
    LocalisedText,
    Nuts,
    OrganisationId,
    Role,
    Side,
    Text,
)
from shared.events.ids import ContactRef, MemberId, PartnershipId
from shared.events.registry import Event

MemberKind = Literal["association", "region", "city", "hromada", "institution", "donor"]
"""What sort of body a member is; `donor` is a state, agency or charity that pledges."""

Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
"""ISO 3166-1 alpha-2."""

PrincipleCode = Literal[
    "territorial-integrity",
    "european-integration",
    "local-self-government",
    "integrated-planning",
    "charter-of-local-self-government",
    "countryside",
    "good-governance",
    "business-and-innovation",
]
"""The alliance's eight principles."""


class MemberApplied(Event, type="member-applied", version=1, owner="members", subject="member_id"):
    """A body asks to join and accepts principles. Subject: the member's id.

    `territory` is the chain of KATOTTG codes from its own up to the oblast, for Ukraine;
    `nuts` a NUTS 2024 code, for partners. People are behind `contact_ref` only.
    """

    member_id: MemberId
    side: Side
    kind: MemberKind
    organisation_id: OrganisationId
    names: LocalisedText
    country: Country
    territory: tuple[Katottg, ...] = ()
    nuts: Nuts | None = None
    contact_ref: ContactRef | None = None
    principles: tuple[PrincipleCode, ...]
    principles_version: str


class MemberAdmitted(
    Event, type="member-admitted", version=1, owner="members", subject="member_id"
):
    """A body became a member. Subject: the member's id.

    `endorsed_by` is the core member of the same side that endorsed it; None for the founding
    core members only.
    """

    member_id: MemberId
    role: Role
    endorsed_by: MemberId | None = None
    reason: Text


class MemberRejected(
    Event, type="member-rejected", version=1, owner="members", subject="member_id"
):
    """An application was turned down, with the reason. Subject: the member's id."""

    member_id: MemberId
    rejected_by: MemberId
    reason: Text


class PartnershipDeclared(
    Event,
    type="partnership-declared",
    version=1,
    owner="members",
    subject="partnership_id",
):
    """A Ukrainian and a partner member are twinned. Subject: the partnership's id."""

    partnership_id: PartnershipId
    ukrainian_id: MemberId
    partner_id: MemberId
    declared_by: MemberId
    statement: Text
