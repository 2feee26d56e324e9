"""What matching publishes of rounds and of the exchange rates they count by."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from shared.events.facts import (
    CurrencyCode,
    DateText,
    DecimalRate,
    HromadaSize,
    Katottg,
    LineNumber,
    ProjectSector,
    Text,
)
from shared.events.ids import MemberId, NeedId, PledgeId, RatesId, RoundId
from shared.events.matches import ReasonWord, RuleName, Whole
from shared.events.registry import Event, Fact
from shared.events.seen import Seen


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
