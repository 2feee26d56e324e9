"""What matching publishes: pledges, matches, coverage, rates, rounds. It owns every amount."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from shared.events.facts import (
    Amount,
    CurrencyCode,
    DateText,
    DecimalRate,
    HromadaSize,
    Katottg,
    Line1,
    LineNumber,
    LocalisedText,
    PledgeLine,
    ProjectSector,
    Side,
    Text,
)
from shared.events.ids import MatchId, MemberId, NeedId, PledgeId, RatesId, RoundId
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


class UsedRate(Fact):
    """The recorded rates a match was converted by: units of each currency for one euro."""

    rates_id: RatesId
    pledge_per_eur: DecimalRate
    need_per_eur: DecimalRate


class Alternative(Fact):
    """Another pledge line that could have served this requirement line, and why it did not."""

    pledge_id: PledgeId
    pledge_line: LineNumber
    reason: Line1


RuleName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9.-]{0,49}$")]
"""A matching rule and its version: `first-come.v1`."""

PartName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,49}$")]
"""One part of a score: `earmarked-for-this-need`."""


class Explanation(Fact):
    """Why this match: the rule's version, the score's parts, and the alternatives that lost."""

    rule: RuleName
    parts: dict[PartName, Annotated[int, Field(ge=-(2**53) + 1, lt=2**53)]]
    alternatives: tuple[Alternative, ...] = ()


class OfMatch(Event):
    """What every event of a match names, so that a reader needs no other event to place it."""

    match_id: MatchId
    pledge_id: PledgeId
    pledge_line: LineNumber
    partner_id: MemberId
    need_id: NeedId
    need_line: LineNumber
    authority_id: MemberId
    reserved: Amount
    covers: Amount


class MatchProposed(
    OfMatch, type="match-proposed", version=1, owner="matching", subject="match_id"
):
    """Part of a pledge line is reserved for a requirement line. Subject: the match's id.

    `reserved` counts in the pledge's currency or unit, `covers` in the need's.
    """

    rate: UsedRate | None = None
    round_id: RoundId
    explanation: Explanation


class MatchAccepted(
    OfMatch, type="match-accepted", version=1, owner="matching", subject="match_id"
):
    """One side says yes; the other may have said so before or not yet. Subject: the match."""

    side: Side
    accepted_by: MemberId


class MatchAgreed(OfMatch, type="match-agreed", version=1, owner="matching", subject="match_id"):
    """Both sides accepted: a commitment (IATI 2/11). Subject: the match's id."""


class MatchDeclined(
    OfMatch, type="match-declined", version=1, owner="matching", subject="match_id"
):
    """One side says no; its part is free again. Subject: the match's id."""

    side: Side
    declined_by: MemberId
    reason: Text


ReleaseCause = Literal[
    "need-withdrawn",
    "need-amended",
    "project-completed",
    "project-cancelled",
    "pledge-withdrawn",
    "pledge-amended",
    "pledge-expired",
    "member-suspended",
    "member-left",
]


class MatchReleased(
    OfMatch, type="match-released", version=1, owner="matching", subject="match_id"
):
    """A match ended because one of its ends or sides changed; its part is free again. Subject: the
    match's id.

    `was` is what it had been: a proposal; or agreed, where the need was withdrawn at the same
    moment or its project given up.
    """

    cause: ReleaseCause
    was: Literal["proposed", "agreed"]
    reason: Text


FlagCause = Literal["member-suspended", "member-left"]


class MatchFlagged(OfMatch, type="match-flagged", version=1, owner="matching", subject="match_id"):
    """An agreed match goes on although one of its sides was suspended or left. Subject: the match.

    A member's flag takes the place of the one it had before.
    """

    member_id: MemberId
    cause: FlagCause
    reason: Text


class MatchUnflagged(
    OfMatch, type="match-unflagged", version=1, owner="matching", subject="match_id"
):
    """That side is a member in good standing again, and why. Subject: the match's id."""

    member_id: MemberId
    reason: Text


class ContributionDelivered(
    OfMatch,
    type="contribution-delivered",
    version=1,
    owner="matching",
    subject="match_id",
):
    """All or part of an agreed match was delivered (IATI 3/4). Subject: the match's id.

    `delivered` counts in the pledge's currency or unit, `delivered_covers` in the need's; `rest`
    is what of the match is still to come, in the pledge's.
    """

    delivered: Amount
    delivered_covers: Amount
    rest: Amount
    date: DateText
    scope: Text


class NeedCovered(Event, type="need-covered", version=1, owner="matching", subject="need_id"):
    """Every line of a need is agreed or delivered in full. Subject: the need's id."""

    need_id: NeedId
    authority_id: MemberId


class RatesSet(Event, type="rates-set", version=1, owner="matching", subject="rates_id"):
    """Exchange rates an operator loaded: units of each currency for one euro. Subject: the set."""

    rates_id: RatesId
    date: DateText
    source: Text
    per_eur: dict[CurrencyCode, DecimalRate]


class PassedOver(Fact):
    """A pledge line that could have served and got nothing in this round, and why."""

    pledge_id: PledgeId
    pledge_line: LineNumber
    partner_id: MemberId
    need_id: NeedId
    reason: Line1


Count = Annotated[int, Field(ge=0, lt=2**53)]
"""How many, of anything."""

EuroCents = Annotated[int, Field(ge=0, lt=2**53)]
"""Money by the round's rates, in euro cents; the most it can say stands for that and more."""


class CoverageSums(Fact):
    """How much of some requirement lines is covered (proposed, agreed or delivered), before a round
    and after it.

    `lines` are all of them, `touched_before` and `touched_after` those with anything covered.
    `unvalued` of the lines have no value in euro (goods without a unit value, a currency without
    a rate): they count in lines alone, and are not in the amounts.
    """

    lines: Count
    touched_before: Count
    touched_after: Count
    unvalued: Count
    asked_cents: EuroCents
    before_cents: EuroCents
    after_cents: EuroCents


class OblastCoverage(CoverageSums):
    """Coverage of the needs of one oblast, by its code."""

    key: Katottg | Literal["unknown"]


class SectorCoverage(CoverageSums):
    """Coverage of the needs of one sector; a code does not hold those below it here."""

    key: ProjectSector


class SizeCoverage(CoverageSums):
    """Coverage of the needs of hromadas of one size."""

    key: HromadaSize


class RoundReport(Fact):
    """Coverage before and after a round, of all lines that were open to it, and by group.

    Groups without a line are absent; each line is in one group of each kind, so the groups of a
    kind add up to the total.
    """

    total: CoverageSums
    by_oblast: tuple[OblastCoverage, ...] = ()
    by_sector: tuple[SectorCoverage, ...] = ()
    by_size: tuple[SizeCoverage, ...] = ()


class MatchingRoundCompleted(
    Event,
    type="matching-round-completed",
    version=1,
    owner="matching",
    subject="round_id",
):
    """One decision over all open needs and pledges. Subject: the round's id."""

    round_id: RoundId
    rule: RuleName
    pledge_lines: Annotated[int, Field(ge=0)]
    requirement_lines: Annotated[int, Field(ge=0)]
    match_ids: tuple[MatchId, ...]
    passed_over: tuple[PassedOver, ...] = ()
    report: RoundReport | None = None
