"""`alliance recover`: a service's lost store again, from the logs in Kafka."""

import asyncio
from typing import Annotated

import typer

from cli.places import Places, located
from cli.recovery import recover as recover_service
from cli.services import NAMES


@located
def recover(
    places: Places,
    service: Annotated[str, typer.Argument(help=f"One of: {', '.join(NAMES)}.")],
) -> None:
    """Fill the empty store of a stopped service from the logs in Kafka; say what is lost."""
    if service not in NAMES:
        raise typer.BadParameter(f"{service}: allowed: {', '.join(NAMES)}")
    found = asyncio.run(recover_service(places, service, _say))
    for collection, digest in found.hashes.items():
        _say(f"  {collection:<14} {digest}")
    if found.letters:
        _say(f"  {found.letters} dead letters wait (alliance dead-letters list)")
    _say("not in any log, and so not here:")
    for each in found.lost:
        _say(f"  - {each}")
    typer.echo(f"{service} is recovered: its next event has position {found.events}; start it")


def _say(line: str) -> None:
    typer.echo(line, err=True)
