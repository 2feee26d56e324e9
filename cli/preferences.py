"""When a member wants its mail: `alliance preferences`."""

from typing import Annotated, Any

import typer

from cli.client import CannotAsk, Client, Json
from cli.session import Session, connected
from cli.tables import PREFERENCES, one

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=__doc__)
Member = Annotated[
    str | None, typer.Option("--member", help="For operators: of this member (its id).")
]


@app.command("show")
@connected
def show_preferences(session: Session, member: Member = None) -> None:
    """When a member wants its mail; its own, if none is named."""
    of = _whose(session, member)
    session.show(session.ask(lambda client: _get(client, of)), one(PREFERENCES))


@app.command("set")
@connected
def set_preferences(
    session: Session,
    timing: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KIND=TIMING…",
            help="matches=daily and so on: membership, partnerships, needs, projects, matches, "
            "operations; immediate, daily, weekly, off.",
        ),
    ] = None,
    hour: Annotated[
        int | None, typer.Option(min=0, max=23, help="Digests come at this hour, local time.")
    ] = None,
    weekday: Annotated[str | None, typer.Option(help="Those of a week come on this day.")] = None,
    quiet: Annotated[
        str | None, typer.Option(help="Only what is urgent comes then: 22:00-07:00; or none.")
    ] = None,
    member: Member = None,
) -> None:
    """Change when mail comes; what is not named stays as it is."""
    of = _whose(session, member)
    wanted = _asked(timing or [], hour, weekday, quiet)

    async def ask(client: Client) -> Json:
        before = await _get(client, of)
        del before["id"]
        timings = before["timings"] | wanted.pop("timings")
        await client.put("notify", "preferences", of, body=before | wanted | {"timings": timings})
        return await _get(client, of)

    session.show(session.ask(ask), one(PREFERENCES))


def _asked(
    timing: list[str], hour: int | None, weekday: str | None, quiet: str | None
) -> dict[str, Any]:
    """What is to be changed; the service judges kinds, timings, hours and days."""
    timings: dict[str, str] = {}
    for each in timing:
        kind, parted, when = each.partition("=")
        if not parted:
            raise typer.BadParameter(f"{each}: allowed: KIND=TIMING, such as matches=daily")
        timings[kind] = when
    asked: dict[str, Any] = {"timings": timings}
    if hour is not None:
        asked["digest_hour"] = hour
    if weekday is not None:
        asked["digest_weekday"] = weekday
    if quiet == "none":
        asked["quiet_hours"] = None
    elif quiet is not None:
        begin, parted, end = quiet.partition("-")
        if not parted:
            raise typer.BadParameter(f"{quiet}: allowed: BEGIN-END, such as 22:00-07:00; or none")
        asked["quiet_hours"] = {"begin": begin, "end": end}
    return asked


def _whose(session: Session, member: str | None) -> str:
    found = member or session.member_id
    if found is None:
        raise CannotAsk("the token acts for no member: name one with --member")
    return found


async def _get(client: Client, member: str) -> Json:
    return (await client.get("notify", "preferences", member)).json()
