"""What a client may rely on: one key does the work once, and every refusal says why."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from deploy.local.processes import _CHILDREN
from tests.connected.acting import THREE, Acting, Json, euros
from tests.waiting import within

MEBIBYTE = 1_048_576


def key() -> str:
    """A new Idempotency-Key."""
    return str(uuid4())


def is_problem(answer: httpx.Response, status: int, kind: str) -> Json:
    """Check that an answer is the problem (RFC 9457) that is meant; it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: Json = answer.json()
    assert found["type"] == f"urn:alliance:problem:{kind}"
    assert found["status"] == status
    assert found["title"]
    assert found["detail"]
    return found


async def post(
    acting: Acting, content: Any, *, path: str = "/needs", who: str = "irpin", **headers: str
) -> httpx.Response:
    """A POST to projects of any bytes, or of a stream of them without a length."""
    return await acting._http.post(
        acting.system.url("projects") + path,
        content=content,
        headers={
            **acting.system.authorization(who, acting.ids.get(who), ("member",)),
            "Content-Type": "application/json",
            "Idempotency-Key": key(),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        },
    )


def posted(acting: Acting) -> int:
    """How many events projects has recorded."""
    return acting.recorded()["projects"]


# --- idempotency --------------------------------------------------------------------------------


async def test_the_same_key_gives_the_same_answer_and_does_the_work_once(acting: Acting) -> None:
    """Status, body, ETag and Location again, told apart by one header; one event."""
    before, body, one = posted(acting), acting.a_need(), key()
    first = await acting.ask("irpin", "projects", "/needs", body, key=one)
    again = [await acting.ask("irpin", "projects", "/needs", body, key=one) for _ in range(3)]
    assert first.status_code == 201
    assert first.headers["Location"] == f"/needs/{first.json()['id']}"
    assert "Idempotency-Replayed" not in first.headers
    for answer in again:
        assert answer.status_code == 201
        assert answer.content == first.content
        for name in ("ETag", "Location", "Content-Type"):
            assert answer.headers[name] == first.headers[name]
        assert answer.headers["Idempotency-Replayed"] == "true"
    assert posted(acting) == before + 1


async def test_the_same_answer_comes_after_the_thing_has_changed(acting: Acting) -> None:
    """The answer is the one that was given then, not what is true now."""
    body, one = acting.a_need(), key()
    first = await acting.ask("irpin", "projects", "/needs", body, key=one)
    path = f"/needs/{first.json()['id']}/withdrawal"
    await acting.done("irpin", "projects", path, {"reason": "built elsewhere"})
    again = await acting.ask("irpin", "projects", "/needs", body, key=one)
    assert (again.content, again.headers["ETag"]) == (first.content, first.headers["ETag"])
    now = await acting.read("projects", f"/needs/{first.json()['id']}")
    assert now.json()["status"] == "cancelled"
    assert now.headers["ETag"] != first.headers["ETag"]


@pytest.mark.parametrize("other", ["another body", "another path", "another If-Match"])
async def test_a_key_belongs_to_one_request(acting: Acting, other: str) -> None:
    """Whatever else is sent under it is refused and does nothing."""
    one, need = key(), await acting.post_need("irpin")
    path, body = f"/needs/{need}/amendments", {"reason": "more", "lines": [euros(200)]}
    first = await acting.ask("irpin", "projects", path, body, key=one)
    assert first.status_code == 201
    before = posted(acting)
    if other == "another body":
        changed = body | {"lines": [euros(300)]}
        answer = await acting.ask("irpin", "projects", path, changed, key=one)
    elif other == "another path":
        path = f"/needs/{await acting.post_need('irpin')}/amendments"
        before = posted(acting)
        answer = await acting.ask("irpin", "projects", path, body, key=one)
    else:
        answer = await acting.ask("irpin", "projects", path, body, key=one, If_Match='"2"')
    found = is_problem(answer, 422, "idempotency-key-reused")
    assert found["field"] == "Idempotency-Key"
    assert posted(acting) == before


