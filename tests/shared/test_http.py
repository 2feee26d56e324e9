"""What HTTP answers where no store is needed: problems that name what was wrong."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, FastAPI, Query
from fastapi.testclient import TestClient
from pydantic import BaseModel, ConfigDict
from pymongo.errors import OperationFailure

from shared.auth import Issuer, Tokens
from shared.errors import InvalidInput, NotFound, VersionConflict
from shared.events.facts import Line1, Money
from shared.http import Act, CommandRoute
from shared.limiting import Limits
from shared.mongo import StoreAway, StoreBusy
from shared.problems import BODY_LIMIT, add_problem_handlers
from tests.waiting import let_the_minute_turn


class Offer(BaseModel):
    """A body with a text, and money in a list."""

    model_config = ConfigDict(extra="forbid")

    title: Line1
    lines: list[Money] = []


def an_app(tokens: Tokens) -> FastAPI:
    """Endpoints that need no store, and one command whose transaction is never reached."""
    app = FastAPI()
    app.state.tokens = tokens
    app.state.store = app.state.records = None
    app.state.limits = Limits(commands=20, reads=20)
    add_problem_handlers(app)
    commands = APIRouter(route_class=CommandRoute)

    @app.post("/offers")
    async def offer(body: Offer) -> dict[str, str]:
        return {"title": body.title}

    @app.get("/offers")
    async def offers(limit: Annotated[int, Query(le=100)] = 10) -> dict[str, int]:
        return {"limit": limit}

    @app.get("/raises/{what}")
    async def raises(what: str) -> None:
        raise {
            "not-found": NotFound("need", "N1"),
            "conflict": VersionConflict("need", "N1", current=3, given=[2]),
            "field": InvalidInput("/lines/0/amount", "is more than is left", "600", "500"),
            "away": StoreAway("mongodb.internal:27017"),
            "busy": StoreBusy("another transaction"),
            "full": OperationFailure("/data/db: no space left", 14031),
            "broken": OperationFailure("internal server error", 1),
            "asked-wrongly": OperationFailure("unknown operator: $swordfish", 2),
            "unforeseen": RuntimeError("the password is swordfish"),
        }[what]

    @commands.post("/commands", status_code=201)
    async def post_need(body: Offer, uow: Act) -> None:
        raise AssertionError("no test here reaches the transaction")

    app.include_router(commands)
    return app


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    """Whose tokens are good."""
    found = Issuer(tmp_path / "issuer.pem")
    found.write_jwks(tmp_path / "jwks.json")
    return found


@pytest.fixture
def client(tmp_path: Path, issuer: Issuer) -> Iterator[TestClient]:
    """A client of the app; errors of the server are answers, as they are for users."""
    app = an_app(Tokens(tmp_path / "jwks.json", "https://alliance.example", "alliance"))
    with TestClient(app, raise_server_exceptions=False) as found:
        yield found


def problem(response: Any, status: int, kind: str) -> dict[str, Any]:
    """The body of an RFC 9457 answer with this status and kind."""
    body: dict[str, Any] = response.json()
    assert response.status_code == body["status"] == status, body
    assert response.headers["content-type"] == "application/problem+json"
    assert body["type"] == f"urn:alliance:problem:{kind}"
    assert body["title"]
    assert body["detail"]
    return body


MONEY = {"amount": "1.00", "currency": "EUR"}


@pytest.mark.parametrize(
    ("body", "pointer", "detail", "given"),
    [
        ({}, "/title", "Field required", None),
        ({"title": 5}, "/title", "valid string", 5),
        ({"title": "a\nb"}, "/title", "must be one line", "a\nb"),
        ({"title": "a\x00"}, "/title", "control character U+0000", "a\x00"),
        ({"title": "x" * 301}, "/title", "at most 300 characters", "x" * 200),
        ({"title": "a", "titel": "b"}, "/titel", "Extra inputs are not permitted", "b"),
        (
            {"title": "a", "lines": [MONEY, MONEY | {"amount": "1e3"}]},
            "/lines/1/amount",
            "decimal number",
            "1e3",
        ),
        ({"title": "a", "lines": [MONEY | {"amount": 1.5}]}, "/lines/0/amount", "decimal", None),
        ({"title": "a", "lines": {"a": [1] * 999}}, "/lines", "valid list", None),
    ],
)
def test_wrong_body_is_answered_with_pointer_reason_and_what_was_given(
    client: TestClient, body: dict[str, Any], pointer: str, detail: str, given: object
) -> None:
    """The pointer leads into the body, the detail says why; a long or nested value is left out."""
    answer = problem(client.post("/offers", json=body), 422, "invalid-input")
    (error,) = answer["errors"]
    assert error["pointer"] == pointer
    assert error["in"] == "body"
    assert detail in error["detail"]
    assert error["given"] == given
    assert answer["detail"].startswith(f"{pointer}: ")


def test_every_wrong_field_is_named_at_once(client: TestClient) -> None:
    """One answer is enough to correct the whole form."""
    body = {"lines": [{"amount": "x", "currency": "euro"}]}
    answer = problem(client.post("/offers", json=body), 422, "invalid-input")
    assert sorted(error["pointer"] for error in answer["errors"]) == [
        "/lines/0/amount",
        "/lines/0/currency",
        "/title",
    ]


def test_wrong_query_is_named_as_a_query(client: TestClient) -> None:
    """Where it was is said: it is no field of a body."""
    answer = problem(client.get("/offers?limit=101"), 422, "invalid-input")
    (error,) = answer["errors"]
    assert (error["in"], error["pointer"]) == ("query", "/limit")
    assert "less than or equal to 100" in error["detail"]


@pytest.mark.parametrize("body", [b"", b"{", b"no JSON", b"[" * 5000, b"1" * 5000, b"\xff"])
def test_body_that_is_no_json_is_a_problem_of_the_caller(client: TestClient, body: bytes) -> None:
    """Whatever bytes come, the answer is a 4xx problem."""
    response = client.post("/offers", content=body, headers={"content-type": "application/json"})
    assert 400 <= response.status_code < 500
    assert response.headers["content-type"] == "application/problem+json"


def test_half_a_surrogate_pair_is_a_problem_of_the_caller(client: TestClient) -> None:
    """JSON can say it and UTF-8 cannot: refused, like any other text that is wrong."""
    response = client.post(
        "/offers", content=b'{"title": "\\ud800"}', headers={"content-type": "application/json"}
    )
    problem(response, 422, "invalid-input")


def test_pointer_escapes_slash_and_tilde(client: TestClient) -> None:
    """A field's name may hold what separates names in a pointer."""
    answer = client.post("/offers", json={"title": "a", "a/b~c": 1}).json()
    assert answer["errors"][0]["pointer"] == "/a~1b~0c"


