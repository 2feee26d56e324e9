"""The one thing a health check asks of `mongosh`: `--eval` of a ping or of hello, for SecantusDB.

Prints `1` for an expression with `ping`, `true` or `false` for one with `isWritablePrimary`;
anything else is refused.
"""

import re
import sys
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError


def main() -> None:
    """Answer, or exit with 1 when the server does not and 64 when something else is asked."""
    given = sys.argv[1:]
    expression = given[given.index("--eval") + 1] if "--eval" in given else ""
    port = next((int(p) for p in re.findall(r"(?:--port[ =]|:)(\d+)", " ".join(given))), 27017)
    try:
        with MongoClient[dict[str, Any]](
            "127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=3000
        ) as client:
            hello = client.admin.command("hello")
    except PyMongoError as error:
        sys.exit(f"mongosh: {error}")
    if "isWritablePrimary" in expression:
        print("true" if hello.get("isWritablePrimary") else "false")
    elif "ping" in expression:
        print(1)
    else:
        print("mongosh: this stand-in knows ping and hello().isWritablePrimary", file=sys.stderr)
        sys.exit(64)


if __name__ == "__main__":
    main()
