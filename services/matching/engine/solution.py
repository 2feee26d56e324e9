"""What a round decided: awards to be proposed, proposals that give way, who was passed over."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

from shared.events.canonical import canonical
from shared.events.ids import MatchId, MemberId, NeedId, PledgeId

LossCode = Literal[
    "lower-tier", "lower-score", "later", "does-not-fit", "used-for-others", "covered-by-others"
]
"""Why another pair lost: a lower tier; a lower score in the same one; as good and later in order;
a minimum or an indivisible amount that does not fit what is left; its pledge line was used up for
others; its requirement line was covered by others."""

LOSS_CODES: tuple[LossCode, ...] = get_args(LossCode)

Binding = Literal["covers-the-line", "uses-up-the-pledge-line", "indivisible", "minimum"]
"""What kept an award from being larger, or smaller."""


class Lost(NamedTuple):
    """A pair that could have been and was not; `margin` is by how many points of score."""

    pledge_id: PledgeId
    pledge_line: int
    need_id: NeedId
    need_line: int
    tier: int
    score: int
    code: LossCode
    margin: int


class Award(NamedTuple):
    """One match to be proposed. `reserved` counts in the pledge line's smallest units, `covers` in
    the requirement line's; `substituted`: money for what was asked in kind."""

    pledge_id: PledgeId
    pledge_line: int
    need_id: NeedId
    need_line: int
    reserved: int
    covers: int
    tier: int
    score: int
    substituted: bool
    parts: Mapping[str, int]
    binding: tuple[Binding, ...]
    other_pledges: tuple[Lost, ...]
    other_needs: tuple[Lost, ...]


@dataclass(frozen=True, slots=True)
class Displaced:
    """A proposal that gives way to a newly arrived pair of a higher tier."""

    match_id: MatchId
    by_pledge_id: PledgeId
    by_pledge_line: int
    by_need_id: NeedId
    by_need_line: int


class PassedOver(NamedTuple):
    """A pledge line that got nothing, and the lines it could have served that others covered."""

    pledge_id: PledgeId
    pledge_line: int
    partner_id: MemberId
    lost: tuple[Lost, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One tier of the round: its total score, the bound on it, and whether that proves it."""

    tier: int
    substituting: bool
    pairs: int
    awards: int
    score: int
    bound: int
    proven: bool


@dataclass(frozen=True, slots=True)
class Solution:
    """A round's decision; the same for the same problem, byte for byte."""

    awards: tuple[Award, ...] = ()
    displaced: tuple[Displaced, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()
    steps: tuple[Step, ...] = ()
    pairs: int = 0

    @property
    def proven(self) -> bool:
        """Whether every step is proved to be the best there is."""
        return all(step.proven for step in self.steps)

    def canonical(self) -> str:
        """RFC 8785 text of the solution."""
        return canonical(
            {
                "awards": [
                    a._asdict()
                    | {
                        "other_pledges": [lost._asdict() for lost in a.other_pledges],
                        "other_needs": [lost._asdict() for lost in a.other_needs],
                    }
                    for a in self.awards
                ],
                "displaced": [_plain(d) for d in self.displaced],
                "passed_over": [
                    p._asdict() | {"lost": [lost._asdict() for lost in p.lost]}
                    for p in self.passed_over
                ],
                # total scores outgrow the 53 bits of a JSON number
                "steps": [
                    _plain(s) | {"score": str(s.score), "bound": str(s.bound)} for s in self.steps
                ],
                "pairs": self.pairs,
            }
        )

    def hash(self) -> str:
        """SHA-256 of the canonical text, hexadecimal."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()


def _plain(part: Displaced | Step) -> dict[str, Any]:
    return {name: getattr(part, name) for name in part.__slots__}
