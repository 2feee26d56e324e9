"""What a round decides on: everything open as it stood, as plain numbers and codes.

A problem is built from folded state (services/matching/market.py), crosses to the solver's process,
and its canonical JSON is what the round's hash is of. Amounts are whole numbers of a line's own
smallest unit; days are ISO 8601; nothing in it is a clock's or a store's.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import Literal, NewType

from shared.events.canonical import canonical
from shared.events.facts import Urgency
from shared.events.ids import MatchId, MemberId, NeedId, PledgeId, RatesId

FUNDING = "funding"

Measure = NewType("Measure", str)
"""What can serve what: `funding`, or kind and category, `goods/truck`."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One line of an open pledge, and what its pledge is for.

    `place` orders pledge lines as they were made, `since` is when (milliseconds); `available` is
    free, `pledged` all it ever held; `record` is the partner's, from 0 to 1,000.
    """

    pledge_id: PledgeId
    line: int
    partner_id: MemberId
    place: int
    since: int
    measure: Measure
    unit: str
    pledged: int
    available: int
    record: int = 500
    indivisible: bool = False
    minimum: int = 0
    valid_from: str | None = None
    valid_until: str | None = None
    status: str = "open"
    partner_status: str = "admitted"
    need_id: NeedId | None = None
    authority_id: MemberId | None = None
    territories: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """One requirement line of a need, and what its need says of it.

    `asked` is all it asks for and `uncovered` what is neither proposed, agreed nor delivered.
    From 0 to 1,000: `begun`, how much of its need is agreed or delivered; `had`, how much its
    hromada has so far of all it asked; `record`, the authority's. `waiting` counts days.
    `unit_value` is what one unit counts for where money may be given instead, in the smallest
    unit of `value_currency`.
    """

    need_id: NeedId
    line: int
    authority_id: MemberId
    place: int
    since: int
    measure: Measure
    unit: str
    asked: int
    uncovered: int
    urgency: Urgency = "normal"
    territory: tuple[str, ...] = ()
    sector: str = ""
    begun: int = 0
    had: int = 0
    record: int = 500
    waiting: int = 0
    unit_value: int = 0
    value_currency: str = ""
    open: bool = True
    authority_status: str = "admitted"


Pair = tuple[PledgeId, int, NeedId, int]
"""(pledge, its line, need, its line)."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A proposal that nobody has accepted yet: a newly arrived pair of a higher tier may take its
    place. What it holds is neither available nor uncovered. `since` is when it was proposed."""

    match_id: MatchId
    pledge_id: PledgeId
    pledge_line: int
    need_id: NeedId
    need_line: int
    reserved: int
    covers: int
    since: int


@dataclass(frozen=True, slots=True)
class Rates:
    """Recorded exchange rates: units of each currency for one euro, as (numerator, denominator)."""

    id: RatesId
    per_eur: Mapping[str, tuple[int, int]]

    def of(self, currency: str) -> Fraction | None:
        """Units of a currency for one euro; None where none is recorded."""
        if currency == "EUR":
            return Fraction(1)
        found = self.per_eur.get(currency)
        return Fraction(*found) if found else None


@dataclass(frozen=True)
class Problem:
    """All that a round rests on. `barred` are pairs that are live, declined or lapsed; `twinned`
    holds (authority, partner) and since when; the order of its parts means nothing."""

    offers: tuple[Offer, ...]
    asks: tuple[Ask, ...]
    today: str
    rates: Rates | None = None
    barred: frozenset[Pair] = frozenset()
    twinned: Mapping[tuple[MemberId, MemberId], int] = field(default_factory=dict)
    standing: tuple[Standing, ...] = ()

    def canonical(self) -> str:
        """RFC 8785 text of the problem: the same for the same facts, whatever their order."""
        return canonical(
            {
                "offers": [_plain(o) for o in sorted(self.offers, key=lambda o: o.place)],
                "asks": [_plain(a) for a in sorted(self.asks, key=lambda a: a.place)],
                "today": self.today,
                "rates": _plain(self.rates) if self.rates else None,
                "barred": sorted(self.barred),
                "twinned": sorted([*pair, since] for pair, since in self.twinned.items()),
                "standing": [_plain(s) for s in sorted(self.standing, key=lambda s: s.match_id)],
            }
        )

    def hash(self) -> str:
        """SHA-256 of the canonical text, hexadecimal."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()


def _plain(part: Offer | Ask | Standing | Rates) -> dict[str, object]:
    if isinstance(part, Rates):
        return asdict(part)
    return {name: getattr(part, name) for name in part.__slots__}


ReasonCode = Literal[
    "pledge-not-open",
    "need-not-open",
    "partner-not-in-good-standing",
    "authority-not-in-good-standing",
    "not-yet-valid",
    "no-longer-valid",
    "other-kind",
    "other-category",
    "other-unit",
    "no-unit-value",
    "no-rate",
    "earmarked-for-another-need",
    "earmarked-for-another-authority",
    "earmarked-for-other-places",
    "earmarked-for-other-sectors",
    "answered-before",
    "nothing-available",
    "nothing-uncovered",
    "below-minimum",
    "indivisible-too-large",
    "less-than-one-unit",
]
"""Why a pledge line cannot serve a requirement line: one code for each reason."""
