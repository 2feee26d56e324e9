"""`alliance`: use the services, run the system on this machine, see what it does, check it."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from cli import (
    admin,
    contacts,
    dead_letters,
    matches,
    members,
    needs,
    notices,
    pledges,
    preferences,
    recover,
    rounds,
    webhooks,
)
from cli import demo as demonstration
from cli.backup import commands as backup
from cli.backup.archive import BackupRefused
from cli.cast import Refusal
from cli.client import CannotAsk
from cli.doctor import doctor
from cli.places import OutOfReach, Places, located
from cli.rebuild import Busy, rebuild_at
from cli.redecide import CannotRedecide
from cli.replacing import ReplacementRefused
from cli.replacing import replace as replace_collections
from cli.services import NAMES
from cli.status import show_status
from deploy.local.jars import JarsMissing
from deploy.local.java import NoJava
from deploy.local.processes import ProcessFailed
from deploy.local.stack import ROOT, NotStarted, Stack
from deploy.local.store import NoStore
from deploy.local.system import SERVICES, NotReady, System
from deploy.local.topics import TopicWrong
from shared.replay import LogBroken
from shared.roles import ROLES

FORESEEN = (
    BackupRefused,
    Busy,
    CannotAsk,
    CannotRedecide,
    JarsMissing,
    NoJava,
    NoStore,
    NotReady,
    NotStarted,
    OutOfReach,
    ProcessFailed,
    TopicWrong,
    LogBroken,
    Refusal,
    ReplacementRefused,
    TimeoutError,
)
"""What a person can do something about; anything else is a defect and shows where it is."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help=__doc__,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

for name, commands in (
    ("needs", needs),
    ("pledges", pledges),
    ("matches", matches),
    ("rounds", rounds),
    ("members", members),
    ("notices", notices),
    ("contacts", contacts),
    ("preferences", preferences),
    ("webhooks", webhooks),
    ("dead-letters", dead_letters),
    ("admin", admin),
    ("backup", backup),
):
    app.add_typer(commands.app, name=name)
app.command()(doctor)
app.command()(recover.recover)
app.add_typer(matches.app, name="match", hidden=True)  # what is done to one reads better so


@app.command()
def demo(
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the timeline and the checks as JSON there.")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the demo's stack running at the end.")
    ] = False,
) -> None:
    """Play Irpin's and Borodianka's stories on a clean system; exit 0 if every check holds."""
    held = demonstration.run(ROOT / "demo", json_file, _say, keep)
    raise typer.Exit(0 if held else 1)


@app.command()
def up(
    bare: Annotated[
        bool, typer.Option("--bare", help="Without the services, as a restore wants it.")
    ] = False,
) -> None:
    """Start Kafka, the store, the mailbox and the services, leave them running, say where."""
    system = System(usual_ports=True, services=() if bare else SERVICES)
    system.start(_say)
    at = system.addresses
    _say("")
    for service in system.services:
        _say(f"{service:<10} {system.url(service)}   (API: {system.url(service)}/docs)")
    _say(f"Kafka      {at.kafka}")
    _say(f"store      {at.mongodb}")
    _say(f"mail       smtp://{at.smtp_host}:{at.smtp_port}, received in {at.maildir}")
    _say(f"logs       {system.root / 'run'}")
    _say("`make status` shows what it does, `make down` stops it; its data stays.")


@app.command()
def down(
    wipe: Annotated[bool, typer.Option("--wipe", help="Delete its data, too.")] = False,
) -> None:
    """Stop the local stack."""
    for root in (ROOT, ROOT / "demo"):
        try:
            stack = Stack.attach(root)
        except NotStarted:
            continue
        if stack.processes():
            (stack.wipe if wipe else stack.stop)()
            _say(f"stopped {root}")


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Of the local stack what runs, lag per consumer, relay backlog; exit 1 where something is
    missing. A deployment is looked at by `alliance doctor`."""
    Stack.attach(ROOT)  # raises NotStarted, where there is none
    raise typer.Exit(0 if show_status(System(), as_json, _say) else 1)


@app.command()
def token(
    member: Annotated[
        str | None, typer.Option(help="Act for this member (its id); else as an operator.")
    ] = None,
    role: Annotated[
        list[str] | None,
        typer.Option(help="A role, such as monitor; more than once for more. Else: member."),
    ] = None,
) -> None:
    """Print a bearer token for the local stack, valid for an hour."""
    if unknown := sorted(set(role or ()) - set(ROLES)):
        raise typer.BadParameter(f"{', '.join(unknown)}: allowed: {', '.join(ROLES)}")
    roles = tuple(role or (["member"] if member else ["operator"]))
    header = System().authorization("local", member, roles)["Authorization"]
    _say(header.removeprefix("Bearer "))


@app.command()
@located
def rebuild(
    places: Places,
    service: Annotated[str, typer.Argument(help=f"One of: {', '.join(NAMES)}; or `all`.")],
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the rebuilt database and name it.")
    ] = False,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Of a stopped service: correct the live one instead."),
    ] = False,
) -> None:
    """Fold the logs into a fresh database and compare it with the live one; exit 0 if equal."""
    if service not in (*NAMES, "all"):
        raise typer.BadParameter(f"{service}: allowed: {', '.join(NAMES)}, all")
    if keep and replace:
        raise typer.BadParameter("--keep and --replace: what takes the live place is not kept")
    equal = True
    for name in NAMES if service == "all" else (service,):
        if replace:
            written = asyncio.run(replace_collections(places, name, _say))
            _say(f"{name}: {written} documents were written; the service may start")
            continue
        found = asyncio.run(rebuild_at(places, name, keep))
        equal = equal and found.equal
        _say(f"{name}: {found.events} events" + (f", kept in {found.database}" if keep else ""))
        if found.waiting or found.dropped:
            _say(f"  in neither: {found.waiting} events that wait as dead letters, {found.dropped}")
            _say("  that operators dropped (alliance dead-letters list --state all)")
        for collection, (rebuilt, live) in found.hashes.items():
            same = "equal    " if rebuilt == live else "DIFFERENT"
            _say(f"  {same} {collection:<14} {found.documents[collection]:>6}  {rebuilt}")
        for difference in found.different[:20]:
            _say(f"    {difference}")
    raise typer.Exit(0 if equal else 1)


def main() -> None:
    """The command: what can go wrong is said in a line or two, and ends with status 2."""
    try:
        app()
    except FORESEEN as error:
        typer.echo(f"alliance: {error}", err=True)
        raise SystemExit(2) from None


def _say(line: str) -> None:
    typer.echo(line)
