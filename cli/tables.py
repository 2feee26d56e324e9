"""What services answer, as tables for people: amounts with their currency, places by name."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table

from cli.client import Json
from shared.codelists import places
from shared.events.facts import Amount
from shared.lines import minor_units, of_minor_units

_AMOUNT: TypeAdapter[Amount] = TypeAdapter(Amount)
WIDE = 120
"""Characters of a terminal that a list of several columns needs."""

Columns = dict[str, Callable[[Json, str], str]]


def amount(given: Json) -> str:
    """An amount as people read it: `500,000.00 EUR`, `3 piece`."""
    if "quantity" in given:
        return f"{given['quantity']:,} {given['unit']}"
    return f"{Decimal(given['amount']):,f} {given['currency']}"


def line(given: Json) -> str:
    """A line of a need or a pledge: `1: 500,000.00 EUR`, `2: 3 piece garbage-truck`."""
    words = [amount(given["amount"]), given.get("category"), given.get("purpose")]
    return f"{given['line']}: " + " ".join(w for w in words if w)


def text(given: Json, language: str) -> str:
    """A text in a language, else in the first it is in."""
    return str(given.get(language) or next(iter(given.values()), ""))


def place(codes: Json) -> str:
    """A place by its name and its oblast's."""
    if not codes:
        return ""
    known = [places()[c].name for c in (codes[0], codes[-1]) if c in places()]
    return ", ".join(dict.fromkeys(known)) or str(codes[0])


def _field(name: str) -> Callable[[Json, str], str]:
    return lambda thing, language: str(thing.get(name) or "")


def _available(pledge: Json) -> Iterable[str]:
    for balance in pledge["balances"]:
        offered = _AMOUNT.validate_python(balance["line"]["amount"])
        gone = sum(balance[part] for part in ("reserved", "delivered", "withdrawn", "expired"))
        left = of_minor_units(minor_units(offered) - gone, offered)
        yield f"{balance['line']['line']}: {amount(left.model_dump(mode='json'))}"


NEED: Columns = {
    "id": _field("id"),
    "title": lambda n, language: text(n["title"], language),
    "place": lambda n, language: place(n["territory"]),
    "sector": _field("sector"),
    "status": _field("status"),
    "urgency": _field("urgency"),
    "lines": lambda n, language: "\n".join(line(each) for each in n["lines"]),
}
PLEDGE: Columns = {
    "id": _field("id"),
    "title": lambda p, language: text(p["title"], language),
    "status": _field("status"),
    "offered": lambda p, language: "\n".join(line(b["line"]) for b in p["balances"]),
    "available": lambda p, language: "\n".join(_available(p)),
    "until": _field("valid_until"),
}
MATCH: Columns = {
    "id": _field("id"),
    "need, pledge": lambda m, language: f"{m['need_id']}\n{m['pledge_id']}",
    "reserved": lambda m, language: amount(m["reserved"]),
    "covers": lambda m, language: amount(m["covers"]),
    "status": _field("status"),
    "accepted by": lambda m, language: ", ".join(m["accepted"]),
}
MEMBER: Columns = {
    "id": _field("id"),
    "name": lambda m, language: text(m["names"], language),
    "side": _field("side"),
    "kind": _field("kind"),
    "role": _field("role"),
    "status": _field("status"),
    "place": lambda m, language: place(m.get("territory")) or str(m["country"]),
}
WEBHOOK: Columns = {
    "id": _field("id"),
    "url": _field("url"),
    "kinds": lambda w, language: ", ".join(w.get("kinds") or ["all"]),
    "status": _field("status"),
    "cause": _field("cause"),
}
ATTEMPT: Columns = {
    "id": _field("id"),
    "message": _field("message"),
    "notice": _field("notice_id"),
    "begun": _field("begun"),
    "outcome": _field("outcome"),
    "code": _field("code"),
    "ms": _field("milliseconds"),
    "again after": _field("again_after"),
}
LETTER: Columns = {
    "letter": _field("letter"),
    "state": lambda each, _: "due" if each.get("due") else str(each["state"]),
    "reason": _field("reason"),
    "event": _field("type"),
    "subject": _field("subject"),
    "since": _field("since"),
    "failed again": _field("replays"),
    "error": _field("error"),
}
PARKED: Columns = {
    "service": _field("service"),
    "source": _field("source"),
    "subject": _field("subject"),
    "behind": _field("behind"),
    "since": _field("since"),
    "letters": _field("letters"),
}
CONTACT: Columns = {
    "contact": lambda c, _: c["id"],
    "status": lambda c, _: c["status"],
    "mail due": lambda c, _: ", ".join(c.get("due", ())),
    "answer": lambda c, _: str(c.get("code") or ""),
}
NOTICE: Columns = {
    "id": _field("id"),
    "message": _field("message"),
    "channel": _field("channel"),
    "status": _field("status"),
    "reason": _field("reason"),
}
PREFERENCES: Columns = {
    "member": _field("id"),
    "mail": lambda p, language: "\n".join(f"{kind}: {t}" for kind, t in p["timings"].items()),
    "digests at": lambda p, language: (
        f"{p['digest_hour']:02}:00, weekly ones {p['digest_weekday']}"
    ),
    "quiet": lambda p, language: (
        f"{p['quiet_hours']['begin']} to {p['quiet_hours']['end']}" if p.get("quiet_hours") else ""
    ),
}
RATES: Columns = {
    "id": _field("id"),
    "date": _field("date"),
    "source": _field("source"),
    "for one euro": lambda r, language: "\n".join(f"{r['per_eur'][c]} {c}" for c in r["per_eur"]),
}


