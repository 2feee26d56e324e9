"""One trace runs from the HTTP request to the hand-over of the mail, and the logs can be joined."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

import pytest_asyncio

from cli import story
from cli.cast import Cast
from cli.timeline import Timeline
from cli.topics import read_all
from deploy.local.mailbox import messages
from shared.log import LOG, envelope
from tests import promql
from tests.collector import Collector, Span, collecting
from tests.connected.acting import Acting, Json, euros, until
from tests.system import TestBuild, running

SERVER, CLIENT, PRODUCER, CONSUMER = 2, 3, 4, 5
ADDRESS = re.compile(rb"[\w.+-]+@[\w-]+\.[\w.]+")


@dataclass
class Traced:
    """One pledge and one need that match, with all that was exported, logged and mailed."""

    system: TestBuild
    acting: Acting
    collector: Collector
    need: str
    pledge: str
    match: str

    def event(self, owner: str, subject: str, name: str) -> Json:
        """The log's entry of one event."""
        found = self.acting.store[owner][LOG].find_one(
            {"subject": subject, "type": f"alliance.{name}.v1"}
        )
        assert found is not None, f"no {name} of {subject}"
        return found

    def span(self, service: str, name: str, **attributes: str) -> Span:
        """The only span of a service with this name and these attributes (`__` for the dot)."""
        wanted = {(k.replace("__", "."), v) for k, v in attributes.items()}
        found = [
            s
            for s in self.collector.spans
            if (s.service, s.name) == (service, name) and wanted <= set(s.attributes)
        ]
        assert len(found) == 1, (service, name, attributes, found)
        return found[0]

    def in_trace(self, trace: str) -> list[Span]:
        """All spans of a trace."""
        return [s for s in self.collector.spans if s.trace == trace]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def traced() -> AsyncIterator[Traced]:
    """Cascais pledges, Irpin posts the need: the need is what brings the two together."""
    with (
        collecting() as (endpoint, collector),
        running({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}) as system,
    ):
        timeline = Timeline(system.addresses.kafka, lambda entry: None)
        following = asyncio.create_task(timeline.follow())
        cast = Cast(system, timeline, lambda line: None)
        await story.alliance(cast)
        hromada = {"side": "ukraine", "kind": "hromada", "country": "UA"}
        irpin = hromada | {"names": {"en": "Irpin"}, "territory": story.IRPIN}
        await cast.join("irpin", "auc", "uk", irpin)
        city = {"side": "partner", "kind": "city", "country": "PT", "names": {"en": "Cascais"}}
        await cast.join("cascais", "cemr", "en", city)
        await cast.at_rest()
        acting = Acting(system)
        acting.ids = cast.ids
        pledge = await acting.pledge("cascais", euros(100))
        await cast.at_rest()
        need = await acting.post_need("irpin", euros(100))
        [match] = await acting.proposals(need)
        await cast.at_rest()
        mailed = len(messages(system.addresses.maildir))

        def all_exported() -> bool:
            return sum(s.name == "send mail" for s in collector.spans) >= mailed

        await until(all_exported, 10, "the export of spans")
        await asyncio.sleep(1.2)  # the others' last batch: they export every second
        yield Traced(system, acting, collector, need, pledge, match["id"])
        await cast.close()
        await acting.close()
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following


def _of(traceparent: str) -> tuple[str, str]:
    """The trace and the span of a W3C traceparent."""
    version, trace, span, flags = traceparent.split("-")
    assert version == "00"
    assert int(flags, 16) & 1, "sampled"
    return trace, span