async def test_two_members_may_use_the_same_key(acting: Acting) -> None:
    """A key is its sender's own: nobody gets another's answer by it."""
    one = key()
    mine = await acting.ask("irpin", "projects", "/needs", acting.a_need(), key=one)
    theirs = await acting.ask("irpin2", "projects", "/needs", acting.a_need(), key=one)
    assert (mine.status_code, theirs.status_code) == (201, 201)
    assert mine.json()["id"] != theirs.json()["id"]


async def test_twenty_requests_with_one_key_at_once_record_one_event(acting: Acting) -> None:
    """All get the same answer, whoever of them did the work."""
    before, body, one = posted(acting), acting.a_need(), key()
    answers = await asyncio.gather(
        *(acting.ask("irpin", "projects", "/needs", body, key=one) for _ in range(20))
    )
    assert {a.status_code for a in answers} == {201}, {a.text for a in answers}
    assert len({(a.content, a.headers["ETag"], a.headers["Location"]) for a in answers}) == 1
    assert sum("Idempotency-Replayed" not in a.headers for a in answers) == 1
    assert posted(acting) == before + 1


async def test_a_refusal_does_not_use_up_its_key(acting: Acting) -> None:
    """What was refused can be put right under the same key: nothing was recorded under it."""
    one, wrong = key(), acting.a_need() | {"place": "UA00000000000000000"}
    refused = await acting.ask("irpin", "projects", "/needs", wrong, key=one)
    is_problem(refused, 422, "invalid-input")
    right = await acting.ask("irpin", "projects", "/needs", acting.a_need(), key=one)
    assert right.status_code == 201


async def test_a_post_without_a_key_is_refused(acting: Acting) -> None:
    """It says which header is missing, and does nothing."""
    before = posted(acting)
    answer = await acting._http.post(
        acting.system.url("projects") + "/needs",
        json=acting.a_need(),
        headers=acting.system.authorization("irpin", acting.ids["irpin"], ("member",)),
    )
    assert is_problem(answer, 400, "idempotency-key-missing")["field"] == "Idempotency-Key"
    assert posted(acting) == before


@pytest.mark.parametrize("bad", ["short", "x" * 201, "with a space in it", "tab\tin the key"])
async def test_a_key_that_is_not_usable_is_refused(acting: Acting, bad: str) -> None:
    """Too short, too long, or with what is not printable."""
    found = is_problem(
        await acting.ask("irpin", "projects", "/needs", acting.a_need(), key=bad),
        422,
        "invalid-input",
    )
    assert found["field"] == "Idempotency-Key"


# --- who asks -----------------------------------------------------------------------------------


async def test_a_wrong_token_is_refused(acting: Acting) -> None:
    """None, garbage, another's signature, another audience, an old one: 401, and how to do it."""
    issuer, member = acting.system.issuer, acting.ids["irpin"]
    good = issuer.token("irpin", member_id=member, roles=("member",))
    head, claims, signature = good.split(".")
    before = posted(acting)
    for wrong in (
        "",
        "Bearer",
        "Bearer nonsense",
        "Basic aXJwaW46c2VjcmV0",
        f"Bearer {head}.{claims}.{'A' * len(signature)}",
        f"Bearer {head}.{claims}.",
        "Bearer " + issuer.token("irpin", roles=("member",), audience="another"),
        "Bearer " + issuer.token("irpin", roles=("member",), seconds=-60),
    ):
        answer = await acting._http.post(
            acting.system.url("projects") + "/needs",
            json=acting.a_need(),
            headers={"Authorization": wrong, "Idempotency-Key": key()},
        )
        is_problem(answer, 401, "unauthorized")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert posted(acting) == before