@dataclass(frozen=True)
class _List:
    """Several things: one in a row where there is room, else one below the other."""

    columns: Columns
    things: list[Json]
    language: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        _, first, *others = self.columns
        wide = options.max_width >= WIDE
        heads = [f"{first}\nid", *others] if wide else [""]
        found = Table(*heads, show_lines=True, show_header=wide)
        for thing in self.things:
            key, *cells = (cell(thing, self.language) for cell in self.columns.values())
            named = f"{cells[0]}\n{key}"
            if wide:
                found.add_row(named, *cells[1:])
            else:
                found.add_row("\n".join(filter(None, (named, *cells[1:]))))
        yield found


def listed(columns: Columns) -> Callable[[Json, str], RenderableType]:
    """Several things as a list."""
    return lambda things, language: _List(columns, things, language)


def one(columns: Columns) -> Callable[[Json, str], Table]:
    """One thing, and all that is known of it: its columns, then what else it has."""
    told = {
        "need_id",
        "pledge_id",
        "id",
        "title",
        "names",
        "territory",
        "lines",
        "balances",
        "per_eur",
        "principles",
        "timings",
        "digest_hour",
        "digest_weekday",
        "quiet_hours",
    }

    def table(thing: Json, language: str) -> Table:
        found = Table(show_header=False)
        for name, cell in columns.items():
            found.add_row(name, cell(thing, language))
        for name, value in thing.items():
            if name not in told | columns.keys() and value not in (None, [], {}):
                found.add_row(name.replace("_", " "), readable(value, language))
        return found

    return table


def readable(value: Any, language: str) -> str:
    """Any value that a service answers, in words."""
    if isinstance(value, list):
        return "\n".join(readable(each, language) for each in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, dict):
        return str(value)
    if {"amount", "currency"} <= value.keys() or {"quantity", "unit"} <= value.keys():
        return amount(value)
    if value.keys() <= {"uk", "en"}:
        return text(value, language)
    parts = ((k, v) for k, v in value.items() if v not in (None, [], {}))
    return ", ".join(f"{name} {readable(v, language)}" for name, v in parts)
