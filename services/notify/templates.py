"""What a message is made of in each language; english.py and ukrainian.py hold the words.

A placeholder is a field of the event: an id stands as the name or title of what it identifies,
an amount, a date or a code in the reader's language (services/notify/wording.py). Whatever a
member wrote is only ever put in as a value, never read as a template.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from services.notify.model import Party


class Template(NamedTuple):
    """One message in one language; a line whose fact was not given is left out."""

    subject: str
    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Speech:
    """One language: its messages by name, why each party gets them, and how it writes facts.

    `to_do` is what is left to do about a proposed match, by the match's status.
    """

    messages: Mapping[str, Template]
    to_do: Mapping[str, str]
    why: Mapping[Party, str]
    greeting: str
    greeting_by_name: str
    footer: str
    codes: Mapping[str, str]
    units: Mapping[str, str]
    months: Sequence[str]
    date: str
    money: str
    thousands: str
    decimals: str
