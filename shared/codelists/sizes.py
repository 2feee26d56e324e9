"""How large a hromada is, by the people who lived there before the full-scale invasion.

`hromada_population.csv` is the population of 2022 of the 1,469 hromadas outside Crimea, by KATOTTG
code: KSE Loc Data Hub (MIT), from figures of the State Statistics Service, a public act. No package
ships it, so `shared.codelists.generate` leaves the file alone; a newer edition takes its place by
hand. It has no figure for Crimea, nor for Kyiv and Sevastopol, which are no hromadas.
"""

import csv
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from shared.codelists.places import OBLAST_LEVEL, places
from shared.events.facts import HromadaSize

MEDIUM_FROM = 10_000
LARGE_FROM = 50_000
"""People from whom a hromada is of this size."""

SPECIAL_STATUS = frozenset({"UA80000000000093317", "UA85000000000065278"})
"""Kyiv and Sevastopol: large, without a figure."""


@cache
def population() -> dict[str, int]:
    """People in 2022 by the hromada's code, where that is known; read at the first use."""
    file = Path(__file__).parent / "hromada_population.csv"
    with file.open(newline="", encoding="utf-8") as lines:
        return {row["code"]: int(row["population_2022"]) for row in csv.DictReader(lines)}


def size_of(territory: Sequence[str]) -> HromadaSize:
    """The size of the hromada in a chain of KATOTTG codes.

    Unknown where there is none in it (a whole raion or oblast), or no figure of it (Crimea).
    """
    if not SPECIAL_STATUS.isdisjoint(territory):
        return "large"
    people = next((population()[code] for code in territory if code in population()), None)
    if people is None:
        return "unknown"
    return "small" if people < MEDIUM_FROM else "medium" if people < LARGE_FROM else "large"


def oblast_of(territory: Sequence[str]) -> str | None:
    """The code of the oblast (or Crimea, Kyiv, Sevastopol) in a chain of KATOTTG codes."""
    for code in territory:
        place = places().get(code)
        if place is not None and place.category in OBLAST_LEVEL:
            return code
    return None
