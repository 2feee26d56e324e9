"""Is the service in this container ready: `python -m shared.probe [URL]`; exit 0 or 1.

The health check of the containers. Prints each part that is missing. Python's own library only,
since it runs every few seconds and must start fast.
"""

import json
import sys
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

URL = "http://127.0.0.1:8000/health/ready"
PATIENCE = 3.0
"""Seconds that the answer may take."""


def missing(url: str = URL) -> list[str]:
    """What stands between the service and its work, a line each; none if it is ready."""
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=PATIENCE) as answer:
            answer.read()
            return []
    except HTTPError as refused:
        try:
            parts = json.loads(refused.read())
            named = [f"{part}: {state}" for part, state in parts.items() if state not in _WELL]
        except (ValueError, AttributeError, OSError):
            named = []
        return named or [f"{url} answers {refused.code}"]
    except (URLError, OSError, ValueError) as error:
        return [f"{url} does not answer: {getattr(error, 'reason', error)}"]


_WELL = ("ok", True, False)  # `ready` itself says no more than the status does


def main() -> int:
    """Print what is missing; the exit status."""
    found = missing(*sys.argv[1:2])
    print("\n".join(found) or "ready")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
