"""Where the stores and the broker are, for commands that read or fill them themselves."""

import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec
from urllib.parse import quote

import typer
from aiokafka.errors import KafkaError
from pymongo.errors import PyMongoError

from cli.options import Options, offering
from deploy.local.stack import ROOT, Stack
from shared.kafka import BrokerAway, Security
from shared.mongo import Store, StoreAway
from shared.secret_files import read_secret

P = ParamSpec("P")

PATIENCE = 30.0
"""Seconds for which a store is waited for: nobody waits for an answer, as in a service."""

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
BROKER: Options = {
    "kafka": (Kafka, ""),
    "kafka_username": (KafkaUser, ""),
    "kafka_password_file": (KafkaPassword, None),
    "kafka_ca_file": (KafkaCA, None),
}
STORES: Options = {
    "mongodb": (Mongodb, ""),
    "mongodb_username": (MongodbUser, ""),
    "mongodb_password_file": (MongodbPassword, ""),
}


class OutOfReach(RuntimeError):
    """A store or the broker is away, refuses us, or lacks what it should have."""


@dataclass(frozen=True)
class Places:
    """`mongodb` is a connection string in which `{service}` stands for the service's name, if
    each has a server of its own; `password_file` may have it, too. The user is of `admin`."""

    kafka: str
    mongodb: str = ""
    username: str | None = None
    password_file: str | None = None
    security: Security = field(default_factory=Security)

    def store(self, service: str, database: str = "") -> Store:
        """The database of a service, or another one beside it.

        Raises OutOfReach where the password can't be read.
        """
        uri = self.mongodb.replace("{service}", service)
        if self.username and self.password_file:
            file = Path(self.password_file.replace("{service}", service))
            try:
                password = read_secret(file)
            except OSError as error:
                raise OutOfReach(f"{file} can't be read: {error.strerror}") from None
            scheme, _, rest = uri.partition("://")
            rest = rest if "/" in rest else f"{rest}/"
            rest += f"{'&' if '?' in rest else '?'}authSource=admin"
            uri = f"{scheme}://{quote(self.username, '')}:{quote(password, '')}@{rest}"
        return Store(uri, database or service, PATIENCE)


def located(command: Callable[Concatenate[Places, P], None]) -> Callable[..., None]:
    """A command on the broker and the stores: with the options by which it is said where they are.

    What was not said is the local stack's. Raises OutOfReach where one of them does not do it.
    """
    return _located(command, {**BROKER, **STORES})


def located_broker(command: Callable[Concatenate[Places, P], None]) -> Callable[..., None]:
    """As `located`, for what reads logs only: its `Places` have no stores."""
    return _located(command, BROKER)


def _located(
    command: Callable[Concatenate[Places, P], None], options: Options
) -> Callable[..., None]:
    @functools.wraps(command)
    def run(*args: Any, **given: Any) -> None:
        places = _places(**{name: given.pop(name) for name in options})
        with _away_is_said():
            command(places, *args, **given)

    return offering(run, command, options)


def _places(
    kafka: str,
    kafka_username: str,
    kafka_password_file: Path | None,
    kafka_ca_file: Path | None,
    mongodb: str | None = None,
    mongodb_username: str = "",
    mongodb_password_file: str = "",
) -> Places:
    """Where everything is: what was said, else the local stack; `mongodb` None: no store."""
    if not kafka or mongodb == "":
        at = Stack.attach(ROOT).addresses
        kafka, mongodb = kafka or at.kafka, mongodb or at.mongodb
    ca_file = str(kafka_ca_file) if kafka_ca_file else None
    security = Security(kafka_username or None, kafka_password_file, ca_file)
    username, password_file = mongodb_username or None, mongodb_password_file or None
    return Places(kafka, mongodb or "", username, password_file, security)


@contextmanager
def _away_is_said() -> Iterator[None]:
    """A store or a broker that is away, or refuses us, is no defect; nor are its client's words
    about a broker that was just started."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        yield
    except (PyMongoError, StoreAway) as error:
        raise OutOfReach(f"a store does not do it: {error}") from error
    except (KafkaError, BrokerAway) as error:
        raise OutOfReach(f"the broker does not do it: {error or type(error).__name__}") from error
