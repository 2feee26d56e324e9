"""The alliance's principles: one file for each version of their text, in Ukrainian and English.

The text is the alliance's own short statement of what each means. A version that was ever the
current one stays, for those that accepted it; a change of words is a new version.
"""

from functools import cache
from pathlib import Path
from typing import ClassVar, Literal, get_args

from shared.errors import NotFound
from shared.events.members import PrincipleCode
from shared.log import State

CURRENT = "2022-06-30"
"""The version that an applicant must accept."""

CODES: tuple[PrincipleCode, ...] = get_args(PrincipleCode)


class Principle(State):
    """One principle: what it is called and what it means, by language."""

    code: PrincipleCode
    title: dict[Literal["uk", "en"], str]
    text: dict[Literal["uk", "en"], str]


class Principles(State):
    """One version of the eight."""

    what: ClassVar[str] = "version of the principles"

    version: str
    principles: tuple[Principle, ...]


@cache
def versions() -> dict[str, Principles]:
    """Every version, by its name."""
    files = sorted(Path(__file__).parent.glob("*.json"))
    found = [Principles.model_validate_json(f.read_text(encoding="utf-8")) for f in files]
    return {p.version: p for p in found}


def stated(version: str) -> Principles:
    """One version. Raises NotFound."""
    if version not in versions():
        raise NotFound(Principles.what, version)
    return versions()[version]
