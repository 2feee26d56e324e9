"""People's addresses, for operators: `alliance contacts`."""

import json
from typing import Annotated
from uuid import uuid4

import typer

from cli.acts import Limit, show_list
from cli.client import Client, Json
from cli.session import Session, connected, say
from cli.tables import CONTACT, one

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=__doc__)
Ref = Annotated[str, typer.Argument(metavar="REF", help="The reference that members name.")]


@app.command("set")
@connected
def set_contact(
    session: Session,
    email: Annotated[str, typer.Argument(help="The address.")],
    ref: Annotated[
        str | None, typer.Option(help="The contact's reference; else a new one.")
    ] = None,
    language: Annotated[str, typer.Option("--in", help="uk or en.")] = "uk",
    timezone: Annotated[str, typer.Option(help="An IANA name.")] = "Europe/Kyiv",
    name: Annotated[str | None, typer.Option(help="How it is greeted.")] = None,
) -> None:
    """Write an address; a mail asks whoever reads it to verify it. Prints the reference."""
    contact = ref or str(uuid4())
    body = {"email": email, "language": language, "timezone": timezone}
    body |= {"name_for_greeting": name} if name else {}
    session.ask(lambda client: client.put("notify", "contacts", contact, body=body))
    typer.echo(contact)


@app.command("list")
@connected
def list_contacts(
    session: Session,
    status: Annotated[
        str | None, typer.Option(help="unverified, verified, suspended or erased.")
    ] = None,
    limit: Limit = 100,
) -> None:
    """How addresses stand, without the addresses."""
    show_list(session, "notify", "contacts", {"status": status}, limit, CONTACT)


@app.command()
@connected
def verify(session: Session, ref: Ref) -> None:
    """Send the mail again by which an address is verified; a member may, for its own."""
    answer = session.ask(lambda client: client.post("notify", "contacts", ref, "verifications"))
    session.show(answer.json(), one(CONTACT))


@app.command()
@connected
def export(session: Session, ref: Ref) -> None:
    """All that is kept of a person, as JSON; that it was shown is recorded."""

    async def ask(client: Client) -> Json:
        return (await client.get("notify", "contacts", ref)).json()

    typer.echo(json.dumps(session.ask(ask), ensure_ascii=False, indent=1))


@app.command()
@connected
def erase(
    session: Session,
    ref: Ref,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase all that is kept of a person; what was recorded names the reference only."""
    if not yes:
        typer.confirm(f"Erase contact {ref}? This cannot be undone", abort=True, err=True)
    session.ask(lambda client: client.delete("notify", "contacts", ref))
    say(f"contact {ref} is erased")
