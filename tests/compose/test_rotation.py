"""Every password and certificate is changed while people work, and nobody notices."""

import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import httpx
import pytest

from deploy.local.system import SERVICES
from tests.compose.acting import Tokens
from tests.compose.deployment import Deployment
from tests.compose.story import Played, logs

pytestmark = pytest.mark.timeout(900)


class Work:
    """Somebody who records rates all the time; what was answered."""

    def __init__(self, deployment: Deployment, tokens: Tokens) -> None:
        self._deployment, self._headers = deployment, tokens.operator()
        self.recorded: list[str] = []
        self.refused: list[str] = []

    @contextmanager
    def going_on(self) -> Iterator["Work"]:
        """In a thread of its own for as long as the block."""
        ended = threading.Event()
        thread = threading.Thread(target=self._work, args=(ended,))
        thread.start()
        try:
            yield self
        finally:
            ended.set()
            thread.join(60)

    def _work(self, ended: threading.Event) -> None:
        body = {"date": "2026-01-05", "source": "test", "per_eur": {"UAH": "42.0000"}}
        with self._deployment.http() as http:
            while not ended.wait(0.2):
                headers = {**self._headers, "Idempotency-Key": str(uuid4())}
                try:
                    answer = http.post(
                        f"{self._deployment.url}/api/matching/rates", json=body, headers=headers
                    )
                except httpx.HTTPError as error:
                    self.refused.append(repr(error))
                    continue
                if answer.status_code == 201:
                    self.recorded.append(answer.json()["id"])
                else:
                    self.refused.append(f"{answer.status_code} {answer.text}")


def init(deployment: Deployment, *arguments: str) -> None:
    """Run `deploy/init …` of the deployment."""
    command = [str(deployment.root / "deploy" / "init"), *arguments]
    subprocess.run(command, check=True, capture_output=True)


def test_passwords_change_while_people_work(
    deployment: Deployment, tokens: Tokens, played: Played
) -> None:
    """Every identity's at Kafka and every user's at its store: no request is refused, and what was
    recorded meanwhile is published; after it only the new ones are good."""
    with Work(deployment, tokens).going_on() as work:
        for identity in (*SERVICES, "admin", "auditor"):
            init(deployment, "--rotate", f"kafka-{identity}")
        said = deployment.run("kafka-setup").stdout.splitlines()
        assert len([line for line in said if line.startswith("set the password of")]) == 6
        for service in SERVICES:
            init(deployment, "--rotate", f"mongo-{service}")
            init(deployment, "--rotate", f"mongo-{service}-root")
            said = deployment.run(f"{service}-db-setup").stdout.splitlines()
            assert said == ["password of root", f"password of {service}"]
        for job in ("kafka-setup", *(f"{service}-db-setup" for service in SERVICES)):
            assert deployment.run(job).stdout.strip() == "nothing to change"
    assert work.refused == []
    # Every connection is made anew, so with what the files hold now.
    deployment.compose("restart", "kafka", *(f"{service}-db" for service in SERVICES))
    deployment.wait_ready()
    published = {envelope.subject for envelope in logs(deployment)["matching"]}
    print(f"{len(work.recorded)} commands while 14 passwords were changed")
    assert set(work.recorded) <= published


def test_certificates_change_while_people_work(
    deployment: Deployment, tokens: Tokens, played: Played
) -> None:
    """The broker and the gateway show new ones without a restart, and no request is refused."""
    before, broker = _gateways(deployment), of_file(deployment)
    assert shown_by_kafka(deployment) == {broker}
    started = [container["State"]["StartedAt"] for container in deployment.inspect("kafka")]
    with Work(deployment, tokens).going_on() as work:
        init(deployment, "--renew-certificates")
        said = deployment.run("kafka-setup", "--reload-certificates")
        assert said.stdout.strip() == "broker 1 shows the certificate of kafka.pem"
        assert shown_by_kafka(deployment) == {of_file(deployment)} != {broker}
        reload = ("caddy", "reload", "--force", "--config", "/etc/caddy/Caddyfile")
        deployment.exec("gateway", *reload)
    assert work.refused == []
    assert work.recorded
    assert _gateways(deployment) != before
    said = deployment.run("kafka-setup", "--reload-certificates")  # as often as one likes
    assert said.stdout.strip() == "broker 1 shows the certificate of kafka.pem"
    assert started == [c["State"]["StartedAt"] for c in deployment.inspect("kafka")]


def test_a_certificate_that_the_broker_cannot_see_is_told(deployment: Deployment) -> None:
    """A file that was moved over the mounted one: what the broker goes on showing is another."""
    mounted = deployment.root / "deploy" / "secrets" / "kafka.pem"
    kept = mounted.rename(mounted.with_suffix(".kept"))
    shutil.copy(kept, mounted)
    try:
        init(deployment, "--renew-certificates")
        said = deployment.run("kafka-setup", "--reload-certificates", check=False)
    finally:
        kept.replace(mounted)
    assert said.returncode == 1
    assert "broker 1 shows another certificate than deploy/secrets/kafka.pem" in said.stderr
    again = deployment.run("kafka-setup", "--reload-certificates")
    assert again.stdout.strip() == "broker 1 shows the certificate of kafka.pem"


_SHOWN = """
import ssl
for _ in range(12):
    print(ssl.get_server_certificate(("kafka", 9092)).strip().replace("\\n", ""))
"""


def shown_by_kafka(deployment: Deployment) -> set[str]:
    """The certificates that the broker shows, each of its network threads asked; one a line."""
    return set(deployment.run("ops", "python", "-c", _SHOWN).stdout.split("\n")[:-1])


def of_file(deployment: Deployment) -> str:
    """The certificate that `deploy/init` wrote for the broker, as a line."""
    file = deployment.root / "deploy" / "secrets" / "kafka.pem"
    _, begin, rest = file.read_text().partition("-----BEGIN CERTIFICATE-----")
    certificate, end, _ = rest.partition("-----END CERTIFICATE-----")
    return (begin + certificate + end).replace("\n", "")


def _gateways(deployment: Deployment) -> str:
    return ssl.get_server_certificate(("localhost", deployment.https_port))
