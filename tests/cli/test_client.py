"""What the command line does with answers: busy services, pages, tokens, problems."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from typer.testing import CliRunner

from cli.client import AWAY, Problem, allowed
from cli.main import app
from cli.session import open_session

TOKEN = jwt.encode({"member_id": "m"}, "a secret that is long enough for it", algorithm="HS256")


@dataclass
class Asked:
    """A request as a service got it."""

    method: str
    path: str
    headers: dict[str, str]
    body: str


Answer = tuple[int, dict[str, str], Any]


@dataclass
class Service:
    """A service that answers what it was told to, by method and path."""

    url: str = ""
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """Listens on this machine; `ALLIANCE_API` says so, and nothing else is set."""
    found = Service()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(length).decode()
            found.asked.append(Asked(self.command, self.path, headers, body))
            ready = found.answers[f"{self.command} {self.path.partition('?')[0]}"]
            status, more, said = ready.pop(0) if len(ready) > 1 else ready[0]
            raw = json.dumps(said).encode()
            self.send_response(status)
            for name, value in {**more, "Content-Length": str(len(raw))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = answer

        def log_message(self, *words: object) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_port}"
    client = ("ALLIANCE_CLIENT_ID", "ALLIANCE_CLIENT_ID_FILE", "ALLIANCE_CLIENT_SECRET_FILE")
    for name in ("ALLIANCE_TOKEN", *client):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALLIANCE_API", found.url)
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`alliance` with arguments, as the member `m`: its exit code, stdout, stderr."""
    monkeypatch.setenv("ALLIANCE_TOKEN", TOKEN)
    return lambda *arguments: CliRunner().invoke(app, arguments)


MATCH = {"id": "x", "status": "agreed"}


@pytest.mark.parametrize("status", [429, *AWAY])
def test_busy_service_is_asked_again_with_the_same_key(
    service: Service, run: Callable[..., Any], status: int
) -> None:
    """It says when; the second request is the first once more."""
    service.answers["GET /api/matching/matches/x"] = [(200, {"ETag": '"4"'}, MATCH)]
    service.answers["POST /api/matching/matches/x/acceptances"] = [
        (status, {"Retry-After": "0"}, {"title": "busy"}),
        (201, {}, MATCH),
    ]
    done = run("matches", "accept", "x")
    assert (done.exit_code, json.loads(done.stdout)) == (0, MATCH)
    _, first, second = service.asked
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.headers["if-match"] == second.headers["if-match"] == '"4"'


def test_service_that_stays_away_ends_with_2(service: Service, run: Callable[..., Any]) -> None:
    """After a few requests; nothing is said to be refused."""
    service.answers["GET /api/projects/needs/x"] = [(503, {"Retry-After": "0"}, {"title": "away"})]
    done = run("needs", "show", "x")
    assert "does not answer after 4 requests: away" in str(done.exception)
    assert len(service.asked) == 4


def test_list_follows_the_links_and_says_that_there_is_more(
    service: Service, run: Callable[..., Any]
) -> None:
    """Relative links are of the page they stand in; the limit counts entries, not pages."""
    link = {"Link": '<?status=agreed&limit=2&cursor=b>; rel="next"'}
    service.answers["GET /api/matching/matches"] = [
        (200, link, [{"id": "a"}, {"id": "b"}]),
        (200, {}, [{"id": "c"}, {"id": "d"}]),
    ]
    done = run("matches", "list", "--status", "agreed", "--limit", "3")
    assert [match["id"] for match in json.loads(done.stdout)] == ["a", "b", "c"]
    assert "more than 3" in done.stderr
    assert service.asked[1].path == "/api/matching/matches?status=agreed&limit=2&cursor=b"


def test_problem_is_printed_and_ends_with_1(service: Service, run: Callable[..., Any]) -> None:
    """Title, each field with what was given, and what is allowed; on stderr."""
    problem = {
        "title": "Invalid input",
        "detail": "is no unit",
        "errors": [
            {"pointer": "/lines/0/unit", "in": "body", "detail": "is no unit", "given": "lorry"}
        ],
        "allowed": ["piece", "tonne"],
    }
    service.answers["GET /api/members/members"] = [(422, {}, problem)]
    done = run("members", "list", "--lang", "uk")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "Invalid input (422)",
        "  /lines/0/unit: is no unit",
        "      given: lorry",
        "      allowed: piece, tonne",
    ]
    assert service.asked[0].headers["accept-language"] == "uk"


def test_same_file_is_posted_under_the_same_key_but_again(
    service: Service, run: Callable[..., Any], tmp_path: Path
) -> None:
    """Whoever runs it twice by mistake is told; `--again` means another."""
    file = tmp_path / "pledge.yaml"
    file.write_text('title: {en: "A lone surrogate is no trouble"}\n')
    replayed = {"Idempotency-Replayed": "true"}
    service.answers["POST /api/matching/pledges"] = [
        (201, {}, {"id": "1"}),
        (201, replayed, {"id": "1"}),
        (201, {}, {"id": "2"}),
    ]
    told = [run("pledges", "make", str(file), *more).stderr for more in ([], [], ["--again"])]
    first, second, third = (asked.headers["idempotency-key"] for asked in service.asked)
    assert first == second != third
    assert ["posted before" in each for each in told] == [False, True, False]


