"""What Ukrainian authorities ask for: `alliance needs`."""

from typing import Annotated

import typer

from cli.acts import (
    Again,
    DryRun,
    File,
    Limit,
    Reason,
    Version,
    change,
    post_file,
    show,
    show_list,
)
from cli.bringing import import_needs
from cli.client import Problem
from cli.documents import read_document
from cli.explaining import show_outlook
from cli.session import Session, connected
from cli.tables import NEED
from shared.codelists import OBLAST_LEVEL, find_place
from shared.codelists.places import CATEGORY_WORDS
from shared.errors import InvalidInput

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=__doc__)
app.command("import")(import_needs)
Id = Annotated[str, typer.Argument(metavar="NEED", help="The need's id.")]


@app.command()
@connected
def post(session: Session, file: File, dry_run: DryRun = False, again: Again = False) -> None:
    """Post the needs of a file, as an authority; of several, all or none."""
    post_file(session, file, ("projects", "needs"), NEED, dry_run=dry_run, again=again)


@app.command()
@connected
def amend(
    session: Session, need: Id, file: File, dry_run: DryRun = False, if_version: Version = None
) -> None:
    """Change lines or urgency of a need; the file says what, whole, and the reason."""
    target = ("projects", "needs", need, "amendments")
    change(session, target, NEED, read_document(file), dry_run=dry_run, version=if_version)


@app.command()
@connected
def withdraw(
    session: Session, need: Id, reason: Reason, dry_run: DryRun = False, if_version: Version = None
) -> None:
    """Ask for a need no more."""
    target = ("projects", "needs", need, "withdrawal")
    change(session, target, NEED, {"reason": reason}, dry_run=dry_run, version=if_version)


@app.command("show")
@connected
def show_need(session: Session, need: Id) -> None:
    """One need, or the project it became."""
    show(session, "projects", "needs", need, NEED)


@app.command("list")
@connected
def list_needs(
    session: Session,
    oblast: Annotated[str | None, typer.Option(help="All in an oblast, by its name.")] = None,
    territory: Annotated[str | None, typer.Option(help="All in a place, by code or name.")] = None,
    sector: Annotated[str | None, typer.Option(help="OC4IDS sector, and those below it.")] = None,
    status: Annotated[str | None, typer.Option(help="identification, preparation …")] = None,
    authority: Annotated[str | None, typer.Option(help="Of this member (its id).")] = None,
    limit: Limit = 100,
) -> None:
    """Needs, in the order they were posted."""
    if oblast and territory:
        raise typer.BadParameter("--oblast and --territory exclude each other")
    query = {
        "territory": _code(session, oblast, OBLAST_LEVEL, "--oblast")
        or _code(session, territory, tuple(CATEGORY_WORDS), "--territory"),
        "sector": sector,
        "status": status,
        "authority_id": authority,
    }
    show_list(session, "projects", "needs", query, limit, NEED)


@app.command()
@connected
def outlook(session: Session, need: Id) -> None:
    """Why a need has no match yet, and the least change that would give it one."""
    show_outlook(session, need)


def _code(session: Session, given: str | None, levels: tuple[str, ...], option: str) -> str | None:
    """The code of a place that was given by code or name."""
    if given is None:
        return None
    try:
        return find_place(given, option, levels)
    except InvalidInput as error:
        raise Problem.by_rule(error, session.language) from None
