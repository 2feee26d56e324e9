"""One language's words, from its gettext catalogue, and how it writes numbers and moments; pure.

The English words are in messages/; the other languages' in translations/, one `.po` file each.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from gettext import NullTranslations
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_time
from babel.numbers import format_currency, format_decimal

from services.notify.messages import UNITS
from shared.events.facts import Money, Quantity
from shared.translations import LANGUAGES, catalogue

HERE = Path(__file__).parent / "translations"
LOCALES = {"en": "en_GB", "uk": "uk_UA"}


@dataclass(frozen=True)
class Speech:
    """One language: its words, its plural forms, its forms of amounts and dates."""

    language: str
    locale: Locale
    words: NullTranslations

    def say(self, text: str, context: str | None = None) -> str:
        """A text of messages/ in this language, as `context` says it, else as it is always said."""
        if not text or self.language == "en":
            return text
        if context:
            found = self.words.pgettext(context, text)
            if found != text:
                return found
        return self.words.gettext(text)

    def code(self, text: str) -> str:
        """A code's English words in this language."""
        return text if self.language == "en" else self.words.pgettext("code", text)

    def count(self, one: str, many: str, number: int) -> str:
        """`{count}` of something, in the plural form that the language has for the number."""
        said = self.words.ngettext(one, many, number)
        return said.format(count=format_decimal(number, locale=self.locale))

    def money(self, money: Money) -> str:
        """An amount and its currency by name, exactly: `500,000 euros`, `500 000 євро`."""
        whole = money.amount == money.amount.to_integral_value()
        return format_currency(
            Decimal(int(money.amount)) if whole else money.amount,
            money.currency,
            "#,##0" if whole else "#,##0.00##",
            locale=self.locale,
            format_type="name",
            currency_digits=False,
            decimal_quantization=False,
        )

    def quantity(self, quantity: Quantity) -> str:
        """A whole number of units: `3 pieces`."""
        if unit := UNITS.get(quantity.unit):
            return self.count(*unit, quantity.quantity)
        return f"{format_decimal(quantity.quantity, locale=self.locale)} × {quantity.unit}"

    def day(self, text: str) -> str:
        """A day, ISO 8601, as the language writes it; what is no day stays as it is."""
        try:
            day = date.fromisoformat(text)
        except ValueError:
            return text
        return self._day(day)

    def moment(self, time: str, zone: str) -> str:
        """A moment in the reader's zone, which is named, with its offset from UTC."""
        local = datetime.fromisoformat(time).astimezone(ZoneInfo(zone))
        offset = local.strftime("%z")
        clock = format_time(local, "short", locale=self.locale, tzinfo=ZoneInfo(zone))
        return f"{self._day(local)}, {clock} (UTC{offset[:3]}:{offset[3:5]}, {zone})"

    def _day(self, day: date) -> str:
        said = format_date(day, "long", locale=self.locale)
        return said.replace("\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}")  # fonts have that


@cache
def speech(language: str) -> Speech:
    """A language of ours. Raises ValueError."""
    if language not in LANGUAGES:
        raise ValueError(f"no words in {language!r}")
    words = NullTranslations() if language == "en" else catalogue(HERE / f"{language}.po")
    return Speech(language, Locale.parse(LOCALES[language]), words)