@pytest.mark.parametrize("body", [b"", b"{"])
def test_pointer_to_the_whole_body_is_empty(client: TestClient, body: bytes) -> None:
    """RFC 6901: "" is the whole document, "/" is the field without a name."""
    headers = {"content-type": "application/json"}
    answer = client.post("/offers", content=body, headers=headers).json()
    assert answer["errors"][0]["pointer"] == ""


def test_path_that_does_not_exist_is_a_problem(client: TestClient) -> None:
    """404, in the form of all other errors."""
    problem(client.get("/nothing"), 404, "not-found")


def test_method_that_is_not_allowed_is_a_problem(client: TestClient) -> None:
    """405, in the form of all other errors."""
    problem(client.delete("/offers"), 405, "method-not-allowed")


def test_method_that_is_not_allowed_says_which_are(client: TestClient) -> None:
    """RFC 9110: a 405 has an Allow header."""
    assert "POST" in client.delete("/offers").headers["allow"]


@pytest.mark.parametrize("authorization", [None, "Basic YTpi", "Bearer nonsense"])
def test_command_without_a_valid_token_is_401(
    client: TestClient, authorization: str | None
) -> None:
    """Before the body is looked at, and with the scheme that is needed."""
    headers = {"authorization": authorization} if authorization else {}
    response = client.post("/commands", content=b"no JSON", headers=headers)
    problem(response, 401, "unauthorized")
    assert response.headers["www-authenticate"] == "Bearer"


def as_operator(issuer: Issuer, **more: str) -> dict[str, str]:
    """Headers with a good token."""
    token = issuer.token("desk", roles=("member",))
    return {"authorization": f"Bearer {token}", "content-type": "application/json", **more}


def test_post_without_idempotency_key_is_refused(client: TestClient, issuer: Issuer) -> None:
    """400, and the answer says what to send."""
    response = client.post("/commands", json={"title": "a"}, headers=as_operator(issuer))
    answer = problem(response, 400, "idempotency-key-missing")
    assert answer["field"] == "Idempotency-Key"


@pytest.mark.parametrize("key", ["short", "x" * 201, "has a blank in it", ""])
def test_idempotency_key_that_is_not_usable_is_refused(
    client: TestClient, issuer: Issuer, key: str
) -> None:
    """Too short to be random, too long, or not printable."""
    headers = as_operator(issuer, **{"idempotency-key": key})
    answer = problem(client.post("/commands", headers=headers), 422, "invalid-input")
    assert answer["field"] == "Idempotency-Key"
    assert answer["allowed"] == "8–200 printable ASCII characters"
    assert answer.get("given", "") == key[:200]


