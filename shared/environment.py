"""The environment of a service, held against what it knows: a name that nobody reads is a mistake.

A misspelt variable would otherwise leave its default in force, and nobody would be told.
"""

import os
from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from shared.secret_files import is_example

PREFIX = "ALLIANCE_"

TOOLING = {
    "ALLIANCE_API": "the command `alliance`: where the services are",
    "ALLIANCE_TOKEN": "the command `alliance`: as whom it asks",
    "ALLIANCE_CLIENT_ID": "the command `alliance`: OAuth client",
    "ALLIANCE_CLIENT_ID_FILE": "the command `alliance`: the same, in a file",
    "ALLIANCE_CLIENT_SECRET_FILE": "the command `alliance`: the client's secret, in a file",
    "ALLIANCE_LOCAL": "the local stack: where its data are",
    "ALLIANCE_STORE_SERVER": "the local stack: the MongoDB server to run",
    "ALLIANCE_STORE_TRANSACTION_SECONDS": "the local stack's store: life of a transaction",
    "ALLIANCE_FUZZ_CASES": "tests: random requests to each service",
    "ALLIANCE_SENDING_KILLS": "tests: how often the sender is killed",
    "ALLIANCE_COMPOSE": "tests: those on containers run, too",
    "ALLIANCE_COMPOSE_IMAGES": "tests on containers: `kept` takes our images that are there",
    "ALLIANCE_COMPOSE_KEEP": "tests on containers: 1 leaves the deployment, to look at",
    "ALLIANCE_CONTAINED": "tests on containers: `all` runs every connected test that can run so",
    "ALLIANCE_PROVIDER": "tests: `testcontainers` for Kafka and MongoDB as containers",
    "ALLIANCE_KAFKA_IMAGE": "tests: the image of that Kafka",
    "ALLIANCE_MONGODB_IMAGE": "tests: the image of that MongoDB",
}
"""What the tools read and a service inherits from the shell that started it; it reads none."""


def faults(known: Iterable[str]) -> Iterator[str]:
    """What is wrong with the variables that begin with ALLIANCE_, a line each.

    `known` are the names of the service's settings. Values are not in the lines.
    """
    known = set(known)
    for name, value in sorted(os.environ.items()):
        if not name.upper().startswith(PREFIX):
            continue
        if name.upper() not in known | TOOLING.keys():
            yield f"{name}: no setting of this service; {_hint(name.upper(), known)}"
        elif name.upper() in known and is_example(value):
            yield f"{name}: given an example's value, allowed: a value of your own"


def _hint(name: str, known: set[str]) -> str:
    ends = {each.removeprefix(PREFIX): each for each in known}
    near = get_close_matches(name.removeprefix(PREFIX), ends, n=3, cutoff=0.75)
    return f"did you mean {' or '.join(ends[n] for n in near)}?" if near else "see docs/settings.md"
