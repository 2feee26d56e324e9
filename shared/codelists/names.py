"""Names as people write them, and the units of the codifier that have them."""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path
from typing import NamedTuple

from shared.codelists.letters import (
    TO_CYRILLIC,
    in_one_script,
    is_latin,
    one_form,
    romanised,
)
from shared.codelists.places import places
from shared.errors import InvalidInput

_BEFORE = {
    "м|місто": "MK",
    "с|село": "C",
    "смт|сел|с-ще|сщ|селище міського типу|селище": "XT",
}
_AFTER = {
    "область|обл": "O",
    "район|р-н": "PB",
    "(?:(?:міська|селищна|сільська) )?(?:об’єднана )?(?:територіальна )?громада": "H",
    "тг|отг|мтг|стг|смтг": "H",
}
"""What stands before or after a name and says which categories of the codifier are meant."""

CRIMEA = "UA01000000000013043"
SHORT_NAMES = (("АР Крим", CRIMEA), ("Крим", CRIMEA))


class Name(NamedTuple):
    """A name as it is looked up: `designated` are the categories that its `м.` or `район` means."""

    keys: tuple[str, ...]
    designated: str | None

    @classmethod
    def read(cls, part: str, given: str, pointer: str) -> "Name":
        text, designated = part.strip(), None
        if not codes_of(_keys(text)):
            text, designated = _undesignated(text)
        keys = _keys(text)
        if not text:
            raise InvalidInput(pointer, "a name is missing", given[:200], "a name or a code")
        if not keys:
            raise InvalidInput(
                pointer, "{name} mixes Latin and Cyrillic letters", given[:200], name=text[:100]
            )
        return cls(keys, designated)

    def codes(self) -> list[str]:
        return [
            c
            for c in codes_of(self.keys)
            if self.designated is None or places()[c].category in self.designated
        ]


def _keys(text: str) -> tuple[str, ...]:
    """How a name may stand in the index; none if it mixes scripts."""
    name = in_one_script(text)
    if name is None:
        return ()
    if not is_latin(name):
        return (name.casefold(),)
    latin = name.casefold().replace("’", "")
    alike = name.translate(TO_CYRILLIC)
    return (latin,) if is_latin(alike) else (latin, alike.casefold())


def _undesignated(text: str) -> tuple[str, str | None]:
    for form in (text, text.translate(TO_CYRILLIC)):  # of the same length
        for pattern, categories in _designations():
            if found := pattern.fullmatch(form):
                return text[slice(*found.span(1))], categories
    return text, None


@cache
def _designations() -> list[tuple[re.Pattern[str], str]]:
    found = []
    for words, categories in _BEFORE.items():
        both = f"{words}|{romanised(words)}"
        found.append((rf"(?:(?:{both})\. ?|(?:{both}) )(.+)", categories))
    for words, categories in _AFTER.items():
        found.append((rf"(.+?) (?:{words}|{romanised(words)})\.?", categories))
    return [(re.compile(pattern, re.IGNORECASE), categories) for pattern, categories in found]


def codes_of(keys: Sequence[str]) -> list[str]:
    """The codes of all units whose name has one of these keys."""
    return list(dict.fromkeys(c for key in keys for c in index().get(key, ())))


@cache
def index() -> dict[str, tuple[str, ...]]:
    """Codes by name in small letters, and by romanised name."""
    return _by_name([*((p.name, p.code) for p in places().values()), *SHORT_NAMES])


@cache
def other_names() -> dict[str, tuple[str, ...]]:
    """The same by names that GeoNames has beside the codifier's, former ones among them."""
    with (Path(__file__).parent / "other_names.csv").open(newline="", encoding="utf-8") as file:
        return _by_name([(row["name"], row["code"]) for row in csv.DictReader(file)])


def _by_name(named: Sequence[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for name, code in named:
        key = one_form(name).casefold()
        found.setdefault(key, []).append(code)
        found.setdefault(romanised(key), []).append(code)
    return {key: tuple(codes) for key, codes in found.items()}


def nearest(name: str, most: int) -> list[str]:
    """The keys that share most pairs of letters with a name, the most alike first."""
    shared: Counter[str] = Counter()
    for pair in _pairs(name):
        shared.update(_by_pair().get(pair, ()))
    asked = len(_pairs(name))
    best = sorted(shared, key=lambda key: 2 * shared[key] / (asked + len(key) + 1), reverse=True)
    scored = [(SequenceMatcher(None, key, name).ratio(), key) for key in best[:40]]
    return [key for score, key in sorted(scored, reverse=True) if score >= 0.6][:most]


def _pairs(name: str) -> set[str]:
    edged = f" {name} "
    return {edged[at : at + 2] for at in range(len(edged) - 1)}


@cache
def _by_pair() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key in index():
        for pair in _pairs(key):
            found.setdefault(pair, []).append(key)
    return found
