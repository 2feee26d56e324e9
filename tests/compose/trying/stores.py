"""Every account at every store, and what whoever is let in may do to every database there.

Standard input: {"stores": {name: host}, "accounts": {name: [user, password, database]},
"databases": [name]}. Standard output: [[account, store, operation, database, outcome]]; who has not
signed in is `nobody`.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure

Client = MongoClient[dict[str, Any]]
Operation = Callable[[Client, str], object]

NOBODY, ROOT = "nobody", "root"
TRIED = "rights-tried"
"""The collection, the user and the role that are made where that is allowed; they are removed."""

_REFUSED = (13, 18)  # Unauthorized, AuthenticationFailed
_NOT_THERE = (11, 31)  # UserNotFound, RoleNotFound: after the rights were looked at


def _create_user(client: Client, database: str) -> None:
    client[database].command("createUser", TRIED, pwd="tried", roles=[])
    client[database].command("dropUser", TRIED)


def _create_role(client: Client, database: str) -> None:
    client[database].command("createRole", TRIED, privileges=[], roles=[])
    client[database].command("dropRole", TRIED)


READ_WRITE: dict[str, Operation] = {
    "insert": lambda client, name: client[name][TRIED].insert_one({"_id": 1}),
    "update": lambda client, name: client[name][TRIED].update_one({}, {"$set": {"tried": 1}}),
    "find": lambda client, name: client[name][TRIED].find_one(),
    "list collections": lambda client, name: client[name].list_collection_names(),
    "delete": lambda client, name: client[name][TRIED].delete_many({}),
    "drop a collection": lambda client, name: client[name].drop_collection(TRIED),
}
ADMINISTRATION: dict[str, Operation] = {
    "see users": lambda client, name: client[name].command("usersInfo"),
    "create a user": _create_user,
    "create a role": _create_role,
    "become root": lambda client, name: client[name].command(
        "grantRolesToUser", name, roles=[{"role": "root", "db": "admin"}]
    ),
    "drop the database": lambda client, name: client.drop_database(name),
}


def _merge(own: str) -> Operation:
    def merge(client: Client, database: str) -> object:
        into = {"$merge": {"into": {"db": database, "coll": TRIED}}}
        return client[own][TRIED].aggregate([into])

    return merge


MERGE, SERVER, OTHERS, SIGN_IN = "merge into", "see the server", "see other databases", "sign in"


def tries(client: Client, databases: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Operation, database and outcome of each."""
    for name in databases:
        for word, operation in {**READ_WRITE, **ADMINISTRATION}.items():
            yield word, name, _outcome(operation, client, name)
    yield SERVER, "", _outcome(lambda c, name: c.admin.command("serverStatus"), client, "")


def tries_of_a_service(
    client: Client, own: str, databases: Sequence[str]
) -> Iterator[tuple[str, str, str]]:
    """What begins in its own database and reaches into another."""
    client[own][TRIED].insert_one({"_id": 1})
    for name in databases:
        yield MERGE, name, _outcome(_merge(own), client, name)
    client[own].drop_collection(TRIED)
    seen: list[str] = []
    said = _outcome(lambda c, _: seen.extend(c.list_database_names()), client, "")
    yield OTHERS, "", "allowed" if set(seen) - {own} else said if said != "allowed" else "refused"


def _outcome(operation: Operation, client: Client, database: str) -> str:
    try:
        operation(client, database)
    except OperationFailure as error:
        if error.code in _REFUSED:
            return "refused"
        return "allowed" if error.code in _NOT_THERE else f"error {error.code}: {error}"
    return "allowed"


def at(store: str, given: dict[str, Any]) -> list[tuple[str, str, str, str, str]]:
    """Account, store, operation, database and outcome; signing in is an operation, too."""
    where, databases = (
        f"mongodb://{given['stores'][store]}/?directConnection=true",
        given["databases"],
    )
    done: list[tuple[str, str, str, str, str]] = []

    def note(account: str, found: Iterable[tuple[str, str, str]]) -> None:
        done.extend((account, store, *each) for each in found)

    with Client(where) as client:
        note(NOBODY, tries(client, databases))
    for account, (user, password, source) in given["accounts"].items():
        with Client(where, username=user, password=password, authSource=source) as client:
            let_in = _outcome(lambda c, name: c[name].command("ping"), client, source)
            note(account, [(SIGN_IN, source, let_in)])
            if let_in == "allowed" and user == ROOT:
                note(account, tries(client, [TRIED]))  # it may do everything; here, to nothing
            elif let_in == "allowed":
                note(account, tries_of_a_service(client, source, databases))
                note(account, tries(client, databases))
    return done


def main() -> None:
    """Try everything."""
    given = json.load(sys.stdin)
    with ThreadPoolExecutor() as pool:
        found = pool.map(lambda store: at(store, given), given["stores"])
        json.dump(list(chain.from_iterable(found)), sys.stdout)


if __name__ == "__main__":
    main()
