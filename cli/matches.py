"""Which pledge is proposed for which need, and saying yes or no to it: `alliance matches`."""

import asyncio
import json
import sys
from typing import Annotated

import typer

from cli.acts import DryRun, File, Limit, Reason, Version, change, show, show_dry_run, show_list
from cli.client import Client, Json
from cli.documents import read_documents
from cli.explaining import preview as previewed
from cli.explaining import previews, show_explanation, show_outlook
from cli.places import Places, located_broker
from cli.redecide import redecide as decide_again
from cli.redecide import told
from cli.session import AsJson, Session, connected, terminal
from cli.tables import MATCH, one

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
def propose(
    session: Session,
    pledge: Annotated[str, typer.Option(help="Part of this pledge (its id) …")],
    need: Annotated[str, typer.Option(help="… for this need (its id).")],
    reason: Reason,
    pledge_line: Annotated[int, typer.Option(help="Which of the pledge's lines.")] = 1,
    need_line: Annotated[int, typer.Option(help="Which of the need's lines.")] = 1,
    reserved: Annotated[
        str | None,
        typer.Option(help='How much of it: "500.00 EUR", "3 piece"; else all that fits.'),
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Propose a match by hand, as an operator or one of its two sides."""
    body: Json = {
        "pledge_id": pledge,
        "pledge_line": pledge_line,
        "need_id": need,
        "need_line": need_line,
        "reason": reason,
    }
    if reserved is not None:
        body["reserved"] = _amount(reserved)
    answer = session.ask(
        lambda client: client.post("matching", "matches", body=body, dry_run=dry_run)
    ).json()
    if dry_run:
        show_dry_run(session, "POST /matches", body, answer, MATCH)
    else:
        session.show(answer, one(MATCH))


def _amount(given: str) -> Json:
    """Money, or whole units, as it is written: `500.00 EUR`, `3 piece`."""
    number, _, unit = given.strip().partition(" ")
    if unit.isupper():
        return {"amount": number, "currency": unit}
    if unit and number.isdecimal():
        return {"quantity": int(number), "unit": unit}
    raise typer.BadParameter(f'{given}: allowed: "500.00 EUR", "3 piece"', param_hint="--reserved")


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


@app.command()
@located_broker
def redecide(
    places: Places,
    round_: Annotated[str, typer.Argument(metavar="ROUND", help="The round's id.")],
    as_json: AsJson = False,
) -> None:
    """Decide a round again from the logs alone: exit 0 if it comes out the same, 1 if not, 2 if it
    cannot be decided again."""
    found = asyncio.run(decide_again(places, round_))
    if as_json or not sys.stdout.isatty():
        typer.echo(json.dumps(found.as_json(), indent=1))
    else:
        terminal().print(told(found))
    raise typer.Exit(0 if found.equal else 1)


@app.command()
@connected
def explain(session: Session, match: Id) -> None:
    """Why a match was proposed: tier and score, what lost to it, what the round had seen."""
    show_explanation(session, match)


@app.command()
@connected
def outlook(
    session: Session, need: Annotated[str, typer.Argument(metavar="NEED", help="The need's id.")]
) -> None:
    """Why a need has no match yet, and the least change that would give it one."""
    show_outlook(session, need)


@app.command()
@connected
def preview(
    session: Session,
    file: File,
    partner: Annotated[
        str | None, typer.Option(help="As an operator: by which partner (its id).")
    ] = None,
) -> None:
    """What would happen if the pledges of a file were made, each by itself; nothing is recorded."""
    documents = read_documents(file)
    by = {"partner_id": partner} if partner else {}

    async def ask(client: Client) -> list[Json]:
        return [
            (await client.post("matching", "matches", "previews", body=each.body | by)).json()
            for each in documents
        ]

    found = session.ask(ask)
    if len(found) == 1:
        session.show(found[0], previewed)
    else:
        session.show(found, previews)
