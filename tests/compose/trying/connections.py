"""Who is reached from here, by address, and whose name is known.

Standard input: {"addresses": [[host, port]], "names": [name]}. Standard output: {"reached":
[[host, port]], "known": [name]}.
"""

import asyncio
import json
import os
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

_SECONDS = 3.0


async def _is_reached(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except OSError:  # TimeoutError is one
        return False
    writer.close()
    return True


def _is_known(name: str) -> bool:
    try:
        socket.getaddrinfo(name, 80)
    except OSError:
        return False
    return True


async def main() -> None:
    """Try everything at once."""
    given = json.load(sys.stdin)
    addresses = given["addresses"]
    reached = await asyncio.gather(*(_is_reached(*address) for address in addresses))
    os.environ["RES_OPTIONS"] = "timeout:1 attempts:2"  # a name that is not here is asked elsewhere
    with ThreadPoolExecutor(len(given["names"])) as pool:
        known = list(pool.map(_is_known, given["names"]))
    found = {
        "reached": [a for a, yes in zip(addresses, reached, strict=True) if yes],
        "known": [n for n, yes in zip(given["names"], known, strict=True) if yes],
    }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