async def test_a_token_without_the_role_is_refused(acting: Acting) -> None:
    """403, naming the roles that may do it."""
    token = acting.system.issuer.token("irpin", member_id=acting.ids["irpin"], roles=("monitor",))
    answer = await acting._http.post(
        acting.system.url("projects") + "/needs",
        json=acting.a_need(),
        headers={"Authorization": f"Bearer {token}", "Idempotency-Key": key()},
    )
    assert is_problem(answer, 403, "forbidden")["allowed"] == ["member"]


async def test_what_is_another_s_is_refused(acting: Acting) -> None:
    """403 for another authority's need, and for a partner who posts one."""
    need = await acting.post_need("irpin")
    body = {"reason": "not mine"}
    answer = await acting.ask("irpin2", "projects", f"/needs/{need}/withdrawal", body)
    is_problem(answer, 403, "not-yours")
    answer = await acting.ask("cascais", "projects", "/needs", acting.a_need())
    is_problem(answer, 403, "not-an-authority")


# --- what is asked ------------------------------------------------------------------------------


async def test_a_stale_if_match_is_told_the_current_version(acting: Acting) -> None:
    """409 with the version to read again; the right one is taken, with or without weakness."""
    first = await acting.ask("irpin", "projects", "/needs", acting.a_need())
    path = f"/needs/{first.json()['id']}/amendments"
    body = {"reason": "more", "lines": [euros(200)]}
    seen = first.headers["ETag"]
    second = await acting.ask("irpin", "projects", path, body, If_Match=seen)
    assert second.status_code == 201
    stale = await acting.ask("irpin", "projects", path, body, If_Match=seen)
    found = is_problem(stale, 409, "version-conflict")
    assert f'"{found["current_version"]}"' == second.headers["ETag"]
    assert f'"{found["given"]}"' == seen
    weak = await acting.ask("irpin", "projects", path, body, If_Match=f"W/{second.headers['ETag']}")
    assert weak.status_code == 201
    odd = await acting.ask("irpin", "projects", path, body, If_Match="yesterday's")
    assert is_problem(odd, 422, "invalid-input")["field"] == "If-Match"


async def test_a_change_without_if_match_is_refused(acting: Acting) -> None:
    """428, naming the header; any of several ETags is taken."""
    first = await acting.ask("irpin", "projects", "/needs", acting.a_need())
    url = acting.system.url("projects") + f"/needs/{first.json()['id']}/amendments"
    who = acting.system.authorization("irpin", acting.ids["irpin"], ("member",))
    body = {"reason": "more", "lines": [euros(200)]}
    answer = await acting._http.post(url, json=body, headers=who | {"Idempotency-Key": key()})
    assert is_problem(answer, 428, "precondition-required")["field"] == "If-Match"
    several = {"Idempotency-Key": key(), "If-Match": f'"999", {first.headers["ETag"]}'}
    assert (await acting._http.post(url, json=body, headers=who | several)).status_code == 201


async def test_a_dry_run_answers_and_records_nothing(acting: Acting) -> None:
    """200 with what would come of it, refusals as ever; its key is free for the real request."""
    before, one = posted(acting), key()
    need = acting.a_need()
    tried = await acting.ask("irpin", "projects", "/needs", need, key=one, Dry_Run="true")
    assert (tried.status_code, tried.headers["Dry-Run"]) == (200, "true")
    assert tried.json()["title"] == need["title"]
    assert "Location" not in tried.headers
    refused = await acting.ask("cascais", "projects", "/needs", need, Dry_Run="true")
    is_problem(refused, 403, "not-an-authority")
    odd = await acting.ask("irpin", "projects", "/needs", need, Dry_Run="perhaps")
    assert is_problem(odd, 422, "invalid-input")["field"] == "Dry-Run"
    assert posted(acting) == before
    assert (await acting.read("projects", f"/needs/{tried.json()['id']}")).status_code == 404
    real = await acting.ask("irpin", "projects", "/needs", need, key=one)
    assert (real.status_code, posted(acting)) == (201, before + 1)


