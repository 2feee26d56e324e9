"""A broker's topics, users and rights: `python -m deploy.kafka.setup`, at any time.

Topics are those of topics.toml, rights exactly those of acls.toml. Users are the identities that
acls.toml names, with the passwords that `deploy/init` made; one that was changed is set. What was
changed is printed; a second run changes nothing.
"""

import argparse
import asyncio
import logging
import os
import ssl
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.helpers import create_ssl_context
from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    BrokerMetadata,
    ConfigEntry,
    ConfigResource,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from deploy.kafka import acls
from deploy.local import topics
from deploy.passwords import SECRETS, password, passwords

ADMIN = "admin"
PATIENCE = 110.0
"""Seconds that the broker may take to come up."""
RELOADED = 20.0
"""Seconds after which a broker that was told of it shows its new certificate."""
IN_A_ROW = 12
"""Connections that have to show it, one after the other: a broker's network threads (three, and a
new connection is the next one's) change one by one, over a third of a second."""

_SCRAM = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
_SECONDS = 30.0


class NotSetUp(SystemExit):
    """The broker cannot be set up; the message says why."""


@dataclass(frozen=True)
class Broker:
    """Where the broker is, and whose certificate it shows."""

    bootstrap: str
    ca_file: Path

    def options(self, identity: str, secret: str) -> dict[str, Any]:
        """aiokafka's arguments to sign in."""
        return {
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": identity,
            "sasl_plain_password": secret,
            "ssl_context": create_ssl_context(cafile=str(self.ca_file)),
        }

    def admin(self, secret: str) -> AdminClient:
        """librdkafka's client for what aiokafka's cannot do: rights and users."""
        return AdminClient(
            {
                "bootstrap.servers": self.bootstrap,
                "security.protocol": "SASL_SSL",
                "sasl.mechanism": "SCRAM-SHA-512",
                "sasl.username": ADMIN,
                "sasl.password": secret,
                "ssl.ca.location": str(self.ca_file),
            }
        )

    def lets_in(self, identity: str, secret: str) -> bool:
        """Whether the password is right; False, too, where the broker does not answer."""

        async def sign_in() -> bool:
            client = AIOKafkaAdminClient(
                bootstrap_servers=self.bootstrap, **self.options(identity, secret)
            )
            try:
                await client.start()
                return True
            except (KafkaError, OSError):
                return False
            finally:
                await client.close()

        return asyncio.run(sign_in())


def set_up(broker: Broker, replicas: int, secrets: Path = SECRETS) -> Iterator[str]:
    """Make topics, users and rights what the tables say; what was changed, a line each.

    Raises NotSetUp after PATIENCE seconds, TopicWrong, KafkaError, KafkaException.
    """
    secret = _admins_password(broker, secrets)
    options = broker.options(ADMIN, secret)
    created = asyncio.run(topics.apply(broker.bootstrap, replicas=replicas, options=options))
    yield from (f"created topic {name}" for name in created)
    admin = broker.admin(secret)
    yield from _users(broker, admin, secrets)
    yield from acls.apply(admin, acls.table())


def _admins_password(broker: Broker, secrets: Path) -> str:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for secret in passwords(f"kafka-{ADMIN}", secrets):
            if broker.lets_in(ADMIN, secret):
                return secret
        time.sleep(0.5)
    raise NotSetUp(f"{broker.bootstrap} does not answer, or no password of {ADMIN} is right")


def _users(broker: Broker, admin: AdminClient, secrets: Path) -> Iterator[str]:
    wanted = [*acls.identities(), ADMIN]
    asked: Any = admin.describe_user_scram_credentials()
    found = asked.result(_SECONDS)
    changes: dict[str, UserScramCredentialAlteration] = {}
    for name in wanted:
        secret = password(f"kafka-{name}", secrets)
        if name not in found or not broker.lets_in(name, secret):
            changes[name] = UserScramCredentialUpsertion(name, _SCRAM, secret.encode())
    for name in found.keys() - set(wanted):
        for each in found[name].scram_credential_infos:
            changes[name] = UserScramCredentialDeletion(name, each.mechanism)
    if changes:
        for done in admin.alter_user_scram_credentials(list(changes.values())).values():
            done.result(_SECONDS)
    for name, change in sorted(changes.items()):
        removed = isinstance(change, UserScramCredentialDeletion)
        yield f"removed user {name}" if removed else f"set the password of {name}"


def reload_certificates(broker: Broker, secrets: Path = SECRETS) -> Iterator[str]:
    """Every broker reads its certificate again: setting the file's name anew makes it do so, a
    moment after the setting is taken. A second run changes nothing.

    Raises NotSetUp where one shows another than the file holds, after all were told.
    """
    admin = broker.admin(_admins_password(broker, secrets))
    names = [f"listener.name.{listener}.ssl.keystore.location" for listener in ("client", "broker")]
    file = secrets / "kafka.pem"
    written = _first(file.read_text())
    others = []
    for node, at in sorted(admin.list_topics(timeout=_SECONDS).brokers.items()):
        entries = [
            ConfigEntry(name, "/run/secrets/kafka.pem", incremental_operation=AlterConfigOpType.SET)
            for name in names
        ]
        asked = ConfigResource(ResourceType.BROKER, str(node), incremental_configs=entries)
        for done in admin.incremental_alter_configs([asked]).values():
            done.result(_SECONDS)
        deadline = time.monotonic() + RELOADED
        while not (shows := _shows(at, written)) and time.monotonic() < deadline:
            time.sleep(0.1)
        if shows:
            yield f"broker {node} shows the certificate of {file.name}"
        else:
            others.append(str(node))
    if others:
        raise NotSetUp(
            f"broker {', '.join(others)} shows another certificate than deploy/secrets/kafka.pem "
            f"after {RELOADED:g} s: was the file replaced instead of written to? A mounted file "
            "is the one that it was; docker compose up -d --force-recreate kafka"
        )


def _shows(at: BrokerMetadata, written: str) -> bool:
    """Whether a broker shows this certificate to its clients, whichever thread answers."""
    assert at.host is not None
    assert at.port is not None
    address = (at.host, at.port)
    return all(_first(ssl.get_server_certificate(address)) == written for _ in range(IN_A_ROW))


def _first(pem: str) -> str:
    """The first certificate of a chain, without its line breaks."""
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    return "".join(pem[pem.index(begin) + len(begin) : pem.index(end)].split())


def main() -> None:
    """Set it up and print what was changed."""
    parser = argparse.ArgumentParser(description=__doc__)
    told = os.environ.get
    parser.add_argument("--bootstrap", default=told("ALLIANCE_KAFKA", "kafka:9092"))
    parser.add_argument(
        "--replicas", type=int, default=told("KAFKA_REPLICAS", "1"), help="Copies of each topic."
    )
    parser.add_argument("--secrets", type=Path, default=SECRETS)
    parser.add_argument("--reload-certificates", action="store_true", help="Only that.")
    given = parser.parse_args()
    broker = Broker(given.bootstrap, given.secrets / "ca.pem")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # wrong passwords are tried on purpose
    try:
        if given.reload_certificates:
            changed = list(reload_certificates(broker, given.secrets))
        else:
            changed = list(set_up(broker, given.replicas, given.secrets))
    except (topics.TopicWrong, KafkaError, KafkaException, OSError) as error:
        raise NotSetUp(f"{given.bootstrap}: {error}") from None
    sys.stdout.write("".join(f"{line}\n" for line in changed or ["nothing to change"]))


if __name__ == "__main__":
    main()
