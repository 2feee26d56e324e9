"""From nothing to a completed project through the gateway; and back after whatever stops it."""

import subprocess
import time

import pytest

from deploy.local.system import SERVICES
from shared.events.members import MemberAdmitted
from shared.events.notify import NoticeSent
from shared.events.projects import CompletionVerified
from tests.compose.acting import Tokens
from tests.compose.deployment import COLD_START, Deployment
from tests.compose.story import Played, logs

pytestmark = pytest.mark.timeout(900)


def test_everything_is_healthy_within_two_minutes(started: tuple[Deployment, float]) -> None:
    """`up -d --wait` from empty volumes, images on the machine: every service is ready through the
    gateway, and every job has ended well."""
    deployment, seconds = started
    print(f"cold start: {seconds:.1f} s")
    assert seconds < COLD_START
    assert deployment.one_shots_are_well()


def test_jobs_change_nothing_the_second_time(deployment: Deployment) -> None:
    """Topics, users, rights and replica sets are as the tables say; the operator is there."""
    for job in ("kafka-setup", *(f"{service}-db-setup" for service in SERVICES)):
        assert deployment.run(job).stdout.strip() == "nothing to change", job
    assert "an operator has a credential already" in deployment.run("members-operator").stdout


def test_the_story_is_played_through_the_gateway(played: Played, deployment: Deployment) -> None:
    """Founding members, admission, a partnership, a need, a pledge, a match that both accept,
    delivery, completion and its verification: over TLS, by client credentials, addresses verified
    by the links of their mails."""
    events = [entry.event for entry in played.entries]
    assert sum(isinstance(event, MemberAdmitted) for event in events) == 14
    assert any(isinstance(event, CompletionVerified) for event in events)
    assert any(isinstance(event, NoticeSent) for event in events)
    with deployment.http() as http:
        need = http.get(f"{deployment.url}/api/projects/needs").json()[0]
        feed = http.get(f"{deployment.url}/feeds/needs/{need['id']}.json")
    assert need["status"] == "completed"
    assert feed.json()["items"]
    print(f"{len(events)} events")


def test_a_place_of_a_new_thing_leads_through_the_gateway(
    deployment: Deployment, tokens: Tokens, played: Played
) -> None:
    """`Location` and the link to the next page are addresses that the caller can follow."""
    body = {"date": "2026-01-02", "source": "test", "per_eur": {"UAH": "41.0000"}}
    headers = {**tokens.operator(), "Idempotency-Key": "0d0b1a30-0000-4000-8000-000000000001"}
    with deployment.http() as http:
        made = http.post(f"{deployment.url}/api/matching/rates", json=body, headers=headers)
        assert made.status_code == 201, made.text
        assert made.headers["Location"].startswith("/api/matching/rates/")
        page = http.get(f"{deployment.url}/api/members/members", params={"limit": 5})
        following = page.url.join(page.links["next"]["url"])
        assert http.get(following).json()[0]["id"] not in {m["id"] for m in page.json()}


def test_only_what_is_public_is_open(deployment: Deployment) -> None:
    """Progress and pages for people who develop stay inside; a body of more than 1 MiB is refused;
    no other certificate authority is believed."""
    with deployment.http() as http:
        for path in ("health/progress", "health/live", "docs", "%68ealth/progress", "redoc"):
            assert http.get(f"{deployment.url}/api/members/{path}").status_code == 404, path
        assert http.get(f"{deployment.url}/api/members/openapi.json").status_code == 200
        assert http.get(f"{deployment.url}/documents/schemas/").status_code == 200
        assert http.get(f"{deployment.url}/documents/%2e%2e/%2e%2e/etc/passwd").status_code == 404
        large = http.post(f"{deployment.url}/api/members/oauth/token", content=b"x" * (2 * 2**20))
        assert large.status_code == 413
        headers = http.get(f"{deployment.url}/api/members/principles").headers
    assert headers["Strict-Transport-Security"].startswith("max-age=")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Server" not in headers


def test_a_service_that_is_away_is_said_to_be(deployment: Deployment, played: Played) -> None:
    """503 with Retry-After and a problem, the others go on; it comes back by `up`."""
    deployment.kill("projects")
    with deployment.http() as http:
        answer = http.get(f"{deployment.url}/api/projects/needs")
        assert answer.status_code == 503
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert int(answer.headers["Retry-After"]) > 0
        assert http.get(f"{deployment.url}/api/members/members").status_code == 200
    deployment.up()


def test_down_and_up_lose_nothing(deployment: Deployment, played: Played) -> None:
    """Containers and networks go, volumes stay: every log is what it was."""
    before = logs(deployment)
    deployment.compose("down")
    print(f"up after down: {deployment.up():.1f} s")
    after = logs(deployment)
    assert {o: log[: len(before[o])] for o, log in after.items()} == before


def test_a_machine_that_lost_its_power_comes_back(deployment: Deployment, played: Played) -> None:
    """Every container is killed at once: `up` brings all back, no log has lost anything."""
    before = logs(deployment)
    deployment.kill()
    print(f"up after killing all: {deployment.up():.1f} s")
    after = logs(deployment)
    assert {o: log[: len(before[o])] for o, log in after.items()} == before


def test_the_engine_brings_all_back_by_itself(deployment: Deployment, played: Played) -> None:
    """Every process is killed and nobody calls compose: restart policies do it, in any order,
    and no job has to be run again."""
    before = logs(deployment)
    pids = [container["State"]["Pid"] for container in deployment.inspect()]
    subprocess.run(["kill", "-9", *(str(pid) for pid in pids if pid)], check=True)
    began = time.monotonic()
    time.sleep(1)
    deployment.wait_ready(timeout=COLD_START)
    print(f"ready again after {time.monotonic() - began:.1f} s")
    after = logs(deployment)
    assert {o: log[: len(before[o])] for o, log in after.items()} == before


def test_three_instances_are_asked_in_turn(deployment: Deployment, played: Played) -> None:
    """`--scale matching=3`: all are healthy, and the gateway still answers when two are killed."""
    deployment.up("--scale", "matching=3")
    ids = deployment.containers("matching")
    assert len(ids) == 3
    subprocess.run(["docker", "kill", *ids[:2]], check=True, capture_output=True)
    with deployment.http() as http:
        answers = [http.get(f"{deployment.url}/api/matching/matches") for _ in range(20)]
    assert {answer.status_code for answer in answers} == {200}
    deployment.up("--scale", "matching=1")


def test_an_operator_uses_the_command_line(deployment: Deployment, played: Played) -> None:
    """`docker compose run --rm ops alliance …`, as the first operator."""
    said = deployment.alliance("members", "list", "--json")
    assert len(said.stdout) > 100
