"""What members wish, on the real stack: when their mail comes, gathered or not, and its end."""

import json
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from deploy.local.stack import Stack
from shared.events import Envelope
from shared.events.ids import MatchId, MemberId, NeedId
from shared.events.notify import NoticeQueued
from tests.notify.running import MailServer, Notify, alliance, until
from tests.notify.samples import (
    CASCAIS,
    IRPIN,
    SILENT,
    Logs,
    applied,
    contact_of,
    need_posted,
    pledge_made,
    proposed,
)

KYIV = ZoneInfo("Europe/Kyiv")
BY_MAIL_PROGRAM = {"List-Unsubscribe": "One-Click"}


@pytest.fixture(scope="module")
def settings(stack: Stack) -> dict[str, str]:
    """Links are signed, and digests don't wait for stragglers."""
    keys: Path = stack.root / "link.keys"
    keys.write_text(secrets.token_urlsafe(48) + "\n")
    return {"ALLIANCE_LINK_KEYS_FILE": str(keys), "ALLIANCE_DIGEST_GRACE_SECONDS": "0"}


@pytest.fixture(scope="module")
def notify(
    stack: Stack, server: MailServer, settings: dict[str, str], logs: Logs
) -> Iterator[Notify]:
    """The service; Irpin, Cascais and a member without a contact are known, a pledge was made."""
    service = Notify(stack)
    settings["ALLIANCE_PUBLIC_URL"] = f"http://127.0.0.1:{service.port}"
    service.start(server.port, ready=True, **settings)
    for member, language in ((IRPIN, "uk"), (CASCAIS, "en")):
        address = f"{language}@mayor.example"
        service.verified_contact(server.messages, contact_of(member), address, language)
    service.publish([logs.envelope(applied(m)) for m in (IRPIN, CASCAIS, SILENT)])
    service.publish([logs.envelope(pledge_made()), logs.envelope(need_posted())])
    service.settled(4, contact_ref={"$ne": None})  # with the receipts of both applications
    yield service
    service.process.stop()


@pytest.fixture(autouse=True)
def fresh(notify: Notify, server: MailServer) -> None:
    """Nothing is wished, and no mail has come."""
    for member in (IRPIN, CASCAIS):
        wish(notify, member)
    server.messages.clear()
    server.pause = 0.0


def wish(notify: Notify, member: MemberId, **wanted: Any) -> None:
    """Set a member's preferences as an operator."""
    answer = notify.http.put(f"/preferences/{member}", json=wanted)
    assert answer.status_code == 204, answer.text


def as_member(notify: Notify, member: MemberId) -> dict[str, str]:
    """Headers of a member's own."""
    token = notify.issuer.token("its system", member_id=member, roles=("member",))
    return {"Authorization": f"Bearer {token}"}


def posted(logs: Logs, number: int = 1) -> list[Envelope]:
    """Needs of Irpin's."""
    return [logs.envelope(need_posted(NeedId.new())) for _ in range(number)]


