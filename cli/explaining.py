"""Why a match, why none yet, and what a pledge would bring: what matching says of it, readable."""

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli.client import Client, Json
from cli.session import Session
from cli.tables import amount


def show_explanation(session: Session, match: str) -> None:
    """Why a match was proposed."""
    session.show(_read(session, "matches", match, "explanation"), explanation)


def show_outlook(session: Session, need: str) -> None:
    """Why a need has no match yet."""
    session.show(_read(session, "needs", need, "outlook"), outlook)


def _read(session: Session, *path: str) -> Json:
    async def ask(client: Client) -> Json:
        return (await client.get("matching", *path)).json()

    return session.ask(ask)


def said(found: Json, language: str) -> Group:
    """The sentences in the reader's language."""
    return Group(*(Text(f"· {sentence}") for sentence in found["sentences"][language]))


def explanation(found: Json, language: str) -> RenderableType:
    """Tier and score as tables, what lost, what it rests on, and all of it in sentences."""
    parts: list[RenderableType] = []
    if found["tier"]:
        rows = ((s["name"], f"{s['level']} of {_known(s['highest'])}") for s in found["tier"])
        parts.append(_table("tier", ("step", "level"), rows))
    if found["score"] is not None:
        rows = ((p["name"], f"{p['points']} of {_known(p['most'])}") for p in found["parts"])
        points = [("every pair", str(found["base"])), *rows, ("score", str(found["score"]))]
        parts.append(_table("score", ("part", "points"), points))
    for title, field in (("other pledges", "alternatives"), ("other needs", "other_needs")):
        if found[field]:
            parts.append(_lost(title, field, found[field]))
    if found["round"]:
        parts.append(_round(found))
    return Group(*parts, said(found, language))


def _known(number: int | None) -> str:
    return "?" if number is None else str(number)


def _lost(title: str, field: str, lost: list[Json]) -> Table:
    of = "pledge" if field == "alternatives" else "need"
    rows = (
        (f"{a[f'{of}_id']} line {a[f'{of}_line']}", a["reason"], str(a["margin"] or ""))
        for a in lost
    )
    return _table(title, (of, "why it lost", "margin"), rows)


def _round(found: Json) -> Table:
    decided = found["round"]
    rows = [
        ("round", decided["round_id"]),
        ("rule", decided["rule"]),
        ("day", decided["day"]),
        ("own log through", str(decided["seen"]["own_through"])),
        *(
            (f"{p['owner']}/{p['partition']} through", str(p["position"]))
            for p in decided["seen"]["foreign"]
        ),
        ("problem", decided["problem_hash"]),
        ("solution", decided["solution_hash"]),
    ]
    if found["rates"]:
        used = ", ".join(f"{v} {k}" for k, v in found["rates"]["per_eur"].items())
        rows.append(("rates", f"{found['rates']['rates_id']} {used}".strip()))
    return _table("rests on", ("", ""), rows)


def outlook(found: Json, language: str) -> RenderableType:
    """Each line with its reasons, counted, and the nearest pledge lines; then in sentences."""
    parts: list[RenderableType] = []
    for line in found["lines"]:
        title = f"line {line['line']}: {amount(line['uncovered'])} of {amount(line['asked'])}"
        parts.append(_counts(f"{title} uncovered", line))
        if line["nearest"]:
            rows = (
                (f"{n['pledge_id']} line {n['pledge_line']}", ", ".join(n["reasons"]))
                for n in line["nearest"]
            )
            parts.append(_table("nearest", ("pledge", "stands between"), rows))
    return Group(*parts, said(found, language))


def _counts(title: str, line: Json) -> RenderableType:
    rows = [(code, str(many)) for code, many in line["reasons"].items()]
    rows += [(f"money: {code}", str(many)) for code, many in line["substituting"].items()]
    return _table(title, ("reason", "lines"), rows) if rows else Text(title)


def previews(found: list[Json], language: str) -> RenderableType:
    """What each pledge of a file would bring."""
    return Group(*(preview(each, language) for each in found))


def preview(found: Json, language: str) -> RenderableType:
    """The matches that would be proposed, what would be left and why; then in sentences."""
    parts: list[RenderableType] = []
    if found["matches"]:
        rows = (
            (
                str(m["pledge_line"]),
                f"{m['need_id']} line {m['need_line']}",
                amount(m["reserved"]),
                amount(m["covers"]),
                str(m["explanation"]["score"]),
            )
            for m in found["matches"]
        )
        heads = ("line", "need", "reserved", "covers", "score")
        parts.append(_table("would be proposed", heads, rows))
    for line in found["left"]:
        parts.append(_counts(f"line {line['pledge_line']}: {amount(line['left'])} left", line))
    return Group(*parts, said(found, language))


def _table(title: str, heads: Iterable[str], rows: Iterable[tuple[str, ...]]) -> Table:
    names = list(heads)
    found = Table(title=title, title_justify="left", show_header=any(names))
    for name in names:
        found.add_column(name, overflow="fold")
    for row in rows:
        found.add_row(*row)
    return found
