"""What matching publishes of pledges: what is given, how much, to whom and for how long."""

from typing import Annotated, Literal

from pydantic import Field

from shared.events.facts import (
    Amount,
    DateText,
    Katottg,
    LineNumber,
    LocalisedText,
    PledgeLine,
    ProjectSector,
    Text,
)
from shared.events.ids import MemberId, NeedId, PledgeId
from shared.events.registry import Event, Fact

PledgeLines = Annotated[tuple[PledgeLine, ...], Field(min_length=1, max_length=200)]


class Earmark(Fact):
    """What a pledge is for; what is absent is not asked for.

    `side`: whatever that country's authorities ask for; `authority_id`: one partner's needs;
    `territories` are KATOTTG codes, `sectors` OC4IDS codes: a code holds all below it.
    """

    side: Literal["ukraine"] | None = None
    need_id: NeedId | None = None
    authority_id: MemberId | None = None
    territories: tuple[Katottg, ...] = ()
    sectors: tuple[ProjectSector, ...] = ()


class PledgeMade(Event, type="pledge-made", version=1, owner="matching", subject="pledge_id"):
    """A partner offers something, not binding until matched (IATI 12/13). Subject: the pledge."""

    pledge_id: PledgeId
    partner_id: MemberId
    title: LocalisedText
    lines: PledgeLines
    earmark: Earmark = Earmark()
    conditions: Text | None = None
    valid_from: DateText | None = None
    valid_until: DateText | None = None


class PledgeAmended(Event, type="pledge-amended", version=1, owner="matching", subject="pledge_id"):
    """A partner changed the amounts of its lines, and why. Subject: the pledge's id."""

    pledge_id: PledgeId
    partner_id: MemberId
    lines: PledgeLines
    lines_before: PledgeLines
    reason: Text


class LineAmount(Fact):
    """An amount of one line of a pledge."""

    line: LineNumber
    amount: Amount


class PledgeWithdrawn(
    Event, type="pledge-withdrawn", version=1, owner="matching", subject="pledge_id"
):
    """A partner takes back what is not agreed. Subject: the pledge's id.

    `withdrawn` is what of each line went from available to withdrawn; what is agreed stays.
    """

    pledge_id: PledgeId
    partner_id: MemberId
    withdrawn: tuple[LineAmount, ...]
    reason: Text


class PledgeExpired(Event, type="pledge-expired", version=1, owner="matching", subject="pledge_id"):
    """The last day of a pledge has passed; what is not agreed is offered no more. Subject: the
    pledge's id.

    `expired` is what of each line went from available to expired; what is agreed stays.
    """

    pledge_id: PledgeId
    partner_id: MemberId
    valid_until: DateText
    expired: tuple[LineAmount, ...]
