"""The test build of a service: `python -m tests.chaos.service NAME PORT`.

The one way of starting a service in which ALLIANCE_CRASH_AT is obeyed instead of refused.
"""

import importlib
import os
import sys

import uvicorn

from shared import crash


def main() -> None:
    name, port = sys.argv[1], int(sys.argv[2])
    if spec := os.environ.pop(crash.VARIABLE, ""):
        crash.arm(spec)
    app = importlib.import_module(f"services.{name}.app").app
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        access_log=False,
        timeout_graceful_shutdown=10,
        log_config=None,
    )


if __name__ == "__main__":
    main()