def test_body_longer_than_a_command_may_be_is_refused(client: TestClient, issuer: Issuer) -> None:
    """With its length declared, and without."""
    headers = as_operator(issuer, **{"idempotency-key": "0123456789"})
    large = b"x" * (BODY_LIMIT + 1)
    declared = client.post("/commands", content=large, headers=headers)
    assert "1,048,576" in problem(declared, 413, "body-too-large")["detail"]
    chunked = client.post("/commands", content=iter([large[:-1], b"xx"]), headers=headers)
    problem(chunked, 413, "body-too-large")


def test_refusal_carries_the_values_that_explain_it(client: TestClient) -> None:
    """The facts of the error are members of the problem; None is left out."""
    assert problem(client.get("/raises/not-found"), 404, "not-found")["given"] == "N1"
    conflict = problem(client.get("/raises/conflict"), 409, "version-conflict")
    assert (conflict["current_version"], conflict["given"]) == (3, 2)
    field = problem(client.get("/raises/field"), 422, "invalid-input")
    assert (field["field"], field["given"], field["allowed"]) == ("/lines/0/amount", "600", "500")


def test_store_away_is_503_with_when_to_try_again(client: TestClient) -> None:
    """The answer says nothing was decided, and no address of ours."""
    response = client.get("/raises/away")
    answer = problem(response, 503, "store-unavailable")
    assert response.headers["retry-after"] == "2"
    assert "mongodb.internal" not in str(answer)
    assert "the store does not answer" in answer["detail"]


def test_a_store_that_is_busy_is_not_said_to_be_away(client: TestClient) -> None:
    """Where others went on changing the same documents, that is what is said."""
    response = client.get("/raises/busy")
    answer = problem(response, 503, "store-unavailable")
    assert response.headers["retry-after"] == "2"
    assert "others are changing the same" in answer["detail"]


def test_a_store_that_fails_by_itself_is_503_and_what_it_refuses_500(client: TestClient) -> None:
    """A full disk or an error inside of the store passes; a query it does not take is ours."""
    for what in ("full", "broken"):
        assert "data" not in str(problem(client.get(f"/raises/{what}"), 503, "store-unavailable"))
    assert "sword" not in str(problem(client.get("/raises/asked-wrongly"), 500, "unforeseen"))


def test_what_nobody_foresaw_says_nothing_of_the_inside(client: TestClient) -> None:
    """500, and the error's own words stay in the log."""
    answer = problem(client.get("/raises/unforeseen"), 500, "unforeseen")
    assert "swordfish" not in str(answer)


def test_too_many_requests_are_told_when_to_come_back(client: TestClient, issuer: Issuer) -> None:
    """Twenty a minute are allowed here: the next is 429 with Retry-After, for this actor only."""
    let_the_minute_turn()
    headers = as_operator(issuer)
    kinds = [client.post("/commands", json={}, headers=headers).status_code for _ in range(21)]
    assert kinds == [400] * 20 + [429]
    answer = client.post("/commands", json={}, headers=headers)
    found = problem(answer, 429, "too-many-requests")
    assert found["allowed"] == 20
    assert 1 <= int(answer.headers["retry-after"]) == found["retry_after"] <= 61
    other = issuer.token("another desk", roles=("member",))
    another = client.post("/commands", json={}, headers={"authorization": f"Bearer {other}"})
    problem(another, 400, "idempotency-key-missing")


def test_a_role_that_may_not_is_told_which_may(client: TestClient, issuer: Issuer) -> None:
    """403 before anything is read of the body."""
    token = issuer.token("desk", roles=("operator", "auditor"))
    response = client.post("/commands", content=b"{", headers={"authorization": f"Bearer {token}"})
    answer = problem(response, 403, "forbidden")
    assert (answer["allowed"], answer["given"]) == (["member"], ["auditor", "operator"])


@pytest.mark.parametrize(
    ("wanted", "language", "title"),
    [
        ("uk", "uk", "Неправильні дані"),
        ("uk-UA,uk;q=0.9,en;q=0.8", "uk", "Неправильні дані"),
        ("en-GB,uk;q=0.5", "en", "Invalid input"),
        ("pt, uk;q=0.2", "uk", "Неправильні дані"),
        ("pt", "en", "Invalid input"),
        ("uk;q=0", "en", "Invalid input"),
        ("uk;q=x, *", "en", "Invalid input"),
    ],
)
def test_problems_are_said_in_the_language_asked_for(
    client: TestClient, wanted: str, language: str, title: str
) -> None:
    """Accept-Language, as RFC 9110 weighs it; English where nothing of ours is wanted."""
    response = client.get("/raises/field", headers={"accept-language": wanted})
    answer = problem(response, 422, "invalid-input")
    assert (answer["title"], response.headers["content-language"]) == (title, language)
    assert "Accept-Language" in response.headers["vary"]
