"""A service that starts while its broker or its store is away waits, says so, and goes on."""

from collections.abc import Iterator

import httpx
import pytest

from tests.system import TestBuild, running

SERVICES = ("members", "projects")


@pytest.fixture(scope="module")
def system() -> Iterator[TestBuild]:
    """One service that consumes nothing, and one that does."""
    with running(services=SERVICES) as started:
        yield started


def readiness(system: TestBuild, service: str) -> dict[str, str]:
    """What a service says stands between it and its work."""
    answer = httpx.get(f"{system.url(service)}/health/ready", timeout=15)
    assert answer.status_code == 503
    found: dict[str, str] = answer.json()
    return found


@pytest.mark.parametrize(
    ("part", "named"), [("kafka", "broker"), ("store", "store")], ids=["broker", "store"]
)
def test_service_waits_for_what_is_absent_at_its_start(
    system: TestBuild, part: str, named: str
) -> None:
    """It lives, its readiness names what it waits for, and no restart is needed afterwards."""
    for service in SERVICES:
        system.process(service).stop()
    absent = getattr(system.stack, part)
    absent.stop()
    try:
        for service in SERVICES:
            system.process(service).start()
            system.process(service).wait_ready(system.ports[service])
        pids = [system.process(service).pid for service in SERVICES]
        for service in SERVICES:
            assert readiness(system, service)[named].startswith("away")
            assert httpx.get(f"{system.url(service)}/health/live").status_code == 200
    finally:
        absent.start()
    for service in SERVICES:
        system.wait_ready(service)
    assert [system.process(service).pid for service in SERVICES] == pids
