"""`alliance admin keys`: the keys that tokens are signed with, in a directory of members."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from shared.keys import OVERLAP, SigningKeys, add_key

app = typer.Typer(no_args_is_help=True, help=__doc__, rich_markup_mode=None)


class Kind(StrEnum):
    """Kinds of keys, by the algorithm they sign with."""

    EDDSA = "EdDSA"
    ES256 = "ES256"


Directory = Annotated[Path, typer.Argument(help="ALLIANCE_SIGNING_KEYS_DIR of members.")]
Overlap = Annotated[float, typer.Option(help="ALLIANCE_SIGNING_KEY_OVERLAP_SECONDS of members.")]


@app.command()
def add(
    directory: Directory,
    algorithm: Annotated[Kind, typer.Option(help="Ed25519 or P-256.")] = Kind.EDDSA,
) -> None:
    """Make a key: it is shown at once, and signs after the overlap; the first one at once."""
    key = add_key(directory, algorithm.value)
    typer.echo(f"{key.kid}  {key.algorithm}  {key.file}")


@app.command(name="list")
def show(directory: Directory, overlap: Overlap = OVERLAP) -> None:
    """List the keys, the oldest first, and say which one signs. To retire one, remove its file."""
    keys = SigningKeys(directory, overlap)
    signer = keys.signer()
    for key in keys.all():
        made = datetime.fromtimestamp(key.made, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        signs = "signs" if key is signer else "shown"
        typer.echo(f"{key.kid}  {key.algorithm}  {made}  {signs}  {key.file}")
    if signer is None:
        typer.echo(f"no key in {directory}: no tokens are given", err=True)
        raise typer.Exit(1)
