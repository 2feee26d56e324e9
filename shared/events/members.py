"""What members publishes: who belongs to the alliance, and who is twinned with whom."""

from typing import Annotated, Literal

from pydantic import Field

from shared.events.facts import (
    Katottg,
    Lau,
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

Sector = Literal["public", "private"]
"""Whether an institution is public or private."""

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
"""The alliance's eight principles; each version's text is in services/members/principles/."""

PartnershipEnd = Literal["decision", "member-left"]
"""Why a partnership ended: one of the two decided so, or left the alliance."""


class MemberApplied(Event, type="member-applied", version=1, owner="members", subject="member_id"):
    """A body asks to join and accepts the principles. Subject: the member's id.

    One that was rejected or has left may ask again, under the id it had. `territory` is the chain
    of KATOTTG codes from its own up to the oblast, for Ukraine; `nuts` a NUTS 2024 code and `lau`
    one of a local administrative unit, for partners. `sector` is an institution's. `associations`
    are the member associations it says it belongs to. People are behind `contact_ref` only.
    """

    member_id: MemberId
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


class MemberSuspended(
    Event, type="member-suspended", version=1, owner="members", subject="member_id"
):
    """A member may not act until it is reinstated, and why. Subject: the member's id.

    `suspended_by` is a core member of the same side; absent where an operator did it, whom the
    envelope's actor names. `endorsed_by` is who had vouched for it.
    """

    member_id: MemberId
    suspended_by: MemberId | None = None
    endorsed_by: MemberId | None = None
    reason: Text


class MemberReinstated(
    Event, type="member-reinstated", version=1, owner="members", subject="member_id"
):
    """A suspended member may act again, and why. Subject: the member's id.

    `reinstated_by` and `endorsed_by` are as in member-suspended.
    """

    member_id: MemberId
    reinstated_by: MemberId | None = None
    endorsed_by: MemberId | None = None
    reason: Text


class MemberLeft(Event, type="member-left", version=1, owner="members", subject="member_id"):
    """A member left by its own word, and why. Subject: the member's id.

    `endorsed_by` is who had vouched for it.
    """

    member_id: MemberId
    endorsed_by: MemberId | None = None
    reason: Text


class OfPartnership(Event):
    """What every event of a partnership names."""

    partnership_id: PartnershipId
    ukrainian_id: MemberId
    partner_id: MemberId


class PartnershipDeclared(
    OfPartnership,
    type="partnership-declared",
    version=1,
    owner="members",
    subject="partnership_id",
):
    """One of two says that they are twinned; it counts once the other confirms. Subject: the
    partnership's id."""

    declared_by: MemberId
    statement: Text


class PartnershipConfirmed(
    OfPartnership,
    type="partnership-confirmed",
    version=1,
    owner="members",
    subject="partnership_id",
):
    """The other one says so too: they are twinned. Subject: the partnership's id."""

    confirmed_by: MemberId


class PartnershipEnded(
    OfPartnership,
    type="partnership-ended",
    version=1,
    owner="members",
    subject="partnership_id",
):
    """A twinning is over, or was declined before it began. Subject: the partnership's id.

    `was` is what it had been; one that is over may be declared anew, under a new id.
    """

    ended_by: MemberId
    was: Literal["declared", "confirmed"]
    cause: PartnershipEnd
    reason: Text
