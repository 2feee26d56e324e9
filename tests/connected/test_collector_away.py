"""A collector that is away is nobody's trouble: a service works, says so once, stops in time."""

import json
import time

import httpx

from deploy.local.ports import free_port
from tests.system import running


def test_service_works_and_stops_without_its_collector() -> None:
    """Nothing listens at the endpoint: requests are answered, and stopping takes no longer."""
    nowhere = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}",
    }
    with running(nowhere, services=("members",)) as system:
        until = time.monotonic() + 12
        while time.monotonic() < until:
            answer = httpx.get(f"{system.url('members')}/members", timeout=5)
            assert answer.status_code == 200
            time.sleep(0.1)
        process = system.process("members")
        began = time.monotonic()
        process.stop()
        assert time.monotonic() - began < 10, "not killed after the usual patience"
        lines = [json.loads(line) for line in process.log_file.read_text().splitlines()]
    assert any("Application shutdown complete" in line["message"] for line in lines)
    about_it = [line for line in lines if line["logger"].startswith("opentelemetry")]
    assert len(about_it) == 1
