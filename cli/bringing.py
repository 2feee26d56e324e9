"""`alliance needs import`: many needs from a CSV file, all judged before the first is posted."""

import csv
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Table

from cli.client import CannotAsk, Problem
from cli.documents import Unreadable
from cli.importing import Draft, Fault, drafts_of, read_rows
from cli.judging import judge, sorted_faults
from cli.mapping import COLUMNS, Mapping, read_mapping
from cli.posting import Outcome, post_all
from cli.session import Session, connected, say, say_problem, terminal
from services.projects import asking
from services.projects.knowledge import Authority
from shared.errors import Refused

SHOWN = 100
"""Most faults that are printed; a file given with --errors has all."""

TOLD_EVERY = 500
INTERRUPTED = 130

HELP = f"""Post the needs of a CSV file, as the member that imports them.

UTF-8, parted by , or ; with a header of these columns: {", ".join(COLUMNS)}. A row holds one line
of a need; rows with the same ref make one need. All rows are judged first; where one is wrong,
each fault is told by row and column, and nothing is posted. Run it again after it was interrupted:
what was posted is not posted twice.

--preset dream reads titles of the DREAM system; they have no amounts, so give --amount and
--currency, the same for each. --mapping FILE (YAML: columns, values, constants), --map THEIRS=OURS
and --set OURS=VALUE read other files; --map THEIRS= leaves a column out.
"""

Errors = Annotated[
    Path | None, typer.Option("--errors", help="Write all faults there, as CSV: row, column, …")
]


@connected
def import_needs(
    session: Session,
    file: Annotated[Path, typer.Argument(help="CSV; - is stdin.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Judge every row, and post nothing.")
    ] = False,
    preset: Annotated[str | None, typer.Option(help="A known form of file: dream.")] = None,
    mapping: Annotated[Path | None, typer.Option(help="YAML: columns, values, constants.")] = None,
    columns: Annotated[
        list[str] | None, typer.Option("--map", help="THEIRS=OURS: what a column is here.")
    ] = None,
    constants: Annotated[
        list[str] | None, typer.Option("--set", help="OURS=VALUE for every row.")
    ] = None,
    amount: Annotated[
        str | None, typer.Option(help="The same as --set amount=…, such as 100000.00.")
    ] = None,
    currency: Annotated[str | None, typer.Option(help="The same as --set currency=….")] = None,
    errors: Errors = None,
    at_once: Annotated[int, typer.Option(min=1, max=64, help="Requests at a time.")] = 16,
) -> None:
    began = time.monotonic()
    given = [f"{n}={v}" for n, v in (("amount", amount), ("currency", currency)) if v]
    read = read_mapping(preset, mapping, columns or [], [*(constants or []), *given])
    if preset == "dream" and not {"amount", "currency"} <= read.constants.keys():
        raise CannotAsk("--preset dream: the titles have no amounts; give --amount and --currency")
    authority = _authority(session)
    drafts, faults = judged(file, read, authority, session.language)
    judging = round(time.monotonic() - began, 1)
    if errors is not None:
        _write(errors, faults)
    if faults:
        _report(session, faults, errors)
        raise typer.Exit(1)
    # Whether the service takes the first: a token or member that may not is told once, not often.
    first = drafts[0].body
    session.ask(lambda client: client.post("projects", "needs", body=first, dry_run=True))
    say(f"{len(drafts)} needs are valid ({judging:g} s)")
    outcome = Outcome()
    if not dry_run:
        _post(session, drafts, authority, outcome, at_once)
    told = {
        "needs": len(drafts),
        "posted": outcome.posted,
        "there_already": outcome.there_already,
        "refused": [{"rows": [r.number for r in d.rows], **p.body} for d, p in outcome.refused],
        "not_asked": len(drafts) - outcome.done,
        "seconds_judging": judging,
        "seconds": round(time.monotonic() - began, 1),
    }
    _summary(session, told)
    for draft, problem in outcome.refused[:SHOWN]:
        say_problem(problem, f"row {draft.rows[0].number}: ")
    if isinstance(outcome.stopped, CannotAsk):
        raise outcome.stopped
    if outcome.refused:
        raise typer.Exit(1)
    if not dry_run and outcome.done < len(drafts):
        raise typer.Exit(INTERRUPTED)


import_needs.__doc__ = HELP


