"""Which pledge is proposed for which need, and saying yes or no to it: `alliance matches`."""

from typing import Annotated

import typer

from cli.acts import DryRun, Limit, Reason, Version, change, show, show_list
from cli.session import Session, connected
from cli.tables import MATCH

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=__doc__)
Id = Annotated[str, typer.Argument(metavar="MATCH", help="The match's id.")]


@app.command("list")
@connected
def list_matches(
    session: Session,
    need: Annotated[str | None, typer.Option(help="For this need (its id).")] = None,
    pledge: Annotated[str | None, typer.Option(help="Of this pledge (its id).")] = None,
    partner: Annotated[str | None, typer.Option(help="Of this partner (its id).")] = None,
    authority: Annotated[str | None, typer.Option(help="Of this authority (its id).")] = None,
    status: Annotated[str | None, typer.Option(help="proposed, agreed, delivered …")] = None,
    limit: Limit = 100,
) -> None:
    """Matches, in the order they were proposed."""
    query = {
        "need_id": need,
        "pledge_id": pledge,
        "partner_id": partner,
        "authority_id": authority,
        "status": status,
    }
    show_list(session, "matching", "matches", query, limit, MATCH)


@app.command("show")
@connected
def show_match(session: Session, match: Id) -> None:
    """One match, and why it was proposed."""
    show(session, "matching", "matches", match, MATCH)


@app.command()
@connected
def accept(
    session: Session, match: Id, dry_run: DryRun = False, if_version: Version = None
) -> None:
    """Say yes to a proposal, as one of its two sides; when both have, it is agreed."""
    target = ("matching", "matches", match, "acceptances")
    change(session, target, MATCH, dry_run=dry_run, version=if_version)


@app.command()
@connected
def decline(
    session: Session, match: Id, reason: Reason, dry_run: DryRun = False, if_version: Version = None
) -> None:
    """Say no to a proposal, as one of its two sides."""
    target = ("matching", "matches", match, "declines")
    change(session, target, MATCH, {"reason": reason}, dry_run=dry_run, version=if_version)
