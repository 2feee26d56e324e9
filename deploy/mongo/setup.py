"""A store's replica set and its one user: `python -m deploy.mongo.setup members`, at any time.

The service's user has `readWrite` on the database of its name and nothing else. Whoever else has an
account in that database is removed. A password that was changed by `deploy/init --rotate` is set.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from deploy.passwords import SECRETS, password, passwords

REPLICA_SET = "alliance"
ROOT = "root"
PATIENCE = 110.0
"""Seconds that a store may take to come up."""

_AUTHENTICATION_FAILED = 18
_NO_SUCH_COMMAND = 59
Client = MongoClient[dict[str, Any]]


class NotSetUp(SystemExit):
    """The store cannot be set up; the message says why."""


def set_up(service: str, hosts: Sequence[str], secrets: Path = SECRETS) -> list[str]:
    """Make the replica set of `hosts` and the user; what was changed, a line each.

    Raises NotSetUp after PATIENCE seconds, or where no password of the root user is right.
    """
    deadline = time.monotonic() + PATIENCE
    host, client = _writable(service, hosts, secrets, deadline, maybe_new=True)
    with client:
        changed = list(_replica_set(client, hosts))
    host, client = _writable(service, hosts, secrets, deadline)
    with client:
        changed += _root_password(client, service, host, secrets)
        changed += _user(client, service, host, password(f"mongo-{service}", secrets))
    return changed


def _writable(
    service: str,
    hosts: Sequence[str],
    secrets: Path,
    deadline: float,
    maybe_new: bool = False,
) -> tuple[str, Client]:
    """The member that takes writes, and a connection to it as root; with `maybe_new`, the first
    host where it is in no replica set yet."""
    said: dict[str, object] = {}
    while time.monotonic() < deadline:
        for host in hosts:
            said[host] = "no password of the root user is right"
            try:
                for tried in passwords(f"mongo-{service}-root", secrets):
                    if (client := _signed_in(host, ROOT, tried, "admin")) is None:
                        continue
                    hello = client.admin.command("hello")
                    new = maybe_new and host == hosts[0] and "setName" not in hello
                    if hello["isWritablePrimary"] or new:
                        return host, client
                    client.close()
                    said[host] = "it is not the primary of its replica set"
            except PyMongoError as error:
                said[host] = error
        time.sleep(0.5)  # at its first start the store opens before its root user is there
    raise NotSetUp("; ".join(f"{host}: {why}" for host, why in said.items()))


def _signed_in(host: str, user: str, secret: str, source: str) -> Client | None:
    """A connection as this user; None where the password is wrong. Raises PyMongoError."""
    client = Client(
        f"mongodb://{host}/?directConnection=true",
        username=user,
        password=secret,
        authSource=source,
        serverSelectionTimeoutMS=3000,
        connectTimeoutMS=3000,
    )
    try:
        client[source].command("connectionStatus")
        return client
    except OperationFailure as error:
        client.close()
        if error.code == _AUTHENTICATION_FAILED:
            return None
        raise
    except PyMongoError:
        client.close()
        raise


def _replica_set(client: Client, hosts: Sequence[str]) -> Iterator[str]:
    said = client.admin.command("hello")
    members = [{"_id": number, "host": host} for number, host in enumerate(hosts)]
    if "setName" not in said:
        client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members})
        yield f"replica set of {', '.join(hosts)}"
    elif config := _configuration(client):
        known = {member["host"] for member in config["members"]}
        if missing := [host for host in hosts if host not in known]:
            free = max(member["_id"] for member in config["members"]) + 1
            for number, host in enumerate(missing, free):  # one at a time, as MongoDB wants it
                config["members"].append({"_id": number, "host": host})
                config["version"] += 1
                client.admin.command("replSetReconfig", config)
                yield f"{host} joined the replica set"


def _configuration(client: Client) -> dict[str, Any] | None:
    """None where the server is no mongod: a stand-in is a replica set by itself."""
    try:
        config: dict[str, Any] = client.admin.command("replSetGetConfig")["config"]
        return config
    except OperationFailure as error:
        if error.code != _NO_SUCH_COMMAND:
            raise
        return None


def _root_password(client: Client, service: str, host: str, secrets: Path) -> Iterator[str]:
    wanted = password(f"mongo-{service}-root", secrets)
    if not _is_right(host, ROOT, wanted, "admin"):
        client.admin.command("updateUser", ROOT, pwd=wanted)
        yield "password of root"


def _user(client: Client, service: str, host: str, wanted: str) -> Iterator[str]:
    database, roles = client[service], [{"role": "readWrite", "db": service}]
    found = {user["user"]: user for user in database.command("usersInfo")["users"]}
    for name in sorted(found.keys() - {service}):
        database.command("dropUser", name)
        yield f"user {name} removed"
    if service not in found:
        database.command("createUser", service, pwd=wanted, roles=roles)
        yield f"user {service}"
        return
    has = [{"role": role["role"], "db": role["db"]} for role in found[service]["roles"]]
    if has != roles:
        database.command("updateUser", service, roles=roles)
        yield f"rights of {service}"
    if not _is_right(host, service, wanted, service):
        database.command("updateUser", service, pwd=wanted)
        yield f"password of {service}"


def _is_right(host: str, user: str, secret: str, source: str) -> bool:
    client = _signed_in(host, user, secret, source)
    if client is not None:
        client.close()
    return client is not None


@contextmanager
def _told(host: str) -> Iterator[None]:
    """What a store refuses is said in one line."""
    try:
        yield
    except (PyMongoError, OSError) as error:
        raise NotSetUp(f"{host}: {error}") from None


def main() -> None:
    """Set up one store and print what was changed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("service", help="Whose store, which is its user and its database, too.")
    parser.add_argument(
        "--hosts",
        default=os.environ.get("STORE_MEMBERS"),
        help="Members, host:port with commas between.",
    )
    parser.add_argument("--secrets", type=Path, default=SECRETS)
    given = parser.parse_args()
    hosts = (given.hosts or f"{given.service}-db:27017").split(",")
    with _told(hosts[0]):
        changed = set_up(given.service, hosts, given.secrets)
    sys.stdout.write("".join(f"{line}\n" for line in changed or ["nothing to change"]))


if __name__ == "__main__":
    main()