async def test_one_trace_runs_from_the_request_to_the_mail(traced: Traced) -> None:
    """Every step of every service, each under the one that caused it."""
    posted = traced.event("projects", traced.need, "need-posted")
    proposed = traced.event("matching", traced.match, "match-proposed")
    trace, _ = _of(posted["traceparent"])
    request = traced.span("projects", "POST /needs")
    assert request.kind == SERVER
    assert request.parent == ""
    assert _of(posted["traceparent"]) == (request.trace, request.id)

    sent = traced.span(
        "projects", "send projects.events", messaging__kafka__message__key=traced.need
    )
    assert (sent.trace, sent.parent, sent.kind) == (trace, request.id, PRODUCER)
    for service in ("matching", "notify"):
        processed = traced.span(
            service, "process projects.events", messaging__kafka__message__key=traced.need
        )
        assert (processed.trace, processed.parent, processed.kind) == (trace, request.id, CONSUMER)
        assert request.id in processed.links
        assert processed.of("messaging.consumer.group.name") == service
        assert processed.of("messaging.operation.type") == "process"
        assert processed.of("messaging.system") == "kafka"

    propose = traced.span("matching", "propose match")
    assert (propose.trace, propose.parent) == (trace, request.id)
    assert _of(proposed["traceparent"]) == (trace, propose.id)
    sent = traced.span(
        "matching", "send matching.events", messaging__kafka__message__key=traced.match
    )
    assert (sent.trace, sent.parent, sent.kind) == (trace, propose.id, PRODUCER)
    heard = traced.span(
        "notify", "process matching.events", messaging__kafka__message__key=traced.match
    )
    assert (heard.trace, heard.parent, heard.kind) == (trace, propose.id, CONSUMER)

    mails = [s for s in traced.in_trace(trace) if s.name == "send mail"]
    proposals = [s for s in mails if s.of("alliance.notice.message") == "match-proposed"]
    assert [s.of("alliance.notice.message") for s in mails].count("need-posted") == 1
    assert len(proposals) == 2, "to each side of the match"
    for mail in proposals:
        assert (mail.service, mail.parent, mail.kind) == ("notify", heard.id, CLIENT)
        assert mail.of("alliance.notice.outcome") == "notice-sent"


async def test_every_span_of_the_trace_has_its_parent_in_it(traced: Traced) -> None:
    """Nothing hangs in the air: one root, and a way to it from everywhere."""
    trace, _ = _of(traced.event("projects", traced.need, "need-posted")["traceparent"])
    spans = traced.in_trace(trace)
    ids = {s.id for s in spans}
    assert [s.name for s in spans if not s.parent] == ["POST /needs"]
    assert [s for s in spans if s.parent and s.parent not in ids] == []
    assert {s.service for s in spans} == {"projects", "matching", "notify"}
    others = {_of(traced.event("matching", traced.pledge, "pledge-made")["traceparent"])[0]}
    assert trace not in others


async def test_each_event_carries_the_traceparent_that_is_stored(traced: Traced) -> None:
    """Kafka's header is the log's field, for every event of every service."""
    checked = 0
    for owner in traced.system.services:
        stored = {d["_id"]: d for d in traced.acting.store[owner][LOG].find()}
        for record in await read_all(traced.system.addresses.kafka, f"{owner}.events"):
            headers = {name: value.decode() for name, value in record.headers}
            document = stored[headers["ce_id"]]
            assert headers.get("ce_traceparent") == document["traceparent"]
            assert record.value == envelope(owner, document).value()
            checked += document["traceparent"] is not None
    assert checked > 50


async def test_what_a_command_records_of_itself_is_traced_too(traced: Traced) -> None:
    """No event of a service's own is without a trace: from rounds and from the sender as well."""
    for owner in traced.system.services:
        for document in traced.acting.store[owner][LOG].find({"traceparent": None}):
            assert document["type"] == "alliance.matching-round-completed.v1", document["type"]


def _lines(traced: Traced, service: str) -> list[str]:
    return traced.system.process(service).log_file.read_text().splitlines()