def judged(
    file: Path, mapping: Mapping, authority: Authority, language: str
) -> tuple[list[Draft], list[Fault]]:
    """The needs of a file, and all that is wrong in it. Raises Unreadable."""
    rows, faults = read_rows(file, mapping)
    drafts, more = drafts_of(rows)
    today = datetime.now(UTC).date()
    for draft in drafts:
        more += judge(draft, authority, today, language)
    return drafts, sorted_faults([*faults, *more])


def _authority(session: Session) -> Authority:
    """Who imports, as projects knows it. Raises Problem where it may not post needs at all."""
    member_id = session.member_id
    if member_id is None:
        raise CannotAsk("an import needs a member: --as on the local stack, else its token")
    member = session.ask(lambda client: client.get("members", "members", member_id)).json()
    authority = Authority.model_validate({n: member[n] for n in Authority.model_fields})
    try:
        asking.must_be_authority(authority)
    except Refused as error:
        raise Problem.by_rule(error, session.language) from None
    return authority


def _post(
    session: Session, drafts: list[Draft], authority: Authority, outcome: Outcome, at_once: int
) -> None:
    try:
        with _progress(len(drafts)) as tell:
            session.ask(
                lambda client: post_all(client, drafts, authority.id, outcome, at_once, tell),
                tries=10,
                connections=at_once,
            )
    except KeyboardInterrupt:
        say("interrupted: run the same command again; nothing is posted twice")


def _write(file: Path, faults: Sequence[Fault]) -> None:
    try:
        with file.open("w", newline="", encoding="utf-8") as out:
            writer = csv.writer(out)
            writer.writerow(Fault.__dataclass_fields__)
            writer.writerows(_cells(fault) for fault in faults)
    except OSError as error:
        raise Unreadable(f"--errors {file}: {error.strerror}") from None


def _cells(fault: Fault, most: int | None = None) -> list[str]:
    """A fault as a row of text, with the first `most` things that are allowed."""
    more = len(fault.allowed[most:]) if most else 0
    allowed = "; ".join(fault.allowed[:most]) + (f"; and {more} more" if more else "")
    return [str(fault.row), fault.column, fault.given, fault.error, allowed]


def _report(session: Session, faults: list[Fault], file: Path | None) -> None:
    if session.as_json:
        told = {"faults": [asdict(fault) for fault in faults]}
        typer.echo(json.dumps(told, ensure_ascii=False, indent=1))
    if sys.stderr.isatty():
        table = Table("row", "column", "given", "error", "allowed")
        for fault in faults[:SHOWN]:
            table.add_row(*_cells(fault, 5))
        terminal(stderr=True).print(table)
    else:
        for f in faults[:SHOWN]:
            *_, allowed = _cells(f, 5)
            may = f"; allowed: {allowed}" if allowed else ""
            say(f"row {f.row}, column {f.column or '-'}: {f.error} (given: {f.given or '-'}{may})")
    rows = len({fault.row for fault in faults})
    more = f", {SHOWN} are shown" if len(faults) > SHOWN else ""
    where = f"; all are in {file}" if file else ""
    say(f"{len(faults)} faults in {rows} rows{more}{where}: nothing is posted")


def _summary(session: Session, told: dict[str, Any]) -> None:
    if session.as_json:
        typer.echo(json.dumps(told, ensure_ascii=False, indent=1))
        return
    table = Table(show_header=False)
    for name, value in told.items():
        table.add_row(name.replace("_", " "), str(len(value) if name == "refused" else value))
    session.console.print(table)


@contextmanager
def _progress(needs: int) -> Iterator[Callable[[Outcome], None]]:
    """How far it is: a bar on a terminal, else a line every 500 needs."""
    if not sys.stderr.isatty():
        yield lambda o: _tell(o, needs) if o.done % TOLD_EVERY == 0 or o.done == needs else None
        return
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=terminal(stderr=True)) as bar:
        task = bar.add_task("posting", total=needs)

        def tell(outcome: Outcome) -> None:
            words = f"posting ({outcome.there_already} were there)"
            bar.update(task, completed=outcome.done, description=words)

        yield tell


def _tell(outcome: Outcome, needs: int) -> None:
    already = f", {outcome.there_already} of them were there already"
    say(f"{outcome.done} of {needs}{already if outcome.there_already else ''}")
