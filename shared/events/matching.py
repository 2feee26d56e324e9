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
    LineNumber,
    LocalisedText,
    Moment,
    Money,
    PledgeLine,
    ProjectSector,
    Side,
    Text,
)
from shared.events.ids import MatchId, MemberId, NeedId, PledgeId, RatesId, RoundId
from shared.events.registry import Event, Fact
from shared.events.seen import Seen

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


RuleName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9.-]{0,49}$")]
"""A matching rule and its version: `optimal.v1`."""

PartName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,49}$")]
"""One tier or part of a score: `earmarked-for-this-need`."""

Whole = Annotated[int, Field(ge=-(2**53) + 1, lt=2**53)]

ReasonWord = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,49}$")]
"""Why something was not matched, as one word: `lower-tier` (docs/matching.md has all)."""


class Alternative(Fact):
    """Another pair that could have been, and why it lost: `margin` is by how many points of score
    per unit, where that is the reason."""

    pledge_id: PledgeId
    pledge_line: LineNumber
    need_id: NeedId
    need_line: LineNumber
    reason: ReasonWord
    margin: Whole = 0


class Explanation(Fact):
    """Why this match: the rule's version, its tier step by step, the parts of its score within the
    tier, what kept it from being larger, and the best pairs that lost: other pledge lines for the
    same requirement line (`alternatives`), and other requirement lines for the same pledge line.
    """

    rule: RuleName
    tier: dict[PartName, Whole] = Field(default_factory=dict)
    score: Whole | None = None
    parts: dict[PartName, Whole]
    binding: tuple[ReasonWord, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    other_needs: tuple[Alternative, ...] = ()


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

    `reserved` counts in the pledge's currency or unit, `covers` in the need's. It lapses at
    `lapses_at` unless both sides accept. By hand: no `round_id`, a `reason`, and `proposed_by`
    where a side proposed it and not an operator. `unit_value`: money is given for what was asked in
    kind, at the need's value of one unit.
    """

    rate: UsedRate | None = None
    round_id: RoundId | None = None
    explanation: Explanation
    unit_value: Money | None = None
    lapses_at: Moment | None = None
    proposed_by: MemberId | None = None
    reason: Text | None = None


class MatchAccepted(
    OfMatch, type="match-accepted", version=1, owner="matching", subject="match_id"
):
    """One side says yes; the other may have said so before or not yet. Subject: the match."""

    side: Side
    accepted_by: MemberId


class MatchAgreed(OfMatch, type="match-agreed", version=1, owner="matching", subject="match_id"):
    """Both sides accepted: a commitment (IATI 2/11). Subject: the match's id."""


class Amendments(Fact):
    """How often a match's pledge and need had been amended when it ended unanswered or by a no.

    The pair is not proposed again by a round until one of them is amended once more.
    """

    pledge: Annotated[int, Field(ge=0)] = 0
    need: Annotated[int, Field(ge=0)] = 0


class MatchDeclined(
    OfMatch, type="match-declined", version=1, owner="matching", subject="match_id"
):
    """One side says no; its part is free again. Subject: the match's id."""

    side: Side
    declined_by: MemberId
    reason: Text
    amended: Amendments = Amendments()


class Unanswered(OfMatch):
    """What is said of a proposal that waits, or waited in vain, for one side or both."""

    accepted: tuple[Side, ...] = ()

    @property
    def silent(self) -> tuple[MemberId, ...]:
        """The sides that have not answered."""
        sides: dict[Side, MemberId] = {"partner": self.partner_id, "ukraine": self.authority_id}
        return tuple(member for side, member in sides.items() if side not in self.accepted)


class MatchLapsesSoon(
    Unanswered, type="match-lapses-soon", version=1, owner="matching", subject="match_id"
):
    """A proposal lapses at `lapses_at` unless the silent sides accept. Subject: the match's id."""

    lapses_at: Moment


class MatchLapsed(Unanswered, type="match-lapsed", version=1, owner="matching", subject="match_id"):
    """A proposal's time has passed without an agreement; its part is free again. Subject: the
    match's id.
    """

    amended: Amendments = Amendments()


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
    "displaced",
]


class MatchReleased(
    OfMatch, type="match-released", version=1, owner="matching", subject="match_id"
):
    """A match ended because one of its ends or sides changed; its part is free again. Subject: the
    match's id.

    `was` is what it had been: a proposal; or agreed, where the need was withdrawn at the same
    moment or its project given up. Displaced: a newly arrived pair of a higher tier takes the
    place of a proposal that nobody had accepted; `displaced_by` is its match.
    """

    cause: ReleaseCause
    was: Literal["proposed", "agreed"]
    reason: Text
    displaced_by: MatchId | None = None


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


class LostLine(Fact):
    """A requirement line that a pledge line could have served and did not get, and why.

    `margin` is by how much its score was lower than what won, where that is the reason.
    """

    pledge_line: LineNumber
    need_id: NeedId
    need_line: LineNumber
    reason: ReasonWord
    margin: Annotated[int, Field(ge=0, lt=2**53)] | None = None


class PledgePassedOver(
    Event, type="pledge-passed-over", version=1, owner="matching", subject="pledge_id"
):
    """A round gave a pledge nothing although it could have served. Subject: the pledge's id.

    `lines` are the first 50 of what it lost; the pledge's amounts stay as they were.
    """

    pledge_id: PledgeId
    partner_id: MemberId
    round_id: RoundId
    lines: Annotated[tuple[LostLine, ...], Field(min_length=1, max_length=50)]


Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256, hexadecimal."""

TotalScore = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,40}$")]
"""A sum of amounts times scores: a whole number that may outgrow a JSON number."""


class RoundStep(Fact):
    """One tier of a round: how many pairs and matches, and their total score. `bound` is what no
    solution can exceed; it is absent where the score is proved to be the greatest."""

    tier: Whole
    substituting: bool = False
    pairs: Count
    matches: Count
    score: TotalScore
    bound: TotalScore | None = None


class MatchingRoundRequested(
    Event, type="matching-round-requested", version=1, owner="matching", subject="round_id"
):
    """An operator asks for a round now, and why. Subject: the round's id."""

    round_id: RoundId
    reason: Text


class RoundDecision(Fact):
    """What a round had seen, by which rule it decided, and what.

    What changed while it was decided is left for the next round, so fewer proposals than `matches`
    may follow. `problem_hash` and `solution_hash` are SHA-256 of RFC 8785 texts: who folds the
    events that were `seen` and decides again by the same rule gets the same. `milliseconds` is
    how long deciding took.
    """

    rule: RuleName
    seen: Seen
    day: DateText
    rates_id: RatesId | None = None
    pledge_lines: Count
    requirement_lines: Count
    pairs: Count
    matches: Count
    displaced: Count = 0
    passed_over: Count = 0
    steps: tuple[RoundStep, ...] = ()
    problem_hash: Digest
    solution_hash: Digest
    milliseconds: Count
    report: RoundReport | None = None


class MatchingRoundCompleted(
    Event, type="matching-round-completed", version=1, owner="matching", subject="round_id"
):
    """One decision over all that was open. Subject: the round's id.

    Recorded before its proposals, which name it as their `round_id`.
    """

    round_id: RoundId
    decision: RoundDecision
