"""Who was told what, what it says, and saying it again: `alliance notices`."""

from pathlib import Path
from typing import Annotated

import typer

from cli.acts import DryRun, Limit, Reason, show, show_dry_run, show_list
from cli.client import Client, Json
from cli.session import Session, connected, say
from cli.tables import NOTICE, one

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=__doc__)
Id = Annotated[str, typer.Argument(metavar="NOTICE", help="The notice's id.")]


@app.command("list")
@connected
def list_notices(
    session: Session,
    member: Annotated[str | None, typer.Option(help="Told to this member (its id).")] = None,
    status: Annotated[str | None, typer.Option(help="queued, withheld, sent or failed.")] = None,
    kind: Annotated[str | None, typer.Option(help="matches, projects, needs …")] = None,
    about: Annotated[str | None, typer.Option(help="Of this event (its id).")] = None,
    limit: Limit = 100,
) -> None:
    """Notices, and what became of them."""
    query = {"recipient_id": member, "status": status, "kind": kind, "about": about}
    show_list(session, "notify", "notices", query, limit, NOTICE)


@app.command("show")
@connected
def show_notice(session: Session, notice: Id) -> None:
    """One notice, and what became of it."""
    show(session, "notify", "notices", notice, NOTICE)


@app.command()
@connected
def resend(session: Session, notice: Id, reason: Reason, dry_run: DryRun = False) -> None:
    """Mail what a notice says again, as another notice that names it; for operators."""
    body = {"reason": reason}
    answer = session.ask(
        lambda client: client.post(
            "notify", "notices", notice, "resendings", body=body, dry_run=dry_run
        )
    ).json()
    if dry_run:
        show_dry_run(session, f"POST /notices/{notice}/resendings", body, answer, NOTICE)
    else:
        session.show(answer, one(NOTICE))


@app.command()
@connected
def preview(
    session: Session,
    notice: Id,
    language: Annotated[
        str | None, typer.Option("--in", help="uk or en; else its recipient's.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write it as HTML there; - is stdout.")
    ] = None,
) -> None:
    """What a notice says as things stand, for its recipient and operators; with no address."""
    query = {"language": language} if language else {}

    async def ask(client: Client) -> Json:
        return (await client.get("notify", "notices", notice, "preview", query=query)).json()

    said = session.ask(ask)
    if html is not None and str(html) != "-":
        html.write_text(said["html"], encoding="utf-8")
        say(f"written to {html}")
    elif html is not None:
        typer.echo(said["html"])
    elif session.as_json:
        session.show(said, one({}))
    else:
        typer.echo(f"{said['subject']}\n\n{said['text']}")
