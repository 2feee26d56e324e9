"""What came of the programs of tests/compose/trying, in the place of somebody who may not."""

import json
import subprocess
from typing import Any

from tests.compose.deployment import CommandFailed, Deployment

_BOUNDS = ("--read-only", "--tmpfs", "/tmp:mode=1777", "--cap-drop", "ALL", "--pids-limit", "256")


def tried(deployment: Deployment, network: str, program: str, given: Any) -> Any:
    """Run `tests.compose.trying.<program>` on a network, where `container:<id>` is that of another
    container, with its addresses and routes. Raises CommandFailed."""
    image = deployment.inspect("kafka-setup")[0]["Image"]
    done = subprocess.run(
        [
            *("docker", "run", "--rm", "-i", "--network", network, *_BOUNDS),
            *("-v", f"{deployment.root / 'tests'}:/app/tests:ro", image),
            *("python", "-m", f"tests.compose.trying.{program}"),
        ],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    if done.returncode:
        raise CommandFailed(f"{program} on {network}: {done.stderr[-3000:]}")
    print(done.stderr, end="")
    return json.loads(done.stdout)
