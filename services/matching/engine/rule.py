"""The rule a round decides by, as one table: tiers, then the parts of a score within a tier.

`docs/matching.md` is generated from it. A change of anything here is a new version of the rule.
"""

from collections.abc import Callable
from typing import NamedTuple

from services.matching.engine.problem import Ask, Offer

RULE = "optimal.v1"

BASE = 1000
"""What every unit of value scores, whoever gives and takes it; all parts together add less."""

URGENCIES = ("low", "normal", "high", "critical")


class Tier(NamedTuple):
    """One step of the ladder: pairs that reach higher on it come first, whatever the rest."""

    name: str
    levels: int
    means: str


TIERS = (
    Tier("earmarked-for-this-need", 2, "the pledge names this very need"),
    Tier("partnership", 2, "authority and partner have a confirmed partnership"),
    Tier(
        "place-and-sector",
        3,
        "the pledge names this authority or a place that holds the need (1), the need's sector (1)",
    ),
    Tier(
        "urgency", len(URGENCIES), "low 0, normal 1, high 2, critical 3, as the need's owner says"
    ),
)


class Part(NamedTuple):
    """One part of a score within a tier: from 0 to `most`."""

    name: str
    most: int
    means: str
    of_ask: Callable[[Ask], int] | None = None
    of_offer: Callable[[Offer], int] | None = None


WAITING_DAYS = 365

PARTS = (
    Part(
        "begun",
        400,
        "how much of the need is agreed or delivered: finish what is begun",
        of_ask=lambda a: 400 * a.begun // 1000,
    ),
    Part(
        "fairness",
        300,
        "how little the hromada has so far, agreed or delivered, of all it asked",
        of_ask=lambda a: 300 * (1000 - a.had) // 1000,
    ),
    Part(
        "waiting",
        200,
        f"days since the need was posted, {WAITING_DAYS} or more give all",
        of_ask=lambda a: 200 * min(a.waiting, WAITING_DAYS) // WAITING_DAYS,
    ),
    Part(
        "authority-record",
        49,
        "the authority's matches so far: delivered, against declined and lapsed",
        of_ask=lambda a: 49 * a.record // 1000,
    ),
    Part(
        "partner-record",
        50,
        "the partner's matches so far: delivered, against declined and lapsed",
        of_offer=lambda o: 50 * o.record // 1000,
    ),
)


def record(delivered: int, declined: int, lapsed: int) -> int:
    """A party's record, 0 to 1,000; 500 for who has none, and each match moves it less."""
    return 1000 * (delivered + 1) // (delivered + declined + lapsed + 2)


def tier_of(earmarked: int, partnership: int, place_and_sector: int, urgency: int) -> int:
    """A pair's tier as one number; the higher comes first."""
    found = 0
    for tier, level in zip(TIERS, (earmarked, partnership, place_and_sector, urgency), strict=True):
        found = found * tier.levels + level
    return found


def levels_of(tier: int) -> dict[str, int]:
    """How high a tier is on each step."""
    found = {}
    for step in reversed(TIERS):
        tier, found[step.name] = divmod(tier, step.levels)
    return {step.name: found[step.name] for step in TIERS}


def parts_of(offer: Offer, ask: Ask) -> dict[str, int]:
    """The parts of a pair's score within its tier; with BASE, they add up to it."""
    return {
        part.name: part.of_ask(ask) if part.of_ask else part.of_offer(offer) if part.of_offer else 0
        for part in PARTS
    }


def ask_score(ask: Ask) -> int:
    """What a requirement line brings to the score of each of its pairs."""
    return BASE + sum(part.of_ask(ask) for part in PARTS if part.of_ask)


def offer_score(offer: Offer) -> int:
    """What a pledge line brings to the score of each of its pairs."""
    return sum(part.of_offer(offer) for part in PARTS if part.of_offer)
