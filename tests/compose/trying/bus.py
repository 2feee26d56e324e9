"""Every operation on the bus, tried by everybody, and by strangers whether they are let in.

It runs on the broker's own network, since its health listener is reached from nowhere else.
"""

import asyncio
import json
import ssl
import sys
from collections.abc import Mapping
from typing import Any

from aiokafka.conn import create_conn
from aiokafka.protocol.metadata import MetadataRequest
from confluent_kafka.admin import AdminClient

from tests.compose.trying import administration, records
from tests.compose.trying.answers import NONE_SUCH

HEALTH = ("127.0.0.1", 9095)
ADMIN, NOBODY = "admin", "nobody"


class Trying:
    """All tries and what came of them; `given` is what the test wrote:

    {"ca": PEM, "identities": {name: password}, "topics": [name], "groups": [name],
    "strangers": {name: options of the connection}}
    """

    def __init__(self, given: dict[str, Any]) -> None:
        self._given = given
        self.tried: list[tuple[str, str, str, str]] = []
        self.operations: list[tuple[str, str, str, list[str]]] = []
        self.let_in: list[str] = []

    async def everything(self) -> None:
        """By everybody, one after the other."""
        for name, options in self._given["strangers"].items():
            if await self._is_let_in(**self._options(options)):
                self.let_in.append(name)
        host, port = HEALTH
        plain = {"host": host, "port": port, "security_protocol": "PLAINTEXT"}
        await self._by(NOBODY, plain, {"bootstrap.servers": f"{host}:{port}"})
        for identity, secret in self._given["identities"].items():
            signed_in = {"sasl_plain_username": identity, "sasl_plain_password": secret}
            settings = {
                "bootstrap.servers": "kafka:9092",
                "security.protocol": "SASL_SSL",
                "sasl.mechanism": "SCRAM-SHA-512",
                "ssl.ca.pem": self._given["ca"],
                "sasl.username": identity,
                "sasl.password": secret,
            }
            await self._by(identity, signed_in, settings)

    async def _by(
        self, identity: str, options: dict[str, Any], settings: Mapping[str, str]
    ) -> None:
        topics, groups = self._given["topics"], self._given["groups"]
        transactions = groups
        admin = AdminClient(dict(settings))
        told = await asyncio.to_thread(
            lambda: list(administration.operations(admin, topics, groups))
        )
        self.operations += [(identity, *each) for each in told]
        if identity == ADMIN:  # who may do everything, and here does it to what is not there
            topics, groups, transactions = [NONE_SUCH], [NONE_SUCH], []
        connection = await create_conn(**self._options(options))
        async for each in records.tries(connection, topics, groups, transactions):
            self.tried.append((identity, *each))
        connection.close()
        found = await asyncio.to_thread(lambda: list(administration.tries(admin, topics, groups)))
        self.tried += [(identity, *each) for each in found]

    async def _is_let_in(self, **options: Any) -> bool:
        """Whether the broker answers the first question."""
        try:
            connection = await create_conn(**options, request_timeout_ms=10_000)
            try:
                await connection.send(MetadataRequest([]))
                return True
            finally:
                connection.close()
        except Exception as error:
            sys.stderr.write(f"kafka:{options['port']}: {type(error).__name__}: {error}\n")
            return False

    def _options(self, given: dict[str, Any]) -> dict[str, Any]:
        trust = ssl.create_default_context(cadata=self._given["ca"])
        found = {
            "host": "kafka",
            "port": 9092,
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-512",
            "ssl_context": trust,
            **given,
        }
        if pem := found.pop("certificate", None):
            with open("/tmp/certificate.pem", "w") as file:
                file.write(pem)
            trust.load_cert_chain(file.name)
        return found


def main() -> None:
    """Try everything."""
    trying = Trying(json.load(sys.stdin))
    asyncio.run(trying.everything())
    found = {"tried": trying.tried, "operations": trying.operations, "let_in": trying.let_in}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
