"""Needs in a CSV file: rows, what their columns mean, and the needs they make.

One row holds one line of a need. Rows with the same `ref` make one need: what is said of the need
stands in one of them, or in each the same.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.documents import Unreadable, read_text
from cli.mapping import COLUMNS, OF_THE_NEED, Mapping, unknown


@dataclass(frozen=True)
class Row:
    """One row as a spreadsheet counts them (the header is row 1), by our columns; no empty cell."""

    number: int
    cells: dict[str, str]


@dataclass(frozen=True, order=True)
class Fault:
    """What is wrong in one cell; an empty column is the whole row."""

    row: int
    column: str
    given: str
    error: str
    allowed: tuple[str, ...] = ()


@dataclass
class Draft:
    """A need as its rows say it. `name` tells it from another with the same content."""

    name: str
    rows: list[Row]
    body: dict[str, Any] = field(default_factory=dict)


def read_rows(file: Path, mapping: Mapping) -> tuple[list[Row], list[Fault]]:
    """The rows of a CSV file with a header, parted by `,` or `;`, and what is no row of it.

    Raises Unreadable where the file or its header cannot be read.
    """
    text = read_text(file)
    delimiter = max(",;", key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows, faults = [], []
    try:
        header = [_ours(name.strip(), mapping, file) for name in next(reader, [])]
        _check_header(header, mapping, file)
        for number, cells in enumerate(reader, 2):
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                faults.append(
                    Fault(number, "", "", f"has {len(cells)} cells, and the header {len(header)}")
                )
                continue
            rows.append(Row(number, dict(_cells(header, cells, mapping))))
    except csv.Error as error:
        raise Unreadable(f"{file}: line {reader.line_num}: {error}") from None
    if not rows and not faults:
        raise Unreadable(f"{file}: there is no row below the header")
    return rows, faults


def _ours(theirs: str, mapping: Mapping, file: Path) -> str | None:
    if theirs in mapping.columns:
        return mapping.columns[theirs] or None
    if theirs not in COLUMNS:
        raise Unreadable(
            f"{file}: column {unknown(theirs)} Name it with --map {theirs!r}=OURS, or leave it "
            f"out with --map {theirs!r}="
        )
    return theirs


def _check_header(header: list[str | None], mapping: Mapping, file: Path) -> None:
    counted = Counter([*filter(None, header), *mapping.constants])
    if twice := [name for name, times in counted.items() if times > 1]:
        raise Unreadable(f"{file}: the column {twice[0]} is given twice")
    if "place" not in counted:
        raise Unreadable(f"{file}: there is no column place; the columns are {', '.join(COLUMNS)}")


def _cells(
    header: list[str | None], cells: list[str], mapping: Mapping
) -> Iterator[tuple[str, str]]:
    yield from mapping.constants.items()
    for name, cell in zip(header, cells, strict=True):
        if name is not None and (given := cell.strip()):
            yield name, mapping.values.get(name, {}).get(given, given)


def drafts_of(rows: list[Row]) -> tuple[list[Draft], list[Fault]]:
    """The needs that rows make, in the order of their first rows, and where rows of one differ."""
    by_ref: dict[str, Draft] = {}
    drafts = []
    for row in rows:
        ref = row.cells.get("ref")
        if ref is not None and ref in by_ref:
            by_ref[ref].rows.append(row)
            continue
        drafts.append(Draft(f"ref {ref}" if ref else "", [row]))
        if ref is not None:
            by_ref[ref] = drafts[-1]
    faults = [fault for draft in drafts for fault in _differences(draft)]
    same: Counter[str] = Counter()
    for draft in drafts:
        draft.body = _body(draft.rows)
        if not draft.name:
            content = repr(draft.body)
            same[content] += 1
            draft.name = f"number {same[content]}"
    return drafts, faults


def _differences(draft: Draft) -> Iterator[Fault]:
    said: dict[str, Row] = {}
    for row in draft.rows:
        for name in OF_THE_NEED:
            if name in row.cells:
                first = said.setdefault(name, row)
                if first.cells[name] != row.cells[name]:
                    error = f"row {first.number} of the same ref says otherwise"
                    yield Fault(row.number, name, row.cells[name], error, (first.cells[name],))


def _body(rows: list[Row]) -> dict[str, Any]:
    """What is posted: cells where the service wants them, none of them judged or made otherwise."""
    cells = {name: value for row in reversed(rows) for name, value in row.cells.items()}
    body: dict[str, Any] = {
        name: cells[name]
        for name in (
            "place",
            "sector",
            "project_type",
            "urgency",
            "urgency_reason",
            "damage_date",
            "site_withheld",
        )
        if name in cells
    }
    for name in ("title", "description"):
        by_language = {lang: cells.get(f"{name}_{lang}") for lang in ("uk", "en")}
        given = {lang: said for lang, said in by_language.items() if said}
        if given:
            body[name] = given
    point = {name: cells[name] for name in ("latitude", "longitude") if name in cells}
    site = {"description": cells.get("site"), "coordinates": point or None}
    if any(site.values()):
        body["site"] = {name: value for name, value in site.items() if value}
    body["lines"] = [_line(number, row.cells) for number, row in enumerate(rows, 1)]
    return body


def _line(number: int, cells: dict[str, str]) -> dict[str, Any]:
    amount: dict[str, Any] = {
        name: cells[name] for name in ("amount", "currency", "quantity", "unit") if name in cells
    }
    quantity = amount.get("quantity", "")
    if quantity.isascii() and quantity.isdecimal():
        amount["quantity"] = int(quantity)
    said: dict[str, Any] = {n: cells[n] for n in ("kind", "category", "purpose") if n in cells}
    return {"line": number, **said, "amount": amount}
