"""Places of Ukraine: the codifier of administrative units and hromadas' territories (KATOTTG)."""

import csv
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from shared.errors import InvalidInput

OBLAST_LEVEL = ("O", "K")
HROMADA_LEVEL = ("H", "M", "T", "X", "C", "K", "B")
"""Categories of the codifier that are a hromada or lie inside one (Kyiv and Sevastopol are `K`)."""

INSIDE_A_HROMADA = ("M", "T", "X", "C", "B")
"""Categories that lie inside a hromada, or inside Kyiv or Sevastopol."""

CATEGORY_WORDS = {
    "O": "oblast",
    "K": "city with special status",
    "P": "raion",
    "H": "hromada",
    "M": "city",
    "T": "urban-type settlement",
    "X": "settlement",
    "C": "village",
    "B": "district of a city",
}
"""The codifier's categories, from the widest; Crimea is an `O`."""


@dataclass(frozen=True, slots=True)
class Place:
    """One unit of the codifier: category O, K, P (raion), H (hromada), M, T, C, X, B."""

    code: str
    parent: str | None
    category: str
    name: str


@cache
def places() -> dict[str, Place]:
    """Every unit of KATOTTG by code (about 31,700, 15 MB), read at the first use."""
    with (Path(__file__).parent / "katottg.csv").open(newline="", encoding="utf-8") as file:
        return {
            row["code"]: Place(row["code"], row["parent"] or None, row["category"], row["name"])
            for row in csv.DictReader(file)
        }


def chain(code: str) -> tuple[str, ...]:
    """A code and all its parents, up to the oblast. Raises KeyError for a code that is none."""
    found = []
    current: str | None = code
    while current is not None:
        place = places()[current]
        found.append(place.code)
        current = place.parent
    return tuple(found)


def asked_chain(code: str, pointer: str) -> tuple[str, ...]:
    """`chain` for a code that somebody gave at `pointer`. Raises InvalidInput where it is none."""
    if code not in places():
        raise InvalidInput(
            pointer, "this is no code of the codifier", code, "a code of KATOTTG, UA and 17 digits"
        )
    return chain(code)


def described(code: str) -> dict[str, str]:
    """A unit as an error offers it: code, name, category in words, and what it lies in.

    Of a hromada also the first settlement it `holds`: two of one name may lie in one raion.
    """
    place, *around = (places()[c] for c in chain(code))
    found = {"code": code, "name": place.name, "category": CATEGORY_WORDS[place.category]}
    if place.category == "H":
        found["holds"] = places()[below(code, INSIDE_A_HROMADA, 1)[0]].name
    for wider in around:
        found["oblast" if wider.parent is None else CATEGORY_WORDS[wider.category]] = wider.name
    return found


@cache
def _children() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for place in places().values():
        if place.parent is not None:
            found.setdefault(place.parent, []).append(place.code)
    return found


def codes_below(code: str) -> list[str]:
    """A code and all that lies in it; a code that is none holds itself only."""
    found = row = [code]
    while row := [child for parent in row for child in _children().get(parent, [])]:
        found = found + row
    return found


def below(code: str, levels: Collection[str], most: int) -> list[str]:
    """The first units of these categories that a unit holds, the nearest to it first."""
    found: list[str] = []
    row = [code]
    while row and len(found) < most:
        row = [child for parent in row for child in _children().get(parent, [])]
        found += [c for c in row if places()[c].category in levels]
    return found[:most]
