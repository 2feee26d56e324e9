"""What a service could not handle, and what is to be done about it: `alliance dead-letters`.

For operators. A letter is named `SERVICE/NUMBER`, the number being its offset in the topic
`SERVICE.dead-letters`.
"""

import asyncio
import json
from collections import Counter
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType

from cli.acts import Limit, Reason
from cli.client import Client, Json
from cli.services import NAMES, known
from cli.session import Session, connected, say
from cli.tables import LETTER, PARKED, listed, one

CONSUMERS = tuple(name for name in NAMES if known(name).on.topics())
"""The services that consume events, and so may have dead letters."""

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=__doc__)
Name = Annotated[str, typer.Argument(metavar="LETTER", help="SERVICE/NUMBER, as `list` has it.")]
Service = Annotated[
    str | None, typer.Option("--service", help=f"Only this one: {', '.join(CONSUMERS)}.")
]


@app.command("list")
@connected
def list_letters(
    session: Session,
    service: Service = None,
    state: Annotated[
        str, typer.Option(help="waiting, replayed or dropped; `all` for all three.")
    ] = "waiting",
    limit: Limit = 100,
) -> None:
    """Dead letters by service, and the subjects whose events wait behind one."""
    query = {"state": None if state == "all" else state}

    async def ask(client: Client) -> tuple[Json, bool]:
        letters, parked, more = [], [], False
        for name in _consumers(service):
            async for entry, has_more in client.pages(name, "dead-letters", query, limit):
                letters.append(_named(name, entry))
                more = has_more or more
            for entry in (await client.get(name, "parked-subjects")).json():
                parked.append({"service": name, **entry})
        return {"letters": letters, "parked": parked}, more

    found, more = session.ask(ask)
    session.show(found, _both)
    if more:
        say(f"there are more than {limit} of a service; --limit 0 shows all")


@app.command()
@connected
def show(session: Session, letter: Name) -> None:
    """Everything about a letter: why it is there, its headers, and its value as it came."""
    service, number = _split(letter)

    async def ask(client: Client) -> Json:
        return (await client.get(service, "dead-letters", number)).json()

    found = _named(service, session.ask(ask))
    text = found.get("value_text")
    found["value"] = found.get("value_hex") if text is None else _read(text)
    session.show(found, _whole)


@app.command()
@connected
def replay(
    session: Session,
    letter: Annotated[
        str | None,
        typer.Argument(metavar="[LETTER]", help="This one, and those before it of its subject."),
    ] = None,
    subject: Annotated[str | None, typer.Option(help="All that wait of this subject.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that wait.")] = False,
    service: Service = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for the outcome.")] = 300,
) -> None:
    """Handle letters again, in their order; exit 1 where one fails again or is still due.

    The letters of a subject that stand behind one that fails wait on.
    """
    if [letter is not None, subject is not None, everything].count(True) != 1:
        raise typer.BadParameter("name a letter, --subject SUBJECT or --all, one of the three")

    async def ask(client: Client) -> list[Json]:
        asked = []
        if letter is not None:
            name, number = _split(letter)
            answer = await client.post(name, "dead-letters", number, "replay")
            asked.append((name, answer.json()["ask"]))
        for name in _consumers(service) if letter is None else ():
            bodies: list[Json] = [{}]
            if subject is not None:
                parked = (await client.get(name, "parked-subjects")).json()
                these = [p for p in parked if p["subject"] == subject]
                bodies = [{"source": p["source"], "subject": subject} for p in these]
            for body in bodies:
                answer = await client.post(name, "dead-letters", "replay", body=body)
                asked.append((name, answer.json()["ask"]))
        return [each for name, ask in asked for each in await _outcome(client, name, ask, wait)]

    letters = session.ask(ask)
    if not letters and subject is not None:
        say(f"nothing of {subject} waits anywhere")
    session.show(letters, listed(LETTER))
    states = Counter("due" if each["due"] else each["state"] for each in letters)
    say(f"{states['replayed']} replayed, {states['waiting']} wait on, {states['due']} still due")
    raise typer.Exit(1 if states["waiting"] or states["due"] else 0)


@app.command()
@connected
def drop(session: Session, letter: Name, reason: Reason) -> None:
    """Decide that a letter's event is never handled; who did so, when and why is kept."""
    service, number = _split(letter)

    async def ask(client: Client) -> Json:
        body = {"reason": reason}
        return (await client.post(service, "dead-letters", number, "drop", body=body)).json()

    session.show(_named(service, session.ask(ask)), one(LETTER))


async def _outcome(client: Client, service: str, ask: str, seconds: float) -> list[Json]:
    """The letters of a replay, when it has come to each, or as they are after so many seconds."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        pages = client.pages(service, "dead-letters", {"ask": ask}, 0)
        found = [_named(service, entry) async for entry, _ in pages]
        late = asyncio.get_running_loop().time() > deadline
        if late or not any(each["due"] for each in found):
            return found
        await asyncio.sleep(0.5)


def _consumers(service: str | None) -> tuple[str, ...]:
    if service not in (None, *CONSUMERS):
        raise typer.BadParameter(f"{service}: allowed: {', '.join(CONSUMERS)}")
    return (service,) if service else CONSUMERS


def _split(letter: str) -> tuple[str, str]:
    service, _, number = letter.partition("/")
    if service not in CONSUMERS or not number.isdecimal():
        raise typer.BadParameter(
            f"{letter}: SERVICE/NUMBER is asked for, the service one of {', '.join(CONSUMERS)}"
        )
    return service, number


def _named(service: str, letter: Json) -> Json:
    return {"letter": f"{service}/{letter['id']}", **letter}


def _read(text: str) -> Any:
    """What a text is as JSON; the text where it is none, or too deep to be read."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _both(found: Json, language: str) -> RenderableType:
    tables = [listed(LETTER)(found["letters"], language)]
    if found["parked"]:
        tables += ["", "parked subjects", listed(PARKED)(found["parked"], language)]
    return Group(*tables)


def _whole(found: Json, language: str) -> RenderableType:
    headers = [
        f"{plain(h['name'])}: {h['hex'] + ' (hex)' if h.get('hex') else plain(h.get('text') or '')}"
        for h in found["headers"]
    ]
    about = {k: v for k, v in found.items() if not k.startswith(("value", "header"))}
    lines = ["no value"]
    if (size := found["value_bytes"]) is not None:
        said = json.dumps(found["value"], ensure_ascii=False, indent=1)
        lines = [f"value, {size:,} bytes", *(plain(line) for line in said.split("\n"))]
    about["error"] = plain(found["error"])
    return Group(one({})(about, language), "", *headers, "", *lines)


def plain(text: str) -> str:
    """A text that moves no cursor and hides nothing: what can't be printed is escaped."""
    return text if text.isprintable() else json.dumps(text)
