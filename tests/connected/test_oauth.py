"""OAuth 2.0 on a running members: from the first operator to a token that projects takes."""

import asyncio
import base64
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import httpx
import jwt
import pytest
import pytest_asyncio

from services.members.oauth import AT_A_TIME
from shared.keys import add_key
from tests.connected.acting import Acting, Json, until
from tests.system import TestBuild, running

FORM = {"grant_type": "client_credentials"}
FAILURES = 5


class Clients(Acting):
    """Acts with tokens that members gave, not with the test's own."""

    token: str = ""

    async def ask_token(
        self, form: Json, client_id: str = "", secret: str = "", **headers: str
    ) -> httpx.Response:
        """POST /oauth/token; with a client id, by HTTP Basic."""
        if client_id:
            basic = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
            headers["Authorization"] = f"Basic {basic}"
        url = self.system.url("members") + "/oauth/token"
        return await self._http.post(url, data=form, headers=headers)

    async def token_of(self, credential: Json, **form: str) -> str:
        """A token of a credential's client, which must be given."""
        answer = await self.ask_token(
            FORM | form, credential["client_id"], credential["client_secret"]
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    async def act(
        self, token: str, path: str, body: Json, key: str = "", service: str = "members"
    ) -> httpx.Response:
        """A command under a token."""
        headers = {
            "Authorization": f"Bearer {token}",
            "Idempotency-Key": key or str(uuid4()),
            "If-Match": "*",
        }
        return await self._http.post(self.system.url(service) + path, json=body, headers=headers)

    async def issue(self, who: str, *roles: str, **more: str) -> Json:
        """A credential for a member, by the operator."""
        body = {"member_id": self.ids[who], "roles": roles, "label": "test"} | more
        answer = await self.act(self.token, "/credentials", body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def everything(self) -> str:
        """All that members keeps and has said, but the hashes themselves."""
        database = self.store["members"]
        kept = [name for name in database.list_collection_names() if name != "secrets"]
        documents = [str(d) for name in kept for d in database[name].find()]
        logs = [f.read_text() for f in (self.system.root / "run").glob("*.log")]
        return "\n".join(documents + logs)


def bootstrap(system: TestBuild, label: str) -> subprocess.CompletedProcess[str]:
    """The command for the first operator, in members' own environment."""
    command = [sys.executable, "-m", "services.members.bootstrap", label]
    env = os.environ | system.process("members").env
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def clients() -> AsyncIterator[Clients]:
    """Members and projects, which know members' keys by its URL; an operator has a credential."""
    settings = {"ALLIANCE_TOKEN_FAILURES_PER_MINUTE": str(FAILURES)}
    with running(settings, services=("members", "projects")) as system:
        url = system.url("members") + "/.well-known/jwks.json"
        for service in system.services:
            system.process(service).stop()
            system.process(service, {"ALLIANCE_JWKS_URL": url}).start()
            system.wait_ready(service)
        found = Clients(system)
        await found.found()
        first = bootstrap(system, "test desk")
        assert first.returncode == 0, first.stderr
        operator = dict(line.split("=", 1) for line in first.stdout.splitlines())
        second = bootstrap(system, "another desk")
        assert second.returncode == 1
        assert operator["client_id"] in second.stderr
        found.token = await found.token_of(operator)
        for who, side in (("irpin", "ukraine"), ("bucha", "ukraine"), ("cascais", "partner")):
            await found.admit(who, side)
        yield found
        await found.close()


async def test_a_member_acts_with_a_token_until_its_credential_is_revoked(clients: Clients) -> None:
    """Issue, token by Basic and by body, act, rotate with an overlap, revoke: dead at once."""
    first = await clients.issue("irpin", "member", "monitor")
    client_id = first["client_id"]
    answer = await clients.ask_token(FORM, client_id, first["client_secret"])
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert (told["token_type"], told["expires_in"]) == ("Bearer", 900)
    assert told["scope"] == "member monitor"
    claims = jwt.decode(told["access_token"], options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 900
    assert (claims["sub"], claims["member_id"]) == (client_id, clients.ids["irpin"])
    in_body = FORM | {"client_id": client_id, "client_secret": first["client_secret"]}
    by_body = await clients.ask_token(in_body)
    assert by_body.status_code == 200

    async def posted(token: str) -> bool:
        answer = await clients.act(token, "/needs", clients.a_need(), service="projects")
        return answer.status_code == 201  # as soon as projects has heard that Irpin is a member

    for token in (told["access_token"], by_body.json()["access_token"]):
        done: bool = await until(partial(posted, token), say="whether the need is posted")
        assert done
    monitor = await clients.token_of(first, scope="monitor")
    narrowed = await clients.act(monitor, "/needs", clients.a_need(), service="projects")
    assert (narrowed.status_code, narrowed.json()["given"]) == (403, ["monitor"])

    path = f"/credentials/{client_id}"
    rotated = await clients.act(told["access_token"], f"{path}/rotations", {"overlap_seconds": 60})
    second = rotated.json()
    assert rotated.status_code == 201, rotated.text
    for credential in (first, second):
        await clients.token_of(credential)
    await clients.act(clients.token, f"{path}/rotations", {"overlap_seconds": 0})
    for credential in (first, second):
        refused = await clients.ask_token(FORM, client_id, credential["client_secret"])
        assert refused.json()["error"] == "invalid_client"

    third = (await clients.act(clients.token, f"{path}/rotations", {})).json()
    await clients.token_of(third)
    revoked = await clients.act(clients.token, f"{path}/revocations", {"reason": "lost"})
    assert (revoked.status_code, revoked.json()["status"]) == (201, "revoked")
    refused = await clients.ask_token(FORM, client_id, third["client_secret"])
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    body = {"roles": ["member"], "label": "made with what is left of the revoked one"}
    last = await clients.act(told["access_token"], "/credentials", body)
    assert last.json()["type"] == "urn:alliance:problem:credential-closed"


async def test_suspended_member_keeps_its_token_and_one_that_left_gets_none(
    clients: Clients,
) -> None:
    """Suspended, it may still decline, confirm and leave, but gets no new credential."""
    credential = await clients.issue("bucha", "member")
    member = f"/members/{clients.ids['bucha']}"
    await clients.act(clients.token, f"{member}/suspension", {"reason": "for the test"})
    own = await clients.token_of(credential)
    body = {"member_id": clients.ids["bucha"], "roles": ["member"], "label": "test"}
    no_more = await clients.act(clients.token, "/credentials", body)
    assert no_more.json()["type"] == "urn:alliance:problem:not-admitted"
    left = await clients.act(own, f"{member}/departure", {"reason": "for the test"})
    assert left.status_code == 201
    refused = await clients.ask_token(FORM, credential["client_id"], credential["client_secret"])
    assert (refused.status_code, refused.json()["error"]) == (400, "unauthorized_client")


async def test_secret_is_shown_once_and_stands_nowhere(clients: Clients) -> None:
    """Not in an event, a document, a stored answer or a log; a repeated request says so."""
    key = str(uuid4())
    body = {"member_id": clients.ids["irpin"], "roles": ["member"], "label": "kept nowhere"}
    tried = await clients.ask("operator", "members", "/credentials", body, Dry_Run="true")
    assert tried.status_code == 200
    assert "client_secret" not in tried.json()
    first = await clients.act(clients.token, "/credentials", body, key)
    secret = first.json().pop("client_secret")
    again = await clients.act(clients.token, "/credentials", body, key)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == {k: v for k, v in first.json().items() if k != "client_secret"}
    assert "shown once" in again.json()["note"]
    rotations = f"/credentials/{first.json()['client_id']}/rotations"
    rotated = (await clients.act(clients.token, rotations, {})).json()["client_secret"]
    await clients.token_of(first.json())
    kept = clients.everything()
    assert "kept nowhere" in kept
    assert secret not in kept
    assert rotated not in kept
    assert "argon2" not in kept
    hashes = str(list(clients.store["members"]["secrets"].find()))
    assert "$argon2id$" in hashes
    assert secret not in hashes


async def test_credentials_are_listed_for_who_may_see_them(clients: Clients) -> None:
    """Operators see all, a member its own, others none; nobody a secret."""
    await clients.issue("cascais", "member")
    path = f"/credentials?member_id={clients.ids['cascais']}"

    async def seen(who: str, path: str, roles: tuple[str, ...]) -> httpx.Response:
        return await clients.ask(who, "members", path, method="GET", roles=roles)

    (own,) = (await seen("cascais", path, ("member",))).json()
    assert "secret" not in " ".join(own).replace("old_secret_valid_until", "")
    assert len((await seen("operator", "/credentials", ("auditor",))).json()) > 1
    for who, what in (("irpin", path), ("irpin", "/credentials")):
        assert (await seen(who, what, ("member",))).status_code == 403
    assert (await clients.read("members", path)).status_code == 401
    one = await seen("cascais", f"/credentials/{own['id']}", ("member",))
    assert (one.json(), one.headers["etag"]) == (own, '"1"')


@pytest.mark.parametrize(
    ("form", "basic", "headers", "status", "error"),
    [
        ({}, True, {}, 400, "invalid_request"),
        (FORM | {"scope": ["member", "member"]}, True, {}, 400, "invalid_request"),
        (FORM | {"grant_type": ["client_credentials"] * 2}, True, {}, 400, "invalid_request"),
        (FORM | {"client_secret": "x"}, True, {}, 400, "invalid_request"),
        (FORM | {"client_id": str(uuid4())}, True, {}, 400, "invalid_request"),
        (FORM, True, {"Content-Type": "application/json"}, 400, "invalid_request"),
        (FORM, False, {}, 401, "invalid_client"),
        (FORM | {"client_id": "nobody", "client_secret": "x"}, False, {}, 401, "invalid_client"),
        (FORM, False, {"Authorization": "Basic ?"}, 401, "invalid_client"),
        (FORM, False, {"Authorization": "Bearer abc"}, 401, "invalid_client"),
        (FORM | {"client_id": "a" * 201, "client_secret": "x"}, False, {}, 401, "invalid_client"),
        ({"grant_type": "password"}, True, {}, 400, "unsupported_grant_type"),
        ({"grant_type": "authorization_code"}, True, {}, 400, "unsupported_grant_type"),
        (FORM | {"scope": "operator"}, True, {}, 400, "invalid_scope"),
        (FORM | {"scope": "member core"}, True, {}, 400, "invalid_scope"),
        (FORM | {"scope": "member nothing"}, True, {}, 400, "invalid_scope"),
    ],
)
async def test_every_refusal_has_its_error_as_json(
    clients: Clients, form: Json, basic: bool, headers: dict[str, str], status: int, error: str
) -> None:
    """RFC 6749, 5.2: the code, no caching, and how to name oneself where nobody is known."""
    if "known" not in clients.ids:
        clients.ids["known"] = clients.ids["cascais"]
        clients.ids |= await clients.issue("cascais", "member")
    known = (clients.ids["client_id"], clients.ids["client_secret"]) if basic else ()
    answer = await clients.ask_token(form, *known, **headers)
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers.get("www-authenticate", "").startswith("Basic ") == (status == 401)


async def test_parameters_in_the_address_are_refused(clients: Clients) -> None:
    """A secret in an address would stand in logs."""
    url = clients.system.url("members") + "/oauth/token?client_id=a"
    async with httpx.AsyncClient() as http:
        answer = await http.post(url, data=FORM)
        assert answer.json()["error"] == "invalid_request"
        assert (await http.get(url)).status_code == 405


async def test_who_fails_too_often_waits(clients: Clients) -> None:
    """Past the limit even the right secret is not looked at; others are not held up."""
    credential, other = [await clients.issue("cascais", "member") for _ in range(2)]
    client_id = credential["client_id"]
    wrong = [(await clients.ask_token(FORM, client_id, "x")).status_code for _ in range(FAILURES)]
    assert wrong == [401] * FAILURES
    answer = await clients.ask_token(FORM, client_id, credential["client_secret"])
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    await clients.token_of(other)


async def test_guesses_that_come_at_once_are_limited_like_those_that_come_one_by_one(
    clients: Clients,
) -> None:
    """All are sent before the first is answered; no more are looked at than the limit, and those
    that were on their way when it was reached."""
    client_id = (await clients.issue("cascais", "member"))["client_id"]
    guesses = [clients.ask_token(FORM, client_id, f"guess {n}") for n in range(30)]
    found = [answer.status_code for answer in await asyncio.gather(*guesses)]
    assert set(found) == {401, 429}
    assert found.count(401) < FAILURES + AT_A_TIME


async def test_credential_that_is_over_gives_no_token_and_its_last_token_ends_with_it(
    clients: Clients,
) -> None:
    """A token lives no longer than its credential."""
    soon = (datetime.now(UTC) + timedelta(seconds=300)).strftime("%Y-%m-%dT%H:%M:%SZ")
    credential = await clients.issue("cascais", "member", valid_until=soon)
    answer = await clients.ask_token(FORM, credential["client_id"], credential["client_secret"])
    assert 200 < answer.json()["expires_in"] <= 300
    body = {"roles": ["auditor"], "label": "test", "valid_until": "2020-01-01T00:00:00Z"}
    refused = await clients.act(clients.token, "/credentials", body)
    assert (refused.status_code, refused.json()["field"]) == (422, "/valid_until")


async def test_new_key_is_shown_before_it_signs_and_a_removed_one_is_refused(
    clients: Clients,
) -> None:
    """Rotation of keys: no token is ever of a key that the JWKS does not show."""
    directory = clients.system.root / "keys"
    credential = await clients.issue("cascais", "member")

    async def kid() -> str:
        return str(jwt.get_unverified_header(await clients.token_of(credential))["kid"])

    async def shown() -> set[str]:
        jwks = await clients.got("members", "/.well-known/jwks.json")
        assert "d" not in " ".join(k for key in jwks["keys"] for k in key if len(k) == 1)
        return {key["kid"] for key in jwks["keys"]}

    old = clients.system.issuer.kid
    new = add_key(directory, "ES256")
    assert (await kid(), await shown()) == (old, {old, new.kid})

    async def taken() -> bool:
        token = await clients.token_of(credential)
        answer = await clients.act(token, "/needs", clients.a_need(), service="projects")
        return answer.status_code != 401  # at the latest when the keys may be fetched again

    ago = new.made - 3600
    os.utime(new.file, (ago, ago))
    os.utime(directory / "issuer.pem", (ago - 1, ago - 1))
    assert await kid() == new.kid
    known: bool = await until(taken, say="whether projects takes the new key's token")
    assert known
    new.file.unlink()
    assert (await kid(), await shown()) == (old, {old})


async def test_metadata_says_where_tokens_and_keys_are(clients: Clients) -> None:
    """RFC 8414: what it names is there."""
    found = await clients.got("members", "/.well-known/oauth-authorization-server")
    assert found["issuer"] == "https://alliance.example"
    assert found["grant_types_supported"] == ["client_credentials"]
    async with httpx.AsyncClient() as http:
        assert (await http.get(found["jwks_uri"])).json()["keys"]
        assert (await http.post(found["token_endpoint"])).json()["error"] == "invalid_request"


async def test_basic_credentials_are_form_encoded(clients: Clients) -> None:
    """RFC 6749, 2.3.1: percent signs in Basic are read as what they stand for."""
    credential = await clients.issue("cascais", "member")
    escaped = credential["client_id"].replace("-", "%2D") + ":" + credential["client_secret"]
    header = "Basic " + base64.b64encode(escaped.encode()).decode()
    answer = await clients.ask_token(FORM, Authorization=header)
    assert answer.status_code == 200
