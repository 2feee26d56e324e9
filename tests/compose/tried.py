"""What came of the programs of tests/compose/trying, in the place of somebody who may not."""

import json
import subprocess
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from tests.compose.deployment import CommandFailed, Deployment, docker

_BOUNDS = ("--read-only", "--tmpfs", "/tmp:mode=1777", "--cap-drop", "ALL", "--pids-limit", "256")


def tried(deployment: Deployment, networks: Sequence[str], program: str, given: Any) -> Any:
    """Run `tests.compose.trying.<program>` on these networks; `container:<id>` alone is that of
    another container, with its addresses and routes. Raises CommandFailed."""
    image = deployment.inspect("kafka-setup")[0]["Image"]
    name = f"{deployment.project}-trying-{uuid4().hex[:8]}"
    docker(
        *("create", "-i", "--name", name, "--network", networks[0], *_BOUNDS),
        *("-v", f"{deployment.root / 'tests'}:/app/tests:ro", image),
        *("python", "-m", f"tests.compose.trying.{program}"),
    )
    try:
        for network in networks[1:]:
            docker("network", "connect", network, name)
        done = subprocess.run(
            ["docker", "start", "-a", "-i", name],
            input=json.dumps(given),
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
    finally:
        docker("rm", "-f", name)
    if done.returncode:
        raise CommandFailed(f"{program} on {networks}: {done.stderr[-3000:]}")
    print(done.stderr, end="")
    return json.loads(done.stdout)
