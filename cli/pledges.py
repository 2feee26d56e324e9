"""What European members offer: `alliance pledges`."""

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
from cli.documents import read_document
from cli.session import Session, connected
from cli.tables import PLEDGE

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=__doc__)
Id = Annotated[str, typer.Argument(metavar="PLEDGE", help="The pledge's id.")]


@app.command()
@connected
def make(session: Session, file: File, dry_run: DryRun = False, again: Again = False) -> None:
    """Make the pledges of a file, as a partner; of several, all or none."""
    post_file(session, file, ("matching", "pledges"), PLEDGE, dry_run=dry_run, again=again)


@app.command()
@connected
def amend(
    session: Session, pledge: Id, file: File, dry_run: DryRun = False, if_version: Version = None
) -> None:
    """Change what a pledge holds; the file has its lines, whole, and the reason."""
    target = ("matching", "pledges", pledge, "amendments")
    change(session, target, PLEDGE, read_document(file), dry_run=dry_run, version=if_version)


@app.command()
@connected
def withdraw(
    session: Session,
    pledge: Id,
    reason: Reason,
    dry_run: DryRun = False,
    if_version: Version = None,
) -> None:
    """Take back what is not agreed of a pledge."""
    target = ("matching", "pledges", pledge, "withdrawal")
    change(session, target, PLEDGE, {"reason": reason}, dry_run=dry_run, version=if_version)


@app.command("show")
@connected
def show_pledge(session: Session, pledge: Id) -> None:
    """One pledge, and how much of it is available."""
    show(session, "matching", "pledges", pledge, PLEDGE)


@app.command("list")
@connected
def list_pledges(
    session: Session,
    partner: Annotated[str | None, typer.Option(help="Of this member (its id).")] = None,
    status: Annotated[str | None, typer.Option(help="open, withdrawn, expired.")] = None,
    limit: Limit = 100,
) -> None:
    """Pledges, in the order they were made."""
    query = {"partner_id": partner, "status": status}
    show_list(session, "matching", "pledges", query, limit, PLEDGE)
