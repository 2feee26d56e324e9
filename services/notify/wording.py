"""An event in words: names, amounts, dates and codes in the language of who reads; pure."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.notify.english import ENGLISH
from services.notify.model import Party
from services.notify.templates import Speech
from services.notify.ukrainian import UKRAINIAN
from shared.events.facts import FundingLine, GoodsLine, Money, Quantity, ServicesLine
from shared.events.ids import Id, MemberId, NeedId, PledgeId
from shared.events.matching import LostLine
from shared.events.projects import ScopeChange
from shared.events.registry import Event, Fact

SPEECH: dict[str, Speech] = {"en": ENGLISH, "uk": UKRAINIAN}
DEFAULT_LANGUAGE = "en"
SUBJECT_LIMIT = 200

_CODED = {"status", "status_before", "finding", "cause", "was", "urgency", "accepted"}
_DATES = {"date", "start_date", "end_date", "planned_end_date", "valid_until"}
_MOMENTS = {"lapses_at"}

Titles = Mapping[str, Mapping[str, str]]
"""Names of members and titles of needs and pledges, each in its languages, by id."""


@dataclass(frozen=True, kw_only=True)
class Letter:
    """What one notice says: of which event, to whom, as which party."""

    event: Event
    about: str
    time: str
    message: str
    party: Party | None
    match_status: str = "proposed"


def named(event: Event) -> set[str]:
    """The ids of all that an event names and that has a name or a title."""
    return {
        str(value)
        for _, value in event
        for value in _leaves(value)
        if isinstance(value, MemberId | NeedId | PledgeId)
    }


def words(
    letter: Letter, language: str, titles: Titles, zone: str = "UTC"
) -> dict[str, str | None]:
    """The fields of a letter's event in words, by name without `_id`; None for an absent one."""
    voice = _Voice(SPEECH[language], language, titles, zone)
    found = {name.removesuffix("_id"): voice.say(name, value) for name, value in letter.event}
    if letter.message == "match-proposed":
        found["to_do"] = SPEECH[language].to_do[letter.match_status]
    return found


def write(
    letter: Letter,
    titles: Titles,
    *,
    language: str = DEFAULT_LANGUAGE,
    zone: str = "UTC",
    name: str | None = None,
) -> tuple[str, str]:
    """A letter's subject and its text."""
    speech = SPEECH[language]
    template = speech.messages[letter.message]
    found = words(letter, language, titles, zone)
    greeting = speech.greeting_by_name.format(name=name) if name else speech.greeting
    said = [line.format_map(found) for line in template.lines if _all_given(line, found)]
    why = [speech.why[letter.party]] if letter.party else []
    footer = speech.footer.format(when=moment(letter.time, zone), about=letter.about)
    text = "\n\n".join([greeting, *said, "\n".join(["--", *why, footer])])
    return one_line(template.subject.format_map(found)), _safe(text) + "\n"


def digest(
    letters: Sequence[Letter],
    titles: Titles,
    *,
    language: str = DEFAULT_LANGUAGE,
    zone: str = "UTC",
    name: str | None = None,
    public_url: str | None = None,
    unsubscribe_url: str | None = None,
) -> tuple[str, str]:
    """One mail for many letters: its subject and its text."""
    parts = [write(letter, titles, language=language, zone=zone, name=name) for letter in letters]
    return f"Alliance: {len(parts)}", "\n\n".join(f"{subject}\n\n{text}" for subject, text in parts)


def moment(time: str, zone: str) -> str:
    """A moment in the reader's zone, which is named, with its offset from UTC."""
    local = datetime.fromisoformat(time).astimezone(ZoneInfo(zone))
    offset = local.strftime("%z")
    return f"{local:%Y-%m-%d %H:%M} (UTC{offset[:3]}:{offset[3:5]}, {zone})"


def one_line(text: str) -> str:
    """Text that is safe in a header: one line, no control or direction character, not endless."""
    line = " ".join(_safe(text).split())
    return line if len(line) <= SUBJECT_LIMIT else line[: SUBJECT_LIMIT - 1] + "…"


def _safe(text: str) -> str:
    """Without what could end a header, hide or reorder text: line feeds stay, as line feeds."""
    text = "\n".join(text.splitlines())
    return "".join(
        c
        for c in text
        if c == "\n"
        or not (
            unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")
            or "\u202a" <= c <= "\u202e"
            or "\u2066" <= c <= "\u2069"
        )
    )


def _all_given(line: str, found: Mapping[str, str | None]) -> bool:
    return all(found[name] is not None for name in re.findall(r"{(\w+)}", line))


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, tuple):
        for part in value:
            yield from _leaves(part)
    elif isinstance(value, Fact):
        for _, part in value:
            yield from _leaves(part)
    else:
        yield value


@dataclass(frozen=True)
class _Voice:
    """One language's way to say a value."""

    speech: Speech
    language: str
    titles: Titles
    zone: str

    def say(self, name: str, value: Any) -> str | None:
        if value is None or value == ():
            return None
        if name in _DATES:
            return self._date(value)
        if name in _MOMENTS:
            return moment(value, self.zone)
        if name in _CODED:
            codes = value if isinstance(value, tuple) else (value,)
            return ", ".join(self._code(str(code)) for code in codes)
        if name == "lines":
            return "".join(f"\n  • {self._one(item)}" for item in value)
        if isinstance(value, tuple):
            return ", ".join(self._one(item) for item in value)
        return self._one(value)

    def _one(self, value: Any) -> str:
        match value:
            case Id():
                return self._local(self.titles.get(value, {"en": value}))
            case dict():
                return self._local(value)
            case Money():
                amount = f"{value.amount:,f}".replace(",", "\0").replace(".", self.speech.decimals)
                return self.speech.money.format(
                    amount=amount.replace("\0", self.speech.thousands), currency=value.currency
                )
            case Quantity():
                number = f"{value.quantity:,}".replace(",", self.speech.thousands)
                return f"{number} {self.speech.units.get(value.unit, value.unit)}"
            case FundingLine():
                return _joined(self._one(value.amount), value.purpose)
            case GoodsLine() | ServicesLine():
                return _joined(self._one(value.amount), value.category, value.purpose)
            case LostLine():
                return f"{self._one(value.need_id)}: {self._code(value.reason)}"
            case ScopeChange():
                return f"{value.planned} → {value.final} ({value.reason})"
        return "\n  ".join(str(value).splitlines())

    def _code(self, code: str) -> str:
        return self.speech.codes.get(code, code)

    def _local(self, text: Mapping[str, str]) -> str:
        found = text.get(self.language) or text.get(DEFAULT_LANGUAGE)
        return found or next(iter(text.values()))

    def _date(self, text: str) -> str:
        try:
            day = date.fromisoformat(text)
        except ValueError:
            return text
        month = self.speech.months[day.month - 1]
        return self.speech.date.format(day=day.day, month=month, year=day.year)


def _joined(*parts: str | None) -> str:
    return ", ".join(part for part in parts if part)