def test_of_several_documents_none_is_posted_where_one_is_refused(
    service: Service, run: Callable[..., Any], tmp_path: Path
) -> None:
    """All are judged first, without recording; the refused one is named."""
    file = tmp_path / "pledges.yaml"
    file.write_text("n: 1\n---\nn: 2\n---\nn: 3\n")
    service.answers["POST /api/matching/pledges"] = [
        (200, {}, {}),
        (422, {}, {"title": "Invalid input", "detail": "too little"}),
        (200, {}, {}),
    ]
    done = run("pledges", "make", str(file))
    assert done.exit_code == 1
    assert "document 2: Invalid input (422)" in done.stderr
    assert [asked.headers["dry-run"] for asked in service.asked] == ["true"] * 3


def test_client_credentials_are_exchanged_for_a_token_once(
    service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """RFC 6749: Basic with id and secret form-encoded; the token is used until it ends."""
    secret = tmp_path / "secret"
    secret.write_text("a:b/c\n")
    monkeypatch.setenv("ALLIANCE_CLIENT_ID", "irpin")
    monkeypatch.setenv("ALLIANCE_CLIENT_SECRET_FILE", str(secret))
    given = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 900}
    service.answers["POST /api/members/oauth/token"] = [(200, {}, given)]
    service.answers["GET /api/members/principles"] = [(200, {}, {})]
    session = open_session([service.url], None, None, True)
    assert session.member_id == "m"
    session.ask(lambda client: client.get("members", "principles"))
    token, *reads = service.asked
    assert token.body == "grant_type=client_credentials"
    assert token.headers["authorization"] == "Basic aXJwaW46YSUzQWIlMkZj"
    assert [read.headers["authorization"] for read in reads] == [f"Bearer {TOKEN}"] * 2


def test_client_id_may_stand_in_a_file(
    service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As `deploy/init` leaves the first operator's."""
    for name, content in (("ID", "irpin\n"), ("SECRET", "a:b/c\n")):
        (tmp_path / name).write_text(content)
        monkeypatch.setenv(f"ALLIANCE_CLIENT_{name}_FILE", str(tmp_path / name))
    given = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 900}
    service.answers["POST /api/members/oauth/token"] = [(200, {}, given)]
    service.answers["GET /api/members/principles"] = [(200, {}, {})]
    assert open_session([service.url], None, None, True).member_id == "m"
    assert service.asked[0].headers["authorization"] == "Basic aXJwaW46YSUzQWIlMkZj"


def test_client_that_is_refused_is_told_why(
    service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """OAuth's errors are shown like problems."""
    secret = tmp_path / "secret"
    secret.write_text("wrong")
    monkeypatch.setenv("ALLIANCE_CLIENT_ID", "irpin")
    monkeypatch.setenv("ALLIANCE_CLIENT_SECRET_FILE", str(secret))
    service.answers["POST /api/members/oauth/token"] = [(401, {}, {"error": "invalid_client"})]
    done = CliRunner().invoke(app, ["members", "list"])
    assert (done.exit_code, done.stderr.splitlines()[0]) == (1, "invalid_client (401)")


@pytest.mark.parametrize(
    ("environment", "arguments", "said"),
    [
        ({"ALLIANCE_API": "localhost"}, [], "neither a URL nor SERVICE=URL: localhost"),
        ({"ALLIANCE_API": "matching=http://x"}, [], "no address of members"),
        ({"ALLIANCE_CLIENT_ID": "x"}, [], "ALLIANCE_CLIENT_SECRET_FILE is not"),
        ({"ALLIANCE_TOKEN": "x"}, ["--as", "m"], "--as is for the local stack"),
    ],
)
def test_settings_that_lead_nowhere_are_named(
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    arguments: list[str],
    said: str,
) -> None:
    """Nothing is asked."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(app, ["members", "list", *arguments])
    assert said in str(done.exception)
    assert service.asked == []


def test_what_is_allowed_is_readable_whatever_its_form() -> None:
    """Places on a line each, words in one, bounds by name."""
    assert allowed(["a", "b"]) == ["a, b"]
    assert allowed([{"code": "UA1", "name": "X"}, {"code": "UA2", "name": "Y"}]) == [
        "UA1, X",
        "UA2, Y",
    ]
    assert allowed({"from": 1, "until": 2}) == ["from 1, until 2"]
    assert allowed(None) == []


def test_problem_of_something_else_than_a_service_is_shown_too() -> None:
    """A proxy's page has no title of ours."""
    assert Problem(502, {"title": "502 of http://x", "detail": "<html>"}).lines() == [
        "502 of http://x (502)",
        "  <html>",
    ]
