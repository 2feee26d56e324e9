"""What is measured says what stands still; and a collector that is away is nobody's trouble."""

import json
import time

import httpx

from deploy.local.ports import free_port
from tests.collector import Collector, collecting
from tests.connected.acting import THREE, Acting, until
from tests.system import running
from tests.waiting import within


def _now(collector: Collector, name: str, *where: str) -> float:
    """The last value that was exported of a gauge; -1 for none yet."""
    found = collector.measured.get(name)
    return found.values.get(where, -1.0) if found else -1.0


async def test_gauges_say_who_waits_while_the_broker_is_away() -> None:
    """A need that is posted then is not published: it is counted, and ages; then all is well."""
    with (
        collecting() as (endpoint, collector),
        running({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}, services=THREE) as system,
    ):
        acting = Acting(system)
        await acting.open()
        await acting.pledge("cascais")
        await acting.proposals(await acting.post_need("irpin"))
        await acting.at_rest()

        def waits() -> tuple[float, float]:
            return (
                _now(collector, "alliance.relay.backlog", "projects"),
                _now(collector, "alliance.relay.oldest", "projects"),
            )

        def proposal_is_measured() -> bool:
            return _now(collector, "alliance.proposals.open", "matching") == 1

        await until(proposal_is_measured, 40, "a measure", every=0.5)
        assert waits() == (0, 0)
        assert 0 < _now(collector, "alliance.proposals.oldest", "matching") < 120
        assert _now(collector, "alliance.proposals.overdue", "matching") == 0
        assert _now(collector, "alliance.ready", "projects", "broker") == 1
        lags = collector.measured["alliance.consumer.lag"].values
        assert {where[0] for where in lags} == {"projects", "matching"}
        assert set(lags.values()) == {0}

        system.stack.kafka.stop()
        stopped = time.monotonic()
        await acting.post_need("irpin")

        def event_waits() -> bool:
            backlog, oldest = waits()
            return backlog == 1 and 0 < oldest <= time.monotonic() - stopped + 1

        await until(event_waits, 60, "an event that waits", every=0.5)
        assert _now(collector, "alliance.ready", "projects", "broker") == 0

        system.stack.kafka.start()
        await acting.at_rest()
        await until(lambda: waits() == (0, 0), 60, "an end of waiting", every=0.5)
        await acting.close()


def test_service_works_and_stops_without_its_collector() -> None:
    """Nothing listens at the endpoint: requests are answered, and stopping takes no longer."""
    nowhere = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    with running(nowhere, services=("members",)) as system:
        end = time.monotonic() + 12
        while time.monotonic() < end:
            answer = httpx.get(f"{system.url('members')}/members", timeout=within(5))
            assert answer.status_code == 200
            time.sleep(0.1)
        process = system.process("members")
        began = time.monotonic()
        process.stop(within(15))
        assert time.monotonic() - began < within(10), "not killed after the usual patience"
        lines = [json.loads(line) for line in process.log_file.read_text().splitlines()]
    assert any("Application shutdown complete" in line["message"] for line in lines)
    about_it = [line for line in lines if line["logger"].startswith("opentelemetry")]
    assert len(about_it) == 1
