"""What matching decided at once, and how much was covered before and after: `alliance rounds`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table

from cli.acts import DryRun, Limit, Reason, fetch, show_dry_run, show_list
from cli.client import Json
from cli.session import Session, connected
from cli.tables import WIDE, Columns, one, place
from shared.codelists.sizes import LARGE_FROM, MEDIUM_FROM

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=__doc__)
Id = Annotated[str, typer.Argument(metavar="ROUND", help="The round's id.")]

SIZES = {
    "small": f"small (fewer than {MEDIUM_FROM:,} people)",
    "medium": f"medium ({MEDIUM_FROM:,} to {LARGE_FROM - 1:,})",
    "large": f"large ({LARGE_FROM:,} or more)",
}
GROUPS: tuple[tuple[str, str, Callable[[str], str]], ...] = (
    ("oblast", "by_oblast", lambda key: place([key])),
    ("sector", "by_sector", str),
    ("size of hromada", "by_size", lambda key: SIZES.get(key, key)),
)
"""What a group is of, where the report has it, and a key in words."""


def euro(cents: int) -> str:
    """Euro cents as people read euro: `500,000.00`."""
    return f"{cents // 100:,}.{cents % 100:02}"


def share(part: int, whole: int) -> str:
    """A part in percent, never more than it is: `100.0 %` is all of it; nothing where there is no
    whole."""
    if not whole:
        return ""
    tenths = part * 1000 // whole
    return f"{tenths // 10}.{tenths % 10} %"


def covered(sums: Json, when: str) -> str:
    """What is covered in one moment, in euro and in percent of what is asked."""
    cents, asked = sums[f"{when}_cents"], sums["asked_cents"]
    return f"{euro(cents)} {share(cents, asked)}".strip()


def lines(sums: Json) -> str:
    """Of how many lines something is covered, and how many have no value in euro."""
    found = f"{sums['touched_before']} → {sums['touched_after']} of {sums['lines']}"
    return found + (f" ({sums['unvalued']} without value)" if sums["unvalued"] else "")


COVERAGE: dict[str, Callable[[Json], str]] = {
    "asked, EUR": lambda sums: euro(sums["asked_cents"]),
    "covered before": lambda sums: covered(sums, "before"),
    "covered after": lambda sums: covered(sums, "after"),
    "lines with anything covered": lines,
}


@dataclass(frozen=True)
class _Groups:
    """Groups of one kind and their total: one in a row where there is room, else one below the
    other."""

    title: str
    groups: list[tuple[str, Json]]
    total: Json

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        wide = options.max_width >= WIDE
        found = Table(title=f"coverage by {self.title}", title_justify="left", show_header=wide)
        found.add_column(self.title)
        for name in COVERAGE if wide else ():
            found.add_column(name, justify="right", overflow="fold")
        for name, sums in (*self.groups, ("all", self.total)):
            if name == "all":
                found.add_section()
            if wide:
                found.add_row(name, *(cell(sums) for cell in COVERAGE.values()))
            else:
                told = (f"{head}: {cell(sums)}" for head, cell in COVERAGE.items())
                found.add_row("\n".join((name, *told)), end_section=True)
        yield found


def _total(round_: Json, when: str) -> str:
    report = (round_.get("decision") or {}).get("report")
    return f"{when} {covered(report['total'], when)} EUR" if report else ""


def _decided(round_: Json, field: str) -> str:
    return str((round_.get("decision") or {}).get(field, ""))


ROUND: Columns = {
    "id": lambda r, language: str(r["id"]),
    "status": lambda r, language: str(r["status"]),
    "rule": lambda r, language: _decided(r, "rule"),
    "matches": lambda r, language: _decided(r, "matches"),
    "covered": lambda r, language: "\n".join(
        filter(None, (_total(r, "before"), _total(r, "after")))
    ),
}


def reported(round_: Json, language: str) -> RenderableType:
    """A round, and its report: one table for each kind of group, and the total below each."""
    head = Table(show_header=False)
    for name, cell in ROUND.items():
        head.add_row(name, cell(round_, language))
    report = (round_.get("decision") or {}).get("report")
    if not report:
        return head
    tables = (
        _Groups(title, [(words(g["key"]), g) for g in report[field]], report["total"])
        for title, field, words in GROUPS
    )
    return Group(head, *tables)


@app.command("run")
@connected
def run_round(session: Session, reason: Reason, dry_run: DryRun = False) -> None:
    """Ask for a round now, as an operator, whatever the schedule says."""
    body = {"reason": reason}
    answer = session.ask(
        lambda client: client.post("matching", "rounds", body=body, dry_run=dry_run)
    ).json()
    if dry_run:
        show_dry_run(session, "POST /rounds", body, answer, ROUND)
    else:
        session.show(answer, one(ROUND))


@app.command("list")
@connected
def list_rounds(session: Session, limit: Limit = 100) -> None:
    """Rounds, in the order they were run."""
    show_list(session, "matching", "rounds", {}, limit, ROUND)


@app.command("show")
@connected
def show_round(session: Session, round_: Id) -> None:
    """One round, and coverage by oblast, sector and size of hromada before and after it."""
    thing, _ = fetch(session, "matching", "rounds", round_)
    session.show(thing, reported)
