"""What matching publishes of matches and of what they cover. It owns every amount."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from shared.events.facts import (
    Amount,
    DateText,
    DecimalRate,
    LineNumber,
    Moment,
    Money,
    Side,
    Text,
)
from shared.events.ids import MatchId, MemberId, NeedId, PledgeId, RatesId, RoundId
from shared.events.registry import Event, Fact


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