async def test_pages_link_to_the_next_and_meet_everything_once(acting: Acting) -> None:
    """RFC 8288: follow `next` until there is none; what is asked for is kept in the link."""
    made = {await acting.post_need("irpin2") for _ in range(7)}
    start = f"/needs?authority_id={acting.ids['irpin2']}&limit=3"
    url, found, pages = acting.system.url("projects") + start, [], 0
    while url:
        answer = await acting._http.get(url)
        found += [need["id"] for need in answer.json()]
        pages += 1
        next_page = answer.links.get("next", {}).get("url", "")
        url = str(answer.url.join(next_page)) if next_page else ""
    assert made <= set(found)
    assert len(found) == len(set(found))
    assert pages == -(-len(found) // 3)
    for wrong in ("limit=0", "limit=201", "cursor=%00", f"cursor={'x' * 101}"):
        is_problem(await acting.read("projects", f"/needs?{wrong}"), 422, "invalid-input")


async def test_lists_find_what_lies_in_a_territory_or_sector(acting: Acting) -> None:
    """A parent's code finds all below it, for needs and for what pledges are earmarked for."""
    oblast, raion, other = "UA32000000000030281", "UA32080000000084076", "UA59000000000057109"
    body = acting.a_need() | {"sector": "transport.road"}
    need = (await acting.done("irpin", "projects", "/needs", body))["id"]
    made = {"title": {"en": "A pledge"}, "lines": [euros(1)]}
    earmark = {"territories": [raion], "sectors": ["transport.road"]}
    pledge = (await acting.done("cascais", "matching", "/pledges", made | {"earmark": earmark}))[
        "id"
    ]
    for service, path, wanted in (("projects", "/needs", need), ("matching", "/pledges", pledge)):
        for query, found in (
            (f"territory={oblast}&sector=transport", True),
            (f"territory={raion}&sector=transport.road", True),
            (f"territory={other}", False),
            (f"territory={oblast}&sector=education", False),
        ):
            listed = await acting.got(service, f"{path}?{query}&limit=200")
            assert (wanted in {each["id"] for each in listed}) is found, (path, query)


async def test_a_withheld_site_is_told_to_the_owner_and_the_committed_only(acting: Acting) -> None:
    """Neither the public answer nor any log holds it; another partner is refused."""
    where = "Gostomel highway, no. 5a"
    body = acting.a_need(euros(100)) | {"site": {"description": where}, "site_withheld": True}
    need = (await acting.done("irpin", "projects", "/needs", body))["id"]
    await acting.at_rest()
    assert where not in (await acting.read("projects", f"/needs/{need}")).text
    assert not [e for owner in THREE for e in acting.log(owner) if where in e.data]
    await acting.pledge("cascais", euros(100), need_id=need)
    (match,) = await acting.proposals(need)
    for who in ("cascais", "irpin"):
        await acting.done(who, "matching", f"/matches/{match['id']}/acceptances")
    await acting.at_rest()
    told = {}
    for who in ("irpin", "cascais", "cascais2", "irpin2", "operator"):
        answer = await acting.ask(who, "projects", f"/needs/{need}/site", method="GET")
        told[who] = answer.status_code
        assert (answer.status_code == 200) is (where in answer.text)
    assert told == {"irpin": 200, "cascais": 200, "cascais2": 403, "irpin2": 403, "operator": 200}
    is_problem(await acting.read("projects", f"/needs/{need}/site"), 401, "unauthorized")


async def _in_chunks(whole: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(whole), 65_536):
        yield whole[start : start + 65_536]


@pytest.mark.parametrize("how", ["with its length", "in chunks"])
async def test_a_body_over_a_mebibyte_is_refused(acting: Acting, how: str) -> None:
    """However its length was announced; one of exactly a mebibyte is read, and found wanting."""
    before = posted(acting)
    for size, status, kind in (
        (MEBIBYTE + 1, 413, "body-too-large"),
        (MEBIBYTE * 5, 413, "body-too-large"),
        (MEBIBYTE, 422, "invalid-input"),
    ):
        body = b'{"place":"' + b"x" * (size - 12) + b'"}'
        assert len(body) == size
        content = body if how == "with its length" else _in_chunks(body)
        is_problem(await post(acting, content), status, kind)
    assert posted(acting) == before
    assert (await post(acting, json.dumps(acting.a_need()).encode())).status_code == 201


async def test_a_body_that_comes_in_chunks_is_taken(acting: Acting) -> None:
    """No length is needed where the body is short enough."""
    body = json.dumps(acting.a_need()).encode()
    assert (await post(acting, _in_chunks(body))).status_code == 201


async def test_an_unknown_field_is_refused_by_name(acting: Acting) -> None:
    """422 with its JSON pointer: nobody's typing error is ignored."""
    answer = await acting.ask("irpin", "projects", "/needs", acting.a_need() | {"urgentcy": "high"})
    found = is_problem(answer, 422, "invalid-input")
    assert [e["pointer"] for e in found["errors"]] == ["/urgentcy"]
    assert "/urgentcy" in found["detail"]


async def test_an_unknown_field_inside_a_line_is_refused_by_name(acting: Acting) -> None:
    """`purpse` for `purpose` must not be lost."""
    body = acting.a_need(euros(100) | {"purpse": "for the roof"})
    found = is_problem(await acting.ask("irpin", "projects", "/needs", body), 422, "invalid-input")
    assert "purpse" in found["errors"][0]["pointer"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"\xff\xfe",
        b'{"place":',
        b'{"place":"\\ud800"}',
        b'{"\\ud800":1}',
        b'{"place":NaN}',
        b'{"place":' + b"9" * 5_000 + b"}",
        b'{"place":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"title":{"en":"\\ud800"}}',
        b'{"reason":"\\udfff","urgency":"high\\ud800"}',
        "{'place': 'Ірпінь'}".encode("utf-16"),
    ],
    ids=lambda b: repr(b[:24]),
)
async def test_no_body_is_our_fault(acting: Acting, body: bytes) -> None:
    """Whatever the bytes are, the answer is a problem of the sender's; nothing is recorded."""
    before = posted(acting)
    answer = await post(acting, body)
    status, kind = (400, "body-unreadable") if answer.status_code == 400 else (422, "invalid-input")
    is_problem(answer, status, kind)
    assert posted(acting) == before


