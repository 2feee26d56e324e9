"""Judging needs before any is posted, by the rules of the service itself, and by row and column.

The rules are called here, not written again. The service asks them once more at each POST.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any

from pydantic import TypeAdapter, ValidationError

from cli.client import allowed
from cli.importing import Draft, Fault
from cli.mapping import COLUMNS
from services.projects import asking
from services.projects.commands import PostNeed
from services.projects.knowledge import Authority
from shared.errors import InvalidInput, Refused
from shared.events.facts import RequirementLine
from shared.events.ids import NeedId
from shared.events.projects import NeedPosted
from shared.lines import check_lines
from shared.problems import causes, said

_LINE: TypeAdapter[RequirementLine] = TypeAdapter(RequirementLine)
Path = Sequence[int | str]
NO_NEED = NeedId("00000000-0000-7000-8000-000000000000")
"""The id of a need that is only judged."""


def judge(draft: Draft, authority: Authority, today: date, language: str) -> list[Fault]:
    """All that is wrong with a need; nothing where the service would take it."""
    faults: list[Fault] = []
    territory: tuple[str, ...] = ()
    if "place" in draft.body:
        try:
            territory = asking.place(draft.body["place"], authority)
        except InvalidInput as error:
            faults.append(_fault(draft, error, language))
    try:
        command = PostNeed.model_validate(draft.body)
    except ValidationError as error:
        faults += _faults(draft, error, language)
    except InvalidInput as error:
        faults.append(_fault(draft, error, language))
    faults += _of_lines(draft, language)
    if not faults:
        need = NeedPosted(
            need_id=NO_NEED,
            authority_id=authority.id,
            territory=territory,
            **command.model_dump(exclude={"place"}),
        )
        try:
            asking.post(need, authority, today)
        except Refused as error:
            faults.append(_fault(draft, error, language))
    return faults


def _of_lines(draft: Draft, language: str) -> Iterator[Fault]:
    """What is wrong with each line by itself: the service says the first such thing only."""
    for index, given in enumerate(draft.body["lines"]):
        try:
            check_lines((_LINE.validate_python(given),))
        except ValidationError:
            continue  # the whole need says so
        except InvalidInput as error:
            yield _fault(draft, error, language, index)


def _faults(draft: Draft, error: ValidationError, language: str) -> Iterator[Fault]:
    for each in causes(error.errors(include_url=False)):
        yield _at(draft, each["loc"], each.get("input"), said(each, language))


def _fault(draft: Draft, error: Refused, language: str, line: int | None = None) -> Fault:
    facts = error.facts
    path: list[int | str] = [
        int(p) if p.isdecimal() else p for p in facts.get("field", "").split("/") if p
    ]
    if line is not None:
        path[1] = line
    return _at(draft, path, facts.get("given"), error.detail(language), facts.get("allowed"))


def _at(draft: Draft, path: Path, given: Any, words: str, may: Any = None) -> Fault:
    """A fault in the row and the column that a place in the body was read from."""
    first, *rest = path or [""]
    row = draft.rows[0]
    if first == "lines" and rest and isinstance(rest[0], int):
        row = draft.rows[rest[0]]
    column = _column(str(first), rest)
    if row.cells.get(column) is None:  # what is said of the need may stand in any of its rows
        row = next((r for r in draft.rows if column in r.cells), row) if first != "lines" else row
    shown = row.cells.get(column, given if isinstance(given, str) else "")
    return Fault(row.number, column, shown, words, tuple(allowed(may)))


def _column(first: str, rest: Path) -> str:
    if first in ("title", "description"):
        return f"{first}_{rest[0] if rest else 'uk'}"
    inner = [str(part) for part in rest if part in COLUMNS]
    if first == "site":
        return inner[-1] if inner else "site"
    if first == "lines":
        return inner[-1] if inner else "kind"
    return first


def sorted_faults(faults: Iterable[Fault]) -> list[Fault]:
    """By row, then column; the same thing said twice is said once."""
    return sorted(set(faults))
