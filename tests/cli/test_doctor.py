"""`alliance doctor` before a gateway with TLS: what it finds, what it says to do, how it ends."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from cli.client import CannotAsk
from cli.doctor import table
from cli.findings import not_asked, well
from cli.findings import to_do as to_do_
from cli.main import app
from deploy.local.ports import free_port
from tests.cli.gateway import Gateway, certificate, serving

NOW = datetime.now(UTC)
TOKEN = "a-token"
Run = Callable[..., tuple[int, dict[str, Any]]]


def identifier(age: timedelta) -> str:
    """A UUIDv7 of something that began so long ago."""
    text = f"{int((NOW - age).timestamp() * 1000):012x}7000800000000000000a"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """A well deployment, whose certificate this machine trusts."""
    whole, public = certificate(tmp_path, NOW + timedelta(days=90))
    monkeypatch.setenv("SSL_CERT_FILE", str(public))
    with serving(whole) as found:
        yield found


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command with a token, as JSON: its exit status and what it says."""
    monkeypatch.delenv("ALLIANCE_CLIENT_ID", raising=False)
    monkeypatch.setenv("ALLIANCE_TOKEN", TOKEN)

    def doctor(url: str) -> tuple[int, dict[str, Any]]:
        done = CliRunner().invoke(app, ["doctor", "--url", url, "--json"])
        if isinstance(done.exception, CannotAsk):
            raise done.exception
        return done.exit_code, json.loads(done.stdout)

    return doctor


def to_do(said: dict[str, Any]) -> list[dict[str, Any]]:
    """The findings that ask for something."""
    return [f for f in said["findings"] if f["state"] == "to-do"]


def test_a_well_deployment_has_nothing_to_do(gateway: Gateway, run: Run) -> None:
    """Every check was made, of every service; the token is shown to operators' routes only."""
    status, said = run(gateway.url)
    assert (status, said["well"]) == (0, True)
    found = {(f["about"], f["check"]) for f in said["findings"] if f["state"] == "well"}
    every = ("ready", "clock", "version", "relay", "lag", "dead-letters")
    of_all = {(s, c) for s in ("members", "projects", "matching", "notify") for c in every}
    more = {("notify", "oldest-email"), ("notify", "oldest-webhook")}
    assert of_all | more | {("matching", "oldest-proposal")} < found
    assert len(found) == len(of_all) + 4
    asked = {path.partition("/")[2] for path, token in gateway.tokens if TOKEN in token}
    assert asked == {"progress", "dead-letters", "parked-subjects"}


@pytest.mark.parametrize(
    ("service", "path", "status", "body", "check", "said", "see"),
    [
        (
            "matching",
            "health/ready",
            503,
            {"ready": False, "store": "ok", "broker": "away: no answer"},
            "ready",
            "broker: away: no answer",
            "not-ready",
        ),
        ("members", "health/ready", 502, None, "ready", "answers 502", "not-ready"),
        (
            "notify",
            "openapi.json",
            200,
            {"openapi": "3.1.0", "info": {"version": "2"}},
            "version",
            "API 2, this command knows 1",
            "upgrade",
        ),
        (
            "projects",
            "progress",
            200,
            {"backlog": 7, "oldest_unpublished": str(NOW - timedelta(hours=5)), "lag": {}},
            "relay",
            "7 events not published, the first for 5 h",
            "stuck-relay",
        ),
        (
            "matching",
            "progress",
            200,
            {"backlog": 0, "lag": {"projects.events[0]": 6000, "projects.events[1]": 1}},
            "lag",
            "6001 records behind, most of them projects.events[0]: 6000",
            "lag",
        ),
        ("notify", "progress", 200, {"backlog": 0}, "lag", "the broker does not say", "not-ready"),
        (
            "notify",
            "dead-letters",
            200,
            [{"id": 1}],
            "dead-letters",
            "1 dead letters wait, 0 subjects are parked",
            "dead-letters",
        ),
        (
            "notify",
            "parked-subjects",
            200,
            [{"since": "2026-11-25T10:00:00Z"}],
            "dead-letters",
            "1 subjects are parked, the first since 2026-11-25T10:00:00Z",
            "dead-letters",
        ),
        (
            "notify",
            "notices",
            200,
            [
                {"id": "n1", "channel": "email", "about": identifier(timedelta(hours=3))},
                {
                    "id": "n2",
                    "channel": "email",
                    "about": identifier(timedelta(hours=9)),
                    "not_before": str(NOW + timedelta(hours=1)),
                },
                {"id": "n3", "channel": "webhook", "about": identifier(timedelta(hours=4))},
            ],
            "oldest-email",
            "1 wait, notice n1 for 3 h",
            "waiting-notices",
        ),
        (
            "matching",
            "matches",
            200,
            [
                {"id": identifier(timedelta(days=16)), "lapses_at": str(NOW - timedelta(days=2))},
                {"id": identifier(timedelta(days=3)), "lapses_at": str(NOW + timedelta(days=11))},
            ],
            "oldest-proposal",
            "for 16 days; one should have lapsed 2 days ago",
            "overdue-proposals",
        ),
    ],
)
def test_each_trouble_is_found_with_what_to_do(
    gateway: Gateway,
    run: Run,
    service: str,
    path: str,
    status: int,
    body: Any,
    check: str,
    said: str,
    see: str,
) -> None:
    """One trouble, one finding, exit 1; the rest stays well."""
    gateway.answers[f"{service}/{path}"] = status, body
    ended, found = run(gateway.url)
    assert ended == 1
    (finding,) = to_do(found)
    assert (finding["about"], finding["check"]) == (service, check)
    assert said in finding["said"]
    assert finding["do"]
    assert finding["see"] == f"docs/runbook.md#{see}"