@pytest.mark.parametrize("where", ["title", "urgency_reason"])
@pytest.mark.parametrize("bad", ["\\ud800", "\\udfff and more", "a \\u0000 zero", "\\u001b[2J"])
async def test_half_a_character_is_never_recorded(acting: Acting, where: str, bad: str) -> None:
    """A lone surrogate or a control character in a text is refused, and the place is named."""
    need, before = acting.a_need(), posted(acting)
    need[where] = {"en": "HERE"} if where == "title" else "HERE"
    answer = await post(acting, json.dumps(need).replace("HERE", bad).encode())
    is_problem(answer, 422, "invalid-input")
    assert posted(acting) == before


async def test_odd_headers_are_never_our_fault(acting: Acting) -> None:
    """A correlation id, a content type or an ETag of any kind is taken or refused, no 500."""
    body = json.dumps(acting.a_need()).encode()
    for headers in (
        {"X_Correlation_Id": "{{7*7}} ${jndi:x}"},
        {"X_Correlation_Id": "x" * 5_000},
        {"Content_Type": "text/plain"},
        {"If_Match": '"99999999999999999999"'},
        {"traceparent": "00-nonsense"},
    ):
        answer = await post(acting, body, **headers)
        assert answer.status_code in (201, 415, 422), (headers, answer.text)


