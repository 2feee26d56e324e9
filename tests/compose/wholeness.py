"""Whether a deployment is well again, and has lost and doubled nothing of what it was asked."""

import time
from collections.abc import Callable

from tests.compose.deployment import Deployment
from tests.compose.story import logs
from tests.compose.work import Work
from tests.waiting import within


def until(what: Callable[[], object], seconds: float, say: str, pause: float = 0.3) -> float:
    """Return when `what()` is true: the seconds it took. Raises TimeoutError."""
    seconds, began = within(seconds), time.monotonic()
    while not what():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"{say}: not within {seconds:g} s")
        time.sleep(pause)
    return time.monotonic() - began


def healthy(deployment: Deployment, seconds: float = 240.0) -> float:
    """Return when every container is healthy by itself and every service is ready through the
    gateway: the seconds it took. Nothing is done to make it so. Raises TimeoutError."""
    began = time.monotonic()

    def well() -> bool:
        return all(
            container["State"]["Status"] == "running"
            and container["State"].get("Health", {"Status": "healthy"})["Status"] == "healthy"
            for container in deployment.inspect()
            if container["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
        )

    until(well, seconds, "every container is healthy", pause=1.0)
    deployment.wait_ready(timeout=seconds)
    return time.monotonic() - began


def whole(deployment: Deployment, work: Work, *rebuilt: str) -> int:
    """Every answered command is in its owner's log once and no command in it twice, the logs are
    gapless, and these services' state is what their logs make of it. How many events there are."""
    found = logs(deployment)
    assert work.lost(found) == []
    assert work.unasked(found) == []
    for service in rebuilt:
        said = deployment.alliance("rebuild", service, check=False)
        assert said.returncode == 0, f"{said.stdout[-2000:]}{said.stderr[-2000:]}"
    events = sum(map(len, found.values()))
    attempts = dict(work.attempts())
    print(f"{len(work.commands)} commands, attempts {attempts}; {events} events, none lost")
    return events