@pytest.mark.parametrize("ahead", [-30, 30])
def test_a_clock_that_is_off_is_found(gateway: Gateway, run: Run, ahead: int) -> None:
    """By the Date header, to a second or so."""
    gateway.ahead = timedelta(seconds=ahead)
    status, said = run(gateway.url)
    assert status == 1
    assert {f["check"] for f in to_do(said)} == {"clock"}
    assert ("ahead of" if ahead > 0 else "behind") in to_do(said)[0]["said"]


@pytest.mark.parametrize(
    ("days", "said", "do"),
    [
        (20.5, "ends in 20 days", "--renew-certificates"),
        (0.6, "ends in 1 days", "--renew-certificates"),
        (-3.0, "ended 3 days ago", "renew it now"),
    ],
)
def test_a_certificate_about_to_expire_is_found(
    days: float, said: str, do: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    """Three weeks before, and all else is looked at; once it has ended, what needs no token."""
    whole, public = certificate(tmp_path, NOW + timedelta(days=days))
    monkeypatch.setenv("SSL_CERT_FILE", str(public))
    with serving(whole) as gateway:
        status, found = run(gateway.url)
    assert status == 1
    (finding,) = to_do(found)
    assert finding["check"] == "certificate"
    assert said in finding["said"]
    assert do in finding["do"]
    assert finding["see"] == "docs/runbook.md#certificate"
    assert sum(f["check"] == "ready" for f in found["findings"]) == 4
    assert bool(gateway.tokens) == (days > 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "elsewhere.example.org"])
def test_no_token_is_shown_to_whom_is_not_trusted(
    host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    """Of an unknown CA, or for another host: whoever it is, it may be listening for tokens."""
    whole, public = certificate(tmp_path, NOW + timedelta(days=90), host)
    if host == "127.0.0.1":
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    else:
        monkeypatch.setenv("SSL_CERT_FILE", str(public))
    with serving(whole) as gateway:
        status, said = run(gateway.url)
    assert status == 1
    (finding,) = to_do(said)
    assert "is not trusted here" in finding["said"]
    assert gateway.tokens == []
    silent = [f for f in said["findings"] if f["state"] == "not-asked"]
    assert {f["said"] for f in silent} == {"the certificate is not trusted"}


def test_without_a_token_the_rest_is_looked_at(
    gateway: Gateway, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What only operators may ask is named as not asked, and is no trouble."""
    monkeypatch.delenv("ALLIANCE_TOKEN")
    status, said = run(gateway.url)
    assert status == 0
    silent = {(f["about"], f["check"]) for f in said["findings"] if f["state"] == "not-asked"}
    assert ("notify", "dead-letters") in silent
    assert len(silent) == 12


def test_a_token_that_is_no_operators_is_said(gateway: Gateway, run: Run) -> None:
    """The service's own words, and an older release that has no such route."""
    for path in ("progress", "dead-letters"):
        gateway.answers[path] = 403, {"title": "Not yours to do", "detail": "only operators read"}
    gateway.answers["notify/dead-letters"] = 404, {"title": "Not Found"}
    status, said = run(gateway.url)
    assert status == 0
    why = {f["about"]: f["said"] for f in said["findings"] if f["check"] == "dead-letters"}
    assert why["members"] == "only operators read (403)"
    assert why["notify"] == "this release of the service does not tell"


def test_nothing_that_answers_can_not_be_asked(run: Run) -> None:
    """Exit 2: whether it is well is not known."""
    with pytest.raises(CannotAsk, match="nothing answers at https://127"):
        run(f"https://127.0.0.1:{free_port()}")


def test_a_person_sees_what_is_to_be_done_and_how_much_is_well() -> None:
    """A table of the troubles with their advice, and a count of the rest."""
    found = [well("members", "ready", "store"), not_asked("members", "lag", "no token was given")]
    trouble = to_do_("notify", "dead-letters", "1 dead letters wait", "replay them", "dead-letters")
    console = Console(width=200, file=StringIO(), record=True)
    console.print(table([trouble, found[1]], [*found, trouble]))
    shown = console.export_text()
    assert "replay them" in shown
    assert "docs/runbook.md#dead-letters" in shown
    assert "1 well, 1 to do, 1 not asked" in shown
