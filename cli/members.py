"""Who belongs to the alliance, who applies, who vouches: `alliance members`."""

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
from cli.session import Session, connected
from cli.tables import MEMBER

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=__doc__)
Id = Annotated[str, typer.Argument(metavar="MEMBER", help="The member's id.")]


@app.command("list")
@connected
def list_members(
    session: Session,
    side: Annotated[str | None, typer.Option(help="ukraine or partner.")] = None,
    kind: Annotated[str | None, typer.Option(help="association, region, city, hromada …")] = None,
    status: Annotated[str | None, typer.Option(help="applied, admitted, suspended …")] = None,
    limit: Limit = 100,
) -> None:
    """Members, in the order of their ids."""
    query = {"side": side, "kind": kind, "status": status}
    show_list(session, "members", "members", query, limit, MEMBER)


@app.command("show")
@connected
def show_member(session: Session, member: Id) -> None:
    """One member."""
    show(session, "members", "members", member, MEMBER)


@app.command("apply")
@connected
def apply_(session: Session, file: File, dry_run: DryRun = False, again: Again = False) -> None:
    """Hand in the applications of a file, as an operator or a core member."""
    post_file(session, file, ("members", "members"), MEMBER, dry_run=dry_run, again=again)


@app.command()
@connected
def endorse(
    session: Session,
    member: Id,
    reason: Reason,
    dry_run: DryRun = False,
    if_version: Version = None,
) -> None:
    """Vouch for an applicant, as a core member of its side: this admits it."""
    target = ("members", "members", member, "endorsements")
    change(session, target, MEMBER, {"reason": reason}, dry_run=dry_run, version=if_version)


@app.command()
@connected
def reject(
    session: Session,
    member: Id,
    reason: Reason,
    dry_run: DryRun = False,
    if_version: Version = None,
) -> None:
    """Turn an application down, as a core member of its side."""
    target = ("members", "members", member, "rejections")
    change(session, target, MEMBER, {"reason": reason}, dry_run=dry_run, version=if_version)
