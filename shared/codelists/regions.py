"""Territories of partners: NUTS 2024, the statistical regions beside it, and LAU."""

import csv
import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from shared.errors import InvalidInput

EUROSTAT_COUNTRIES = {"GR": "EL", "GB": "UK"}
"""Countries that Eurostat codes otherwise than ISO 3166-1 does."""

_LAU = re.compile(r"([A-Z]{2})_([0-9A-Z]{1,13})")


@dataclass(frozen=True, slots=True)
class Region:
    """A region as Eurostat has it: `country` is Eurostat's (EL, UK); level 1, 2 or 3.

    `classification` is `NUTS 2024`; `SR 2024`, the statistical regions of candidate and EFTA
    countries; or `NUTS 2018`, the last one with the United Kingdom.
    """

    code: str
    country: str
    label: str
    level: int
    classification: str


@cache
def nuts() -> dict[str, Region]:
    """Every region by code (about 2,100), read at the first use."""
    with (Path(__file__).parent / "nuts2024.csv").open(newline="", encoding="utf-8") as file:
        return {
            row["code"]: Region(
                row["code"], row["country"], row["label"], int(row["level"]), row["classification"]
            )
            for row in csv.DictReader(file)
        }


def asked_nuts(code: str, country: str, pointer: str) -> str:
    """A NUTS code that a member of a country (ISO 3166-1) gave at `pointer`.

    Raises InvalidInput: there is no such code, or it lies in another country.
    """
    theirs = EUROSTAT_COUNTRIES.get(country, country)
    region = nuts().get(code)
    if region is not None and region.country == theirs:
        return code
    near = [c for c, r in nuts().items() if r.country == theirs]
    allowed = [
        {"code": c, "label": nuts()[c].label} for c in get_close_matches(code, near, 5, cutoff=0.4)
    ]
    if region is None:
        raise InvalidInput(
            pointer, "this is no code of NUTS 2024", code[:200], allowed, country=country
        )
    raise InvalidInput(
        pointer,
        "{given} is {label}, which does not lie in {country}",
        code,
        allowed,
        label=region.label,
        country=country,
    )


def asked_lau(code: str, country: str, pointer: str) -> str:
    """A local administrative unit that a member of a country (ISO 3166-1) gave at `pointer`.

    Its form is that of Eurostat's GISCO: country, `_`, and the national code of 1 to 13 digits and
    letters, for example `PT_1105`. Only the form and the country are checked: the list has a new
    edition every year, and no package ships it. Raises InvalidInput.
    """
    theirs = EUROSTAT_COUNTRIES.get(country, country)
    found = _LAU.fullmatch(code)
    if found is None:
        raise InvalidInput(
            pointer,
            "a LAU code is the country, _ and the national code",
            code[:200],
            f"{theirs}_ and 1 to 13 digits or capital letters",
        )
    if found[1] != theirs:
        raise InvalidInput(
            pointer,
            "the LAU code is of {other}, the member of {country}",
            code,
            f"{theirs}_{found[2]}",
            other=found[1],
            country=country,
        )
    return code