async def test_log_lines_can_be_joined_with_the_trace(traced: Traced) -> None:
    """What notify logs of a notice names the trace, the span and the event it came from."""
    trace, _ = _of(traced.event("projects", traced.need, "need-posted")["traceparent"])
    found = [json.loads(line) for line in _lines(traced, "notify") if line.startswith("{")]
    ours = [line for line in found if line.get("trace_id") == trace]
    assert len(ours) == 3, "a receipt, and two proposals"
    spans = {s.id for s in traced.in_trace(trace)}
    queued = {str(d["_id"]) for d in traced.acting.store["notify"][LOG].find()}
    for line in ours:
        assert line["service"] == "notify"
        assert line["level"] == "INFO"
        assert line["span_id"] in spans
        assert line["event_id"] in queued
        assert line["message"].endswith(": sent")


async def test_no_address_leaves_the_vault(traced: Traced) -> None:
    """Not in a log line, a span, a metric, an event; the mails prove that there were some."""
    mails = messages(traced.system.addresses.maildir)
    addresses = {m["To"] for m in mails}
    assert "irpin@example.org" in addresses
    for service in traced.system.services:
        text = traced.system.process(service).log_file.read_bytes()
        assert text
        assert ADDRESS.findall(text) == []
    await until(lambda: bool(traced.collector.metrics), 15, "the export of metrics", every=0.5)
    assert traced.collector.spans
    for body in traced.collector.bodies:
        assert b"@example.org" not in body
    for owner in traced.system.services:
        for document in traced.acting.store[owner][LOG].find():
            assert "@example.org" not in document["data"]


async def test_every_service_exports_its_metrics(traced: Traced) -> None:
    """By the names of the messaging conventions."""
    wanted = {
        (service, metric)
        for service in ("projects", "matching", "notify")
        for metric in ("messaging.client.sent.messages", "messaging.client.consumed.messages")
    }
    wanted |= {("members", "messaging.client.sent.messages"), ("notify", "alliance.notices")}

    def exported() -> bool:
        return wanted <= traced.collector.metrics

    await until(exported, 15, "the export of metrics", every=0.5)
    assert traced.collector.faults == []


OTHERS = {"up", "ALERTS"}
"""What Prometheus itself knows."""

REAL_STORE = {"alliance_store_disk_used_bytes", "alliance_store_disk_size_bytes"}
"""What the local store does not say of its disk; MongoDB does."""

BY_PROMETHEUS = {"service_name", "job", "instance", "le", "alertstate"}


async def test_dashboards_and_alerts_ask_only_for_what_is_exported(traced: Traced) -> None:
    """Each metric and label of an expression, by the name that Prometheus gives it."""
    found = traced.collector

    def exported() -> dict[str, set[str]]:
        return {name: m.labels for m in found.measured.values() for name in m.in_prometheus()}

    wanted = set().union(*map(promql.metrics, promql.asked().values())) - OTHERS - REAL_STORE
    await until(lambda: wanted <= set(exported()), 25, "the export of metrics", every=0.5)
    known = exported() | {name: set() for name in OTHERS | REAL_STORE}
    for whose, expression in promql.asked().items():
        metrics = promql.metrics(expression)
        assert metrics <= set(known), whose
        labels = set().union(*(known[name] for name in metrics))
        assert promql.labels(expression) <= labels | BY_PROMETHEUS, whose


async def test_durations_are_told_apart(traced: Traced) -> None:
    """Each histogram has bounds of its own: the usual ones are of milliseconds."""
    histograms = [m for m in traced.collector.measured.values() if m.kind == "histogram"]
    timed = {m.name: m.bounds for m in histograms if m.unit == "s"}
    assert len(timed) >= 4
    for name, bounds in timed.items():
        assert min(bounds) <= 0.005, name
        assert max(bounds) <= 120, name
    assert len(traced.collector.instances) == len(traced.system.services)


async def test_every_log_line_is_json(traced: Traced) -> None:
    """So that one parser reads them all."""
    for service in traced.system.services:
        assert [line for line in _lines(traced, service) if not line.startswith("{")] == []
