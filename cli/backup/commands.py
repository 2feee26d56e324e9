"""Back up everything, check a backup, restore it to empty stores: `alliance backup`."""

import asyncio
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import pyrage
import typer
from aiokafka.errors import KafkaError
from pymongo.errors import PyMongoError

from cli.backup.archive import BackupRefused, Writing, identities, recipients
from cli.backup.create import create as create_backup
from cli.backup.places import Places
from cli.backup.restore import restore as restore_backup
from cli.backup.verify import verify as verify_backup
from deploy.local.stack import ROOT, Stack
from shared.kafka import BrokerAway, Security
from shared.mongo import StoreAway

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=__doc__)

File = Annotated[Path, typer.Argument(help="The backup.")]
Key = Annotated[Path, typer.Option("--identity", "-i", help="age's private key, in a file.")]
Kafka = Annotated[str, typer.Option(envvar="ALLIANCE_KAFKA", help="Bootstrap servers.")]
KafkaUser = Annotated[str, typer.Option(envvar="ALLIANCE_KAFKA_USERNAME", help="SCRAM identity.")]
KafkaPassword = Annotated[
    Path | None, typer.Option(envvar="ALLIANCE_KAFKA_PASSWORD_FILE", help="Its password's file.")
]
KafkaCA = Annotated[
    Path | None, typer.Option(envvar="ALLIANCE_KAFKA_CA_FILE", help="CA of the broker.")
]
Mongodb = Annotated[
    str,
    typer.Option(
        envvar="ALLIANCE_MONGODB",
        help="The stores; {service} stands for the service's name where each has its own.",
    ),
]
MongodbUser = Annotated[
    str, typer.Option(envvar="ALLIANCE_MONGODB_USERNAME", help="A user of `admin`.")
]
MongodbPassword = Annotated[
    str,
    typer.Option(envvar="ALLIANCE_MONGODB_PASSWORD_FILE", help="Its password's file; {service}."),
]


@app.command()
def create(
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")],
    recipient: Annotated[
        list[str] | None, typer.Option("--recipient", "-r", help="age's public key; repeatable.")
    ] = None,
    recipients_file: Annotated[
        Path | None, typer.Option("--recipients-file", "-R", help="Public keys, one a line.")
    ] = None,
    kafka: Kafka = "",
    kafka_username: KafkaUser = "",
    kafka_password_file: KafkaPassword = None,
    kafka_ca_file: KafkaCA = None,
    mongodb: Mongodb = "",
    mongodb_username: MongodbUser = "",
    mongodb_password_file: MongodbPassword = "",
) -> None:
    """Write everything that the services hold into one encrypted file, while they run."""
    places = places_of(
        kafka,
        Security(kafka_username or None, kafka_password_file, _text(kafka_ca_file)),
        mongodb,
        mongodb_username,
        mongodb_password_file,
    )
    whom = recipients(recipient or [], recipients_file)
    with away_is_said(), Writing(out, whom) as writing:
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
def restore(
    file: File,
    identity: Key,
    kafka: Kafka = "",
    kafka_username: KafkaUser = "",
    kafka_password_file: KafkaPassword = None,
    kafka_ca_file: KafkaCA = None,
    mongodb: Mongodb = "",
    mongodb_username: MongodbUser = "",
    mongodb_password_file: MongodbPassword = "",
) -> None:
    """Fill empty stores and topics from a backup; the services are stopped meanwhile."""
    places = places_of(
        kafka,
        Security(kafka_username or None, kafka_password_file, _text(kafka_ca_file)),
        mongodb,
        mongodb_username,
        mongodb_password_file,
    )
    with away_is_said():
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


@contextmanager
def away_is_said() -> Iterator[None]:
    """A store or a broker that is away, or refuses us, is no defect; nor are its client's words
    about a broker that was just started."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        yield
    except (PyMongoError, StoreAway) as error:
        raise BackupRefused(f"a store does not do it: {error}") from error
    except (KafkaError, BrokerAway) as error:
        raise BackupRefused(
            f"the broker does not do it: {error or type(error).__name__}"
        ) from error


def places_of(
    kafka: str, security: Security, mongodb: str, username: str, password_file: str
) -> Places:
    """Where everything is: what was said, else the local stack."""
    if not (kafka and mongodb):
        at = Stack.attach(ROOT).addresses
        kafka, mongodb = kafka or at.kafka, mongodb or at.mongodb
    return Places(kafka, mongodb, username or None, password_file or None, security)


def _text(file: Path | None) -> str | None:
    return str(file) if file else None


def _say(line: str) -> None:
    typer.echo(line, err=True)
