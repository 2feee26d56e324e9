"""An event's values in words: names, amounts, dates and codes in the reader's language; pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from services.notify.messages import CODES
from services.notify.plain import NAME_LIMIT, TEXT_LIMIT, cut, one_line, safe
from services.notify.speech import Speech
from shared.events.facts import FundingLine, GoodsLine, Money, Quantity, ServicesLine
from shared.events.ids import Id, MemberId, NeedId, PledgeId
from shared.events.projects import EndDateChange, ScopeChange, ValueChange
from shared.events.registry import Event, Fact
from shared.events.rounds import LostLine

DEFAULT_LANGUAGE = "en"

_CODED = {
    "status",
    "status_before",
    "finding",
    "cause",
    "was",
    "urgency",
    "urgency_before",
    "accepted",
}
_DATES = {"date", "start_date", "end_date", "planned_end_date", "valid_from", "valid_until"}
_MOMENTS = {"lapses_at"}
_LISTS = {"lines", "lines_before"}

Titles = Mapping[str, Mapping[str, str]]
"""Names of members and titles of needs and pledges, each in its languages, by id."""

Said = str | tuple[str, ...] | None
"""A value in words: a text, a list of texts, or None where it was not given."""


def named(event: Event) -> set[str]:
    """The ids of all that an event names and that has a name or a title."""
    return {
        str(value)
        for _, value in event
        for value in _leaves(value)
        if isinstance(value, MemberId | NeedId | PledgeId)
    }


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
class Voice:
    """One reader's way to be told a value."""

    speech: Speech
    titles: Titles
    zone: str

    def say(self, name: str, value: Any) -> Said:
        """The value of a field; safe, and not endless."""
        if value is None or value == ():
            return None
        if name in _DATES:
            return self.speech.day(value)
        if name in _MOMENTS:
            return self.speech.moment(value, self.zone)
        if name in _CODED:
            codes = value if isinstance(value, tuple) else (value,)
            return ", ".join(self.code(str(code)) for code in codes)
        if name in _LISTS:
            return tuple(self._one(item) for item in value)
        if isinstance(value, tuple):
            return ", ".join(self._one(item) for item in value)
        return self._one(value)

    def code(self, code: str) -> str:
        """A code in words; one that is not known as it is."""
        return self.speech.code(CODES[code]) if code in CODES else one_line(code)

    def name(self, key: str) -> str:
        """The name or title of what an id stands for; the id itself where it is not known."""
        return self._local(self.titles.get(key, {DEFAULT_LANGUAGE: key}))

    def _one(self, value: Any) -> str:
        match value:
            case Id():
                return self.name(value)
            case dict():
                return self._local(value)
            case Money():
                return self.speech.money(value)
            case Quantity():
                return self.speech.quantity(value)
            case FundingLine():
                return _joined(self._one(value.amount), value.purpose)
            case GoodsLine() | ServicesLine():
                return _joined(self._one(value.amount), value.category, value.purpose)
            case LostLine():
                return f"{self.name(value.need_id)}: {self.code(value.reason)}"
            case ScopeChange():
                return self._change(value.planned, value.final, value.reason)
            case EndDateChange():
                planned, final = self.speech.day(value.planned), self.speech.day(value.final)
                return self._change(planned, final, value.reason)
            case ValueChange():
                planned = ", ".join(map(self.speech.money, value.planned))
                final = ", ".join(map(self.speech.money, value.final))
                return self._change(planned, final, value.reason)
        return cut(safe(str(value)), TEXT_LIMIT)

    def _change(self, planned: str, final: str, reason: str) -> str:
        return cut(safe(f"{planned} → {final} ({reason})"), TEXT_LIMIT)

    def _local(self, text: Mapping[str, str]) -> str:
        found = text.get(self.speech.language) or text.get(DEFAULT_LANGUAGE)
        return one_line(found or next(iter(text.values())), NAME_LIMIT)


def _joined(*parts: str | None) -> str:
    return ", ".join(one_line(part, NAME_LIMIT) for part in parts if part)
