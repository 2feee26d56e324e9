"""Back up everything, check a backup, restore it to empty stores: `alliance backup`."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import pyrage
import typer

from cli.backup.archive import BackupRefused, Writing, identities, recipients
from cli.backup.create import create as create_backup
from cli.backup.restore import restore as restore_backup
from cli.backup.verify import verify as verify_backup
from cli.places import Places, located

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=__doc__)

File = Annotated[Path, typer.Argument(help="The backup.")]
Key = Annotated[Path, typer.Option("--identity", "-i", help="age's private key, in a file.")]


@app.command()
@located
def create(
    places: Places,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")],
    recipient: Annotated[
        list[str] | None, typer.Option("--recipient", "-r", help="age's public key; repeatable.")
    ] = None,
    recipients_file: Annotated[
        Path | None, typer.Option("--recipients-file", "-R", help="Public keys, one a line.")
    ] = None,
) -> None:
    """Write everything that the services hold into one encrypted file, while they run."""
    whom = recipients(recipient or [], recipients_file)
    with Writing(out, whom) as writing:
        manifest = asyncio.run(create_backup(places, writing, _say))
        size, digest = writing.finish()
    _say(f"as of {manifest.cut_at}: {size:,} bytes in {out}")
    typer.echo(f"{digest}  {out}")


@app.command()
def verify(file: File, identity: Key) -> None:
    """Check all of a backup: every hash, the logs, and that they give the states it holds."""
    manifest = verify_backup(file, identities(identity), _say)
    typer.echo(f"{file} is whole: as of {manifest.cut_at}, by alliance {manifest.made_by}")


@app.command()
@located
def restore(places: Places, file: File, identity: Key) -> None:
    """Fill empty stores and topics from a backup; the services are stopped meanwhile."""
    manifest = asyncio.run(restore_backup(places, file, identities(identity), _say))
    typer.echo(f"restored as of {manifest.cut_at}: states and logs are equal; start the services")


@app.command()
def key(
    out: Annotated[Path, typer.Option("--out", "-o", help="The file for the private key.")],
) -> None:
    """Make a key pair of age: the private key into a file, the public one is printed."""
    made = pyrage.x25519.Identity.generate()
    try:
        handle = os.open(out, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        raise BackupRefused(f"{out} can't be made: {error.strerror}") from None
    with os.fdopen(handle, "w") as file:
        file.write(f"# public key: {made.to_public()}\n{made}\n")
    typer.echo(str(made.to_public()))


def _say(line: str) -> None:
    typer.echo(line, err=True)
