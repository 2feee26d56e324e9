"""Code lists that services check input against: places of Ukraine, currencies.

The files are generated from packages that ship the official lists (`python -m
shared.codelists.generate`), so that a running service needs neither the packages nor a network.
"""

import csv
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from shared.errors import InvalidInput

HERE = Path(__file__).parent

OBLAST_LEVEL = ("O", "K")
HROMADA_LEVEL = ("H", "M", "T", "X", "C", "K", "B")
"""Categories of the codifier that are a hromada or lie inside one (Kyiv and Sevastopol are `K`)."""


INSIDE_A_HROMADA = ("M", "T", "X", "C", "B")
"""Categories that lie inside a hromada, or inside Kyiv or Sevastopol."""


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
    with (HERE / "katottg.csv").open(newline="", encoding="utf-8") as file:
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


@cache
def currencies() -> dict[str, int]:
    """Active ISO 4217 codes and how many decimals each has."""
    return _currencies()["active"]


@cache
def currency_decimals() -> dict[str, int]:
    """Decimals of every currency that is or ever was in the list: amounts outlive currencies."""
    return _currencies()["retired"] | _currencies()["active"]


@cache
def _currencies() -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = json.loads((HERE / "currencies.json").read_text())
    return found
