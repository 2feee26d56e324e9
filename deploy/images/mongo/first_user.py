"""Makes the first user of an empty store, as the official image's entry script does.

`first_user.py DIRECTORY`, with MONGO_INITDB_ROOT_USERNAME and MONGO_INITDB_ROOT_PASSWORD. May be
run again: a user that is there stays as it is.
"""

import os
import sys
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure

from deploy.images.mongo.mongod import server

_USER_EXISTS = 51003
_PORT = 27099


def main() -> None:
    """Start the store without authentication on the loopback only, make the user, stop it."""
    running = server(Path(sys.argv[1]), "127.0.0.1", _PORT, False, 0.0625, "secantus")
    running.start()
    try:
        with MongoClient[dict[str, Any]](
            "127.0.0.1", _PORT, directConnection=True, serverSelectionTimeoutMS=20_000
        ) as client:
            client.admin.command(
                "createUser",
                os.environ["MONGO_INITDB_ROOT_USERNAME"],
                pwd=os.environ["MONGO_INITDB_ROOT_PASSWORD"],
                roles=[{"role": "root", "db": "admin"}],
            )
    except OperationFailure as error:
        if error.code != _USER_EXISTS:
            raise
    finally:
        running.stop()


if __name__ == "__main__":
    main()