async def test_what_is_not_there_is_not_found(acting: Acting) -> None:
    """404 for an unknown thing, path, or act on an unknown thing; 422 for what is no id."""
    unknown = str(uuid4())
    for service, path in (
        ("projects", f"/needs/{unknown}"),
        ("matching", f"/pledges/{unknown}"),
        ("matching", f"/matches/{unknown}/explanation"),
        ("matching", f"/coverages/{unknown}"),
        ("matching", f"/rounds/{unknown}"),
        ("members", f"/members/{unknown}"),
        ("projects", "/nothing/here"),
    ):
        is_problem(await acting.read(service, path), 404, "not-found")
    body = {"reason": "gone"}
    answer = await acting.ask("irpin", "projects", f"/needs/{unknown}/withdrawal", body)
    assert is_problem(answer, 404, "not-found")["given"] == unknown
    is_problem(await acting.read("projects", "/needs/1"), 422, "invalid-input")
    answer = await acting._http.delete(acting.system.url("projects") + "/needs")
    is_problem(answer, 405, "method-not-allowed")


# --- health and the end -------------------------------------------------------------------------


async def test_health_says_what_it_is_asked(acting: Acting) -> None:
    """Live, ready with each part named, and how far the work is."""
    for service in acting.system.services:
        assert await acting.got(service, "/health/live") == {"status": "live"}
        ready = await acting.got(service, "/health/ready")
        assert ready.pop("ready") is True
        assert set(ready.values()) == {"ok"}
        assert {"store", "broker", "relay"} <= set(ready)
        assert ("consumer" in ready) == (service != "members")
        progress = await acting.got(service, "/health/progress")
        assert progress["service"] == service
        assert isinstance(progress["recorded"], int)
        assert progress["backlog"] >= 0
        assert set(progress) == {
            *("service", "recorded", "backlog", "lag", "inbox", "dead_letters"),
            *("workers", "at_work"),
        }
        assert set(progress["at_work"]) <= set(progress["workers"])
        assert progress["workers"]["relay"] == "holding"
    workers = {"rounds", "expiry", "lapsing", "dead-letters"}
    assert set(ready) == {"store", "broker", "relay", "consumer"} | workers


async def test_a_service_told_to_stop_finishes_what_it_has_begun(acting: Acting) -> None:
    """SIGTERM with requests in flight: it ends in time, what it answered is recorded, and what it
    did not answer is done once by the same key afterwards."""
    process, before = acting.system.process("projects"), posted(acting)
    keys = [key() for _ in range(40)]
    bodies = [acting.a_need() for _ in keys]

    async def ask(n: int) -> httpx.Response | None:
        with contextlib.suppress(httpx.TransportError):
            return await acting.ask("irpin", "projects", "/needs", bodies[n], key=keys[n])
        return None

    assert process.pid is not None
    child = _CHILDREN[process.pid]
    asking = [asyncio.create_task(ask(n)) for n in range(len(keys))]
    await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
    started = time.monotonic()
    await asyncio.to_thread(process.stop, within(20))
    took = time.monotonic() - started
    answers = await asyncio.gather(*asking)
    assert took < within(15)
    assert child.returncode in (0, -15), process.log_tail()
    assert sum(a is not None for a in answers) >= 1
    for answer in answers:
        assert answer is None or answer.status_code in (201, 503), answer.text
    answered = [a.json()["id"] for a in answers if a is not None and a.status_code == 201]
    kept = {e.subject for e in acting.log("projects")}
    pending = acting.store["projects"]["log"].find({"pending": True})
    assert set(answered) <= kept | {d["subject"] for d in pending}
    await asyncio.to_thread(acting.system.start)
    again = await asyncio.gather(*(ask(n) for n in range(len(keys))))
    for first, second in zip(answers, again, strict=True):
        assert second is not None
        assert second.status_code == 201
        if first is not None and first.status_code == 201:
            assert second.content == first.content
    await acting.at_rest()
    assert posted(acting) == before + len(keys)
