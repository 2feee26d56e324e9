"""Exchange rates as their publishers have them: the European Central Bank and the National Bank of
Ukraine.

Rates stay the digits that were published. The ECB says units of a currency for one euro; the
National Bank hryvnias for one unit, so its rate of EUR is the hryvnias for one euro.
"""

import csv
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from xml.parsers import expat

from cli.documents import Unreadable, read_text

ECB = "European Central Bank, euro foreign exchange reference rates"
NBU = "National Bank of Ukraine, official exchange rates"
APART = 3
"""Days that the files of one set may be apart: a weekend."""

_RATE = re.compile(r"[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True)
class Published:
    """What one file says: units of each currency for one euro, by day."""

    file: str
    publisher: str
    days: Mapping[date, Mapping[str, str]]

    def on(self, day: date | None) -> tuple[date, Mapping[str, str]]:
        """The rates of a day, else of the newest. Raises Unreadable."""
        chosen = day or max(self.days)
        if chosen not in self.days:
            first, last = min(self.days), max(self.days)
            raise Unreadable(f"{self.file}: has no rates of {chosen}; it has {first} to {last}")
        return chosen, self.days[chosen]


@dataclass(frozen=True)
class RateSet:
    """One set of rates from several files; `inactive` are currencies that are none any more."""

    date: str
    source: str
    per_eur: dict[str, str]
    inactive: tuple[str, ...]

    @property
    def body(self) -> dict[str, Any]:
        """What is posted."""
        return {"date": self.date, "source": self.source, "per_eur": self.per_eur}


def read_rates(file: Path) -> Published:
    """The rates in a file, whichever of the formats it has. Raises Unreadable."""
    text = read_text(file).strip()
    if text.startswith("<"):
        return _published(file, ECB, _xml(text, file))
    if text.startswith(("[", "{")):
        return _published(file, NBU, _nbu(text, file))
    if text.startswith("Date"):
        return _published(file, ECB, _ecb_csv(text, file))
    raise Unreadable(
        f"{file}: is neither of the ECB (eurofxref.csv, eurofxref-hist.csv, eurofxref-daily.xml) "
        "nor of the National Bank of Ukraine (exchange?json)"
    )


def merged(files: Sequence[Published], day: date | None, active: Iterable[str]) -> RateSet:
    """One set from several files, of a day or of the newest of each; it is as old as its oldest.

    Raises Unreadable: two files are too far apart, or say different rates of one currency.
    """
    found: dict[str, tuple[str, str]] = {}
    dates, sources = [], []
    for each in files:
        on, rates = each.on(day)
        dates.append(on)
        sources.append(f"{each.publisher} of {on} ({each.file})")
        for currency, rate in rates.items():
            before = found.setdefault(currency, (rate, each.file))
            if before[0] != rate:
                raise Unreadable(
                    f"{each.file}: {currency} is {rate}, and {before[0]} in {before[1]}"
                )
    if (max(dates) - min(dates)).days > APART:
        raise Unreadable(
            f"the files are of {min(dates)} and {max(dates)}: more than {APART} days apart"
        )
    taken = set(active)
    return RateSet(
        str(min(dates)),
        "; ".join(sources),
        {c: rate for c, (rate, _) in sorted(found.items()) if c in taken},
        tuple(sorted(c for c in found if c not in taken)),
    )


def _published(file: Path, publisher: str, days: dict[date, dict[str, str]]) -> Published:
    if not any(days.values()):
        raise Unreadable(f"{file}: has no rates")
    return Published(file.name, publisher, {day: rates for day, rates in days.items() if rates})


def _ecb_csv(text: str, file: Path) -> dict[date, dict[str, str]]:
    """`Date, USD, JPY, …`, then a row a day; both end in an empty cell, `N/A` is no rate."""
    header, *rows = csv.reader(text.splitlines(), skipinitialspace=True)
    days = {}
    for line, row in enumerate(rows, 2):
        if not any(row):
            continue
        if len(row) != len(header):
            raise Unreadable(f"{file}: line {line} has {len(row)} cells, the header {len(header)}")
        cells = {c.strip(): r.strip() for c, r in zip(header[1:], row[1:], strict=True)}
        where = f"{file}: line {line}"
        days[_day(row[0].strip(), ("%Y-%m-%d", "%d %B %Y"), where)] = {
            c: _rate(r, f"{where}, {c}") for c, r in cells.items() if c and r not in ("", "N/A")
        }
    return days


def _xml(text: str, file: Path) -> dict[date, dict[str, str]]:
    """The ECB's gesmes envelope; a document type, and with it any entity, is refused."""
    days: dict[date, dict[str, str]] = {}
    current: dict[str, str] = {}

    def refuse(*declared: Any) -> None:
        raise Unreadable(f"{file}: has a document type declaration, which is not read")

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal current
        if name.rpartition(" ")[2] != "Cube":
            return
        if "time" in attributes:
            day = _day(attributes["time"], ("%Y-%m-%d",), str(file))
            current = days.setdefault(day, {})
        elif {"currency", "rate"} <= attributes.keys() and attributes["rate"] != "N/A":
            currency = attributes["currency"]
            current[currency] = _rate(attributes["rate"], f"{file}: {currency}")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = start
    try:
        parser.Parse(text.encode(), True)
    except expat.ExpatError as error:
        raise Unreadable(f"{file}: line {error.lineno}: {expat.ErrorString(error.code)}") from None
    return days


def _nbu(text: str, file: Path) -> dict[date, dict[str, str]]:
    """A list of `{cc, rate, exchangedate …}`; of it the euro, as the hryvnia's rate."""
    try:
        listed = json.loads(text, parse_float=str, parse_int=str)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{file}: {error}") from None
    euros = [each for each in listed if isinstance(each, dict) and each.get("cc") == "EUR"]
    if not isinstance(listed, list) or not euros:
        raise Unreadable(f"{file}: has no rate of cc EUR")
    return {
        _day(str(each.get("exchangedate")), ("%d.%m.%Y",), f"{file}: exchangedate"): {
            "UAH": _rate(str(each.get("rate")), f"{file}: rate of EUR")
        }
        for each in euros
    }


def _day(given: str, forms: Sequence[str], where: str) -> date:
    for form in forms:
        try:
            return datetime.strptime(given, form).date()
        except ValueError:
            continue
    raise Unreadable(f"{where}: {given!r} is no day")


def _rate(given: str, where: str) -> str:
    if not _RATE.fullmatch(given) or not given.isascii():
        raise Unreadable(f"{where}: {given!r} is no rate")
    return given