def their_hour_comes(notify: Notify) -> str:
    """What waits in digests is due now; the moment."""
    due = (datetime.now(UTC) - timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    waiting = {"status": "queued", "digest": True}
    notify.db["notices"].update_many(waiting, {"$set": {"not_before": due}})
    return due


def queued(notify: Notify, events: list[Envelope]) -> list[dict[str, Any]]:
    """The notices about some events, once they are all queued."""
    about = {"$in": [event.id for event in events]}

    def all_of_them() -> list[dict[str, Any]]:
        found = notify.notices(about=about)
        return found if len(found) == len(events) else []

    return until(all_of_them)


def text(mail: EmailMessage) -> str:
    """What a mail says."""
    body = mail.get_body(("plain",))
    return str(body.get_content()) if body else ""


def test_a_digest_is_one_mail_at_its_hour_and_closes_each_notice(
    notify: Notify, logs: Logs, server: MailServer
) -> None:
    """Five needs wait for eight o'clock; what is urgent doesn't; then one mail tells of all."""
    wish(notify, IRPIN, timings={"needs": "daily", "matches": "weekly"}, digest_hour=8)
    events = posted(logs, 5)
    notify.publish(events)
    waiting = queued(notify, events)
    clock = datetime.fromisoformat(waiting[0]["not_before"]).astimezone(KYIV)
    assert (clock.hour, clock.minute, len({n["not_before"] for n in waiting})) == (8, 0, 1)
    urgent = logs.envelope(proposed(MatchId.new()))
    notify.publish([urgent])
    assert {n["status"] for n in notify.settled(2, about=urgent.id)} == {"sent"}
    assert {n["status"] for n in queued(notify, events)} == {"queued"}
    server.messages.clear()

    their_hour_comes(notify)
    told = notify.settled(5, about={"$in": [e.id for e in events]})
    assert {(n["status"], n["attempts"]) for n in told} == {("sent", 1)}
    [mail] = server.messages
    assert {n["message_id"] for n in told} == {mail["Message-ID"]}
    outcomes = notify.db["log"].find({"subject": {"$in": [n["_id"] for n in told]}})
    sent = [e for e in outcomes if e["type"].endswith("notice-sent.v1")]
    assert len(sent) == len({e["causation_id"] for e in sent}) == 5
    time.sleep(1)
    assert len(server.messages) == 1


def test_what_is_off_by_the_time_of_the_digest_is_not_in_it(
    notify: Notify, logs: Logs, server: MailServer
) -> None:
    """Turned off after it was queued: it is closed as unwanted, and no mail says nothing."""
    wish(notify, IRPIN, timings={"needs": "daily"})
    events = posted(logs, 2)
    notify.publish(events)
    queued(notify, events)
    wish(notify, IRPIN, timings={"needs": "off"})
    their_hour_comes(notify)
    told = notify.settled(2, about={"$in": [e.id for e in events]})
    assert {(n["status"], n["reason"]) for n in told} == {("failed", "unwanted")}
    assert server.messages == []


def test_a_kill_at_any_moment_leaves_each_notice_in_one_digest(
    notify: Notify, logs: Logs, server: MailServer, settings: dict[str, str]
) -> None:
    """Eight digests of six, a kill around each hand-over: one Message-ID, all in each copy."""
    wish(notify, IRPIN, timings={"needs": "daily"})
    server.pause = 0.3
    copies = 0
    for wait in (0.0, 0.1, 0.2, 0.29, 0.3, 0.31, 0.33, 0.4):
        events = posted(logs, 6)
        notify.publish(events)
        queued(notify, events)
        server.messages.clear()
        began = server.begun
        their_hour_comes(notify)
        until(lambda before=began: server.begun > before)  # type: ignore[misc]
        time.sleep(wait)
        notify.process.kill()
        notify.start(server.port, ready=True, **settings)
        told = notify.settled(6, about={"$in": [event.id for event in events]})
        assert {n["status"] for n in told} == {"sent"}
        received = Counter(str(m["Message-ID"]) for m in server.messages)
        assert {n["message_id"] for n in told} == set(received)
        assert len(received) == 1
        assert received.total() <= 2
        assert len({text(m) for m in server.messages}) == 1
        copies += received.total()
    print(f"8 digests of 6 notices, 8 kills: {copies} copies, none split")


def test_quiet_hours_hold_back_all_but_what_is_urgent(
    notify: Notify, logs: Logs, server: MailServer
) -> None:
    """It is quiet for two hours yet: a need's receipt waits for their end, a proposal doesn't."""
    now = datetime.now(KYIV)
    begin, end = (f"{now + timedelta(hours=h):%H:%M}" for h in (-1, 2))
    wish(notify, IRPIN, quiet_hours={"begin": begin, "end": end})
    [event] = events = posted(logs)
    urgent = logs.envelope(proposed(MatchId.new()))
    notify.publish([event, urgent])
    [notice] = queued(notify, events)
    assert f"{datetime.fromisoformat(notice['not_before']).astimezone(KYIV):%H:%M}" == end
    assert not notice["digest"]
    notify.settled(2, about=urgent.id)
    assert queued(notify, events)[0]["status"] == "queued"
    assert len(server.messages) == 2


def test_whoever_gets_a_mail_ends_its_kind_with_one_click(
    notify: Notify, logs: Logs, server: MailServer
) -> None:
    """By a POST without a token (RFC 8058); reading the link changes nothing."""
    notify.publish(posted(logs))
    until(partial(server.has, 1))
    [mail] = server.messages
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = str(mail["List-Unsubscribe"]).strip("<>")

    page = httpx.get(link, headers={"Accept-Language": "uk"})
    assert page.status_code == 200
    assert '<html lang="uk">' in page.text
    assert "<button" in page.text
    path = f"/preferences/{IRPIN}"
    assert notify.http.get(path).json()["timings"]["needs"] == "immediate"

    assert httpx.post(link[:-1] + ("A" if link[-1] != "A" else "B")).status_code == 404
    assert httpx.post(link, data=BY_MAIL_PROGRAM).status_code == 200
    assert httpx.post(link, data=BY_MAIL_PROGRAM).status_code == 200  # again is nothing new
    timings = notify.http.get(path).json()["timings"]
    assert {kind for kind, timing in timings.items() if timing == "off"} == {"needs"}
    by_link = notify.db["log"].count_documents({"actor": "link:unsubscribe"})
    assert by_link == 1

    events = posted(logs)
    notify.publish(events)
    [withheld] = queued(notify, events)
    assert withheld["status"] == "withheld"
    assert len(server.messages) == 1


def test_preferences_are_their_members_and_the_operators(notify: Notify) -> None:
    """Another member neither reads nor sets them, and nobody without a token does."""
    path = f"/preferences/{IRPIN}"
    url = f"http://127.0.0.1:{notify.port}{path}"
    own, other = as_member(notify, IRPIN), as_member(notify, CASCAIS)
    body = {"timings": {"needs": "weekly"}, "digest_weekday": "friday"}
    assert httpx.put(url, headers=own, json=body).status_code == 204
    found = httpx.get(url, headers=own).json()
    assert (found["timings"]["needs"], found["digest_weekday"]) == ("weekly", "friday")
    for refused in (httpx.get(url, headers=other), httpx.put(url, headers=other, json=body)):
        assert refused.status_code == 403
        assert refused.json()["type"].endswith("not-yours")
    assert httpx.get(url).status_code == 401
    assert notify.http.get(f"/preferences/{SILENT}").json()["timings"]["needs"] == "immediate"
    assert notify.http.get(f"/preferences/{MemberId.new()}").status_code == 404
    same = {"quiet_hours": {"begin": "07:00", "end": "07:00"}}
    assert httpx.put(url, headers=own, json=same).json()["field"] == "/quiet_hours/end"


def test_an_operator_has_a_notice_sent_again_as_another_one(
    notify: Notify, logs: Logs, server: MailServer
) -> None:
    """It names the first and why; it is a mail of its own; the first stays as it was."""
    [event] = events = posted(logs)
    notify.publish(events)
    [first] = notify.settled(1, about=event.id)
    path = f"/notices/{first['_id']}/resendings"
    body = {"reason": "their server lost it"}
    key = {"Idempotency-Key": "again-" + first["_id"]}
    again = notify.http.post(path, json=body, headers=key).json()
    assert notify.http.post(path, json=body, headers=key).json()["id"] == again["id"]
    assert (again["repeats"], again["repeated_because"]) == (first["_id"], body["reason"])
    until(partial(server.has, 2))
    assert len({m["Message-ID"] for m in server.messages}) == 2
    assert (
        notify.http.get("/notices", params={"repeats": first["_id"]}).json()[0]["id"]
        == (again["id"])
    )
    url = f"http://127.0.0.1:{notify.port}{path}"
    refused = httpx.post(url, headers=as_member(notify, IRPIN) | {"Idempotency-Key": "mine-1234"})
    assert refused.status_code == 403


def test_a_notice_is_shown_to_its_recipient_and_operators_without_its_address(
    notify: Notify, logs: Logs
) -> None:
    """In the recipient's language or another; not to others, and not without a token."""
    [event] = events = posted(logs)
    notify.publish(events)
    [notice] = notify.settled(1, about=event.id)
    path = f"/notices/{notice['_id']}/preview"
    url = f"http://127.0.0.1:{notify.port}{path}"
    shown = notify.http.get(path).json()
    assert shown["language"] == "uk"
    assert "Дитячий садок" in shown["subject"] + shown["text"]
    assert "mayor.example" not in str(shown)
    english = httpx.get(url, params={"language": "en"}, headers=as_member(notify, IRPIN)).json()
    assert "Kindergarten" in english["text"]
    assert httpx.get(url, headers=as_member(notify, CASCAIS)).status_code == 403
    assert httpx.get(url).status_code == 401


def test_what_was_queued_says_when_it_may_go_so_that_a_replay_needs_no_clock(
    notify: Notify, logs: Logs
) -> None:
    """The event has the moment; the preferences are in no other event than their own."""
    wish(notify, IRPIN, timings={"needs": "daily"})
    events = posted(logs)
    notify.publish(events)
    [notice] = queued(notify, events)
    entry = notify.db["log"].find_one({"subject": notice["_id"]})
    assert entry is not None
    recorded = NoticeQueued.model_validate_json(entry["data"])
    assert (recorded.not_before, recorded.digest) == (notice["not_before"], True)


def test_a_person_sets_preferences_and_reads_and_repeats_notices(
    notify: Notify, logs: Logs, tmp_path: Path
) -> None:
    """By `alliance`: what is not named stays; a preview is written as a page."""
    status, said = alliance(notify, IRPIN, "preferences", "set", "needs=weekly", "--hour", "7")
    assert status == 0, said
    status, said = alliance(notify, IRPIN, "preferences", "set", "--quiet", "22:00-06:30")
    wanted = json.loads(said)
    assert (wanted["timings"]["needs"], wanted["digest_hour"]) == ("weekly", 7)
    assert wanted["quiet_hours"] == {"begin": "22:00", "end": "06:30"}
    status, said = alliance(notify, CASCAIS, "preferences", "show", "--member", IRPIN)
    assert status == 1, said
    assert alliance(notify, IRPIN, "preferences", "set", "needs=hourly")[0] == 1

    wish(notify, IRPIN)
    [event] = events = posted(logs)
    notify.publish(events)
    [notice] = notify.settled(1, about=event.id)
    status, said = alliance(notify, None, "notices", "list", "--about", event.id)
    assert [n["id"] for n in json.loads(said)] == [notice["_id"]]
    page = tmp_path / "notice.html"
    status, said = alliance(
        notify, IRPIN, "notices", "preview", notice["_id"], "--in", "en", "--html", str(page)
    )
    assert status == 0, said
    assert "Kindergarten" in page.read_text()
    status, said = alliance(notify, None, "notices", "resend", notice["_id"], "--reason", "lost")
    assert (status, json.loads(said)["repeats"]) == (0, notice["_id"])
