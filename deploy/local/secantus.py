"""SecantusDB's server with a shorter life for transactions that nobody ends.

A client that dies inside a transaction leaves it open, and with it every document it wrote. MongoDB
ends it after `transactionLifetimeLimitSeconds` (60 s unless set otherwise), SecantusDB after as
long and only when another transaction comes by; neither when the connection closes, since a
transaction may go on over another one. Until then a restarted service collides with its dead
self. The server takes the lifetime as an argument of its class and has no option for it, so this
is its command with that argument, and with a sweeper.
"""

import os
import sys
import threading
import time
from typing import Any

from secantus import cli

LIFETIME_VARIABLE = "ALLIANCE_STORE_TRANSACTION_SECONDS"
LIFETIME = 10.0
"""Seconds; longer than any transaction of ours may take, shorter than anybody wants to wait."""


def lifetime() -> float:
    """Seconds after which the store ends a transaction that stands still."""
    return float(os.environ.get(LIFETIME_VARIABLE) or LIFETIME)


class Server(cli.SecantusDBServer):  # type: ignore[misc]
    """The server, with that lifetime."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, transaction_lifetime_seconds=lifetime(), **options)
        registry = next(
            part for part in vars(self).values() if type(part).__name__ == "TransactionRegistry"
        )
        threading.Thread(target=_sweep, args=(registry,), daemon=True).start()


def _sweep(registry: Any) -> None:
    while True:
        time.sleep(0.5)
        registry.prune_expired()


if __name__ == "__main__":
    cli.SecantusDBServer = Server
    sys.exit(cli.main())
