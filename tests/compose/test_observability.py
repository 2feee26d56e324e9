"""The profile observability in a whole deployment: what services say arrives, and rules see it."""

import json
import secrets
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from cli.story import IRPIN
from deploy.local.system import SERVICES
from tests.compose.acting import Tokens
from tests.compose.deployment import Deployment, docker, has_image
from tests.compose.story import Played
from tests.compose.wholeness import healthy, until
from tests.promql import alerts, asked

pytestmark = pytest.mark.timeout(600)

JAEGER = "alliance-stand-in/jaeger:2.13.0"
JAEGER_FILE = "deploy/compose.stand-ins.jaeger.yml"


class Prometheus:
    """Prometheus of a deployment, asked on the network where it has a way out."""

    def __init__(self, deployment: Deployment) -> None:
        (container,) = deployment.inspect("prometheus")
        networks = container["NetworkSettings"]["Networks"]
        self._url = f"http://{networks[f'{deployment.project}_desk']['IPAddress']}:9090/api/v1"

    def get(self, path: str, **query: str) -> Any:
        """What it answers to a request of its API."""
        answer = httpx.get(f"{self._url}/{path}", params=query, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def ask(self, expression: str) -> dict[tuple[str, ...], float]:
        """The values of an expression now, by service, job and part, as far as they have these."""
        labels = ("service_name", "job", "part")
        found = {}
        for series in self.get("query", query=expression)["result"]:
            named = tuple(series["metric"][name] for name in labels if name in series["metric"])
            found[named] = float(series["value"][1])
        return found

    def waiting_alerts(self) -> set[str]:
        """Services for which ServiceNotReady is pending or fires."""
        return {
            alert["labels"]["service_name"]
            for alert in self.get("alerts")["alerts"]
            if alert["labels"]["alertname"] == "ServiceNotReady"
        }


@pytest.fixture
def prometheus(deployment: Deployment, played: Played) -> Prometheus:
    """After the story was played."""
    return Prometheus(deployment)


def test_every_service_is_heard(prometheus: Prometheus, deployment: Deployment) -> None:
    """Each part of each service is ready, gateway and collector are watched, requests are counted
    as they are answered, spans arrive at the collector."""
    ready = "min by (service_name) (alliance_ready)"
    until(lambda: prometheus.ask(ready) == {(s,): 1.0 for s in SERVICES}, 60, "all are ready")
    assert prometheus.ask("min by (job) (up)") == {
        (job,): 1.0 for job in ("gateway", "otel-collector", "prometheus")
    }
    counted = (
        "sum(http_server_request_duration_seconds_count"
        '{service_name="members", http_route=~".*principles"})'
    )
    before = sum(prometheus.ask(counted).values())
    with deployment.http() as http:
        for _ in range(7):
            assert http.get(f"{deployment.url}/api/members/principles").status_code == 200
    until(lambda: sum(prometheus.ask(counted).values()) >= before + 7, 60, "requests are counted")
    spans = 'sum({__name__=~"otelcol_receiver_accepted_spans(_total)?"})'
    until(lambda: sum(prometheus.ask(spans).values()) > 0, 60, "spans arrive")


def test_alerts_and_dashboards_can_be_asked(prometheus: Prometheus) -> None:
    """Every rule is loaded and evaluated without an error; every panel's question is answered. That
    they ask for what is exported is connected/test_trace.py's."""
    rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
    until(
        lambda: (
            {
                rule["health"]
                for group in prometheus.get("rules")["groups"]
                for rule in group["rules"]
            }
            == {"ok"}
        ),
        60,
        "every rule was evaluated",
    )
    assert {rule["name"] for rule in rules} == {rule["alert"] for rule in alerts()}
    for expression in asked().values():
        prometheus.get("query", query=expression)


@pytest.fixture
def jaeger(deployment: Deployment, played: Played) -> Iterator[str]:
    """The address of Jaeger's API; it runs while a test wants it."""
    if not deployment.official and not has_image(JAEGER):
        pytest.skip(f"{JAEGER} is not here: deploy/images/build jaeger")
    up = ["up", "-d", "--wait", "--no-deps", "jaeger"]
    files = deployment.files if deployment.official else [*deployment.files, JAEGER_FILE]
    named = [word for file in files for word in ("-f", file)]
    deployment.compose(*named, *up)
    try:
        (container,) = json.loads(docker("inspect", f"{deployment.project}-jaeger-1"))
        networks = container["NetworkSettings"]["Networks"]
        yield f"http://{networks[f'{deployment.project}_watch']['IPAddress']}:16686/api"
    finally:
        docker("rm", "-f", f"{deployment.project}-jaeger-1")


def test_a_trace_leads_from_the_request_to_the_notice(
    jaeger: str, deployment: Deployment, tokens: Tokens, played: Played
) -> None:
    """A member posts a need and names its own trace: what every service did for it is in it."""
    trace = secrets.token_hex(16)
    headers = tokens.member(played.members["irpin"]) | {
        "Idempotency-Key": str(uuid4()),
        "traceparent": f"00-{trace}-{secrets.token_hex(8)}-01",
    }
    need = {
        "place": IRPIN,
        "sector": "education",
        "project_type": "rehabilitation",
        "title": {"en": "A need that is traced"},
        "lines": [
            {"line": 1, "kind": "funding", "amount": {"amount": "100.00", "currency": "EUR"}}
        ],
    }
    with deployment.http(headers=headers) as http:
        answer = http.post(f"{deployment.url}/api/projects/needs", json=need)
    assert answer.status_code == 201, answer.text

    def heard() -> set[str]:
        found = httpx.get(f"{jaeger}/traces/{trace}", timeout=10)
        data = found.json()["data"] or [] if found.status_code == 200 else []
        return {p["serviceName"] for each in data for p in each["processes"].values()}

    wanted = {"projects", "matching", "notify"}
    print(f"\nfound after {until(lambda: heard() >= wanted, 60, 'the trace'):.1f} s: {heard()}")


def test_an_alert_is_raised_and_goes(prometheus: Prometheus, deployment: Deployment) -> None:
    """The broker stops: no service is ready, and the rule says so of each; it is back: none is."""
    deployment.compose("stop", "kafka")
    seconds = until(lambda: prometheus.waiting_alerts() == set(SERVICES), 120, "the alert")
    print(f"\nthe alert waits for its 2 minutes after {seconds:.0f} s")
    deployment.compose("start", "kafka")
    healthy(deployment)
    seconds = until(lambda: not prometheus.waiting_alerts(), 120, "the alert goes")
    print(f"it went {seconds:.0f} s after all was well")
