"""Addresses on a running notify: verified by their link, suspended, shown and erased."""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from functools import partial
from typing import Any

import httpx
import pytest

from cli.rebuild import rebuild
from cli.topics import read_all
from deploy.local.mailbox import verification_link
from deploy.local.stack import Stack
from shared.events.ids import ContactRef, NeedId
from tests.notify.running import MailServer, Notify, until
from tests.notify.samples import CASCAIS, IRPIN, Logs, applied, contact_of, need_posted

OPERATOR = ContactRef.new()
MAYOR = "mayor@irpin.example"
SETTINGS = {"ALLIANCE_OPERATOR_CONTACT": OPERATOR}


@pytest.fixture(scope="module")
def notify(stack: Stack, server: MailServer, logs: Logs) -> Iterator[Notify]:
    """The service, which knows Irpin; Irpin's contact is not written yet."""
    service = Notify(stack)
    service.start(server.port, ready=True, **SETTINGS)
    service.publish([logs.envelope(applied(m)) for m in (IRPIN, CASCAIS)])
    until(lambda: service.db["recipients"].count_documents({}) == 2)
    yield service
    service.process.stop()


@pytest.fixture(autouse=True)
def fresh(server: MailServer) -> None:
    """No mail has come."""
    server.messages.clear()


def mail_to(server: MailServer, address: str, number: int = 1) -> EmailMessage:
    """The number-th mail to an address, when it has come."""

    def found() -> list[EmailMessage]:
        return [m for m in list(server.messages) if m["To"] == address][number - 1 :]

    return until(found)[0]


def link_in(mail: EmailMessage) -> str:
    """The link that verifies."""
    link = verification_link(mail)
    assert link is not None
    return link


def test_nothing_else_is_sent_until_the_link_was_followed(
    notify: Notify, server: MailServer, logs: Logs
) -> None:
    """One mail asks; a notice waits; a scanner's GET changes nothing; the button does, once."""
    irpin = contact_of(IRPIN)
    notify.set_contact(irpin, MAYOR, "uk")
    event = logs.envelope(need_posted(NeedId.new()))
    notify.publish([event])
    mail = mail_to(server, MAYOR)
    assert str(mail["Subject"]) == "Будь ласка, підтвердьте цю адресу"
    assert mail["Auto-Submitted"] == "auto-generated"
    until(lambda: notify.notices(about=event.id, status="queued"))
    time.sleep(1.5)
    assert len(server.messages) == 1

    for _ in range(3):  # scanners of mail follow links
        page = httpx.get(link_in(mail))
        assert page.status_code == 200
        assert '<html lang="uk">' in page.text
        assert page.text.count('<button type="submit">') == 1
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert MAYOR not in page.text
    assert notify.standing(irpin)["status"] == "unverified"

    assert httpx.post(link_in(mail)).status_code == 200
    [notice] = notify.settled(1, about=event.id)
    assert notice["status"] == "sent"
    before = notify.db["log"].count_documents({"subject": irpin})
    assert httpx.post(link_in(mail)).status_code == 200  # a second click
    assert notify.db["log"].count_documents({"subject": irpin}) == before
    entry = notify.db["log"].find_one({"type": {"$regex": "contact-verified"}})
    assert entry is not None
    assert entry["actor"] == "link:verification"


def test_the_token_is_kept_as_its_hash_only(notify: Notify, server: MailServer) -> None:
    """Who reads the store or the log files can verify nothing."""
    ref = ContactRef.new()
    notify.set_contact(ref, "hash@irpin.example")
    token = link_in(mail_to(server, "hash@irpin.example")).rpartition("/")[2]
    assert len(token) == 43  # 32 bytes
    assert holding(notify, token) == []
    assert token not in notify.process.log_file.read_text()


def test_a_wrong_an_old_and_a_superseded_link_verify_nothing(
    notify: Notify, server: MailServer
) -> None:
    """Each says why, in the words of whoever follows it, and nothing is recorded."""
    wrong = httpx.post(
        f"{notify.http.base_url}/verifications/{'x' * 43}", headers={"Accept-Language": "uk"}
    )
    assert wrong.status_code == 404
    assert "Це посилання не наше" in wrong.text

    ref = ContactRef.new()
    notify.set_contact(ref, "old@irpin.example")
    old = link_in(mail_to(server, "old@irpin.example"))
    past = datetime.now(UTC) - timedelta(seconds=1)
    notify.db["contacts"].update_one({"_id": ref}, {"$set": {"links.0.until": past}})
    assert httpx.get(old).status_code == 410
    assert httpx.post(old).status_code == 410
    assert notify.standing(ref)["status"] == "unverified"

    notify.set_contact(ref, "new@irpin.example")
    assert httpx.post(old).status_code == 404
    new = link_in(mail_to(server, "new@irpin.example"))
    assert httpx.post(new).status_code == 200
    assert notify.standing(ref)["status"] == "verified"


def test_a_changed_address_is_verified_anew_and_the_same_one_is_not(
    notify: Notify, server: MailServer
) -> None:
    """Language and name may change without another mail; the address may not."""
    ref = ContactRef.new()
    notify.verified_contact(server.messages, ref, "same@irpin.example")
    notify.set_contact(ref, "same@irpin.example", "uk", name_for_greeting="town hall")
    assert notify.standing(ref)["status"] == "verified"
    notify.set_contact(ref, "other@irpin.example", "uk")
    assert notify.standing(ref)["status"] == "unverified"
    mail_to(server, "other@irpin.example")
    assert [m["To"] for m in server.messages] == ["other@irpin.example"]


def test_the_mail_is_sent_again_on_request_but_not_without_end(
    notify: Notify, server: MailServer
) -> None:
    """Another mail with another link; both are good; a third at once is refused."""
    ref = ContactRef.new()
    notify.set_contact(ref, "again@irpin.example")
    first = mail_to(server, "again@irpin.example")
    ask = partial(notify.http.post, f"/contacts/{ref}/verifications")
    assert ask(headers={"Idempotency-Key": str(ContactRef.new())}).status_code == 201
    second = mail_to(server, "again@irpin.example", 2)
    assert first["Message-ID"] != second["Message-ID"]
    assert link_in(first) != link_in(second)
    refused = ask(headers={"Idempotency-Key": str(ContactRef.new())})
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 300
    assert httpx.post(link_in(first)).status_code == 200
    done = ask(headers={"Idempotency-Key": str(ContactRef.new())})
    assert (done.status_code, done.json()["type"]) == (409, "urn:alliance:problem:not-unverified")


@pytest.mark.parametrize("meanwhile", ["verified", "asked again", "changed", "erased"])
def test_what_the_mail_server_took_is_recorded_whatever_comes_meanwhile(
    notify: Notify, server: MailServer, meanwhile: str
) -> None:
    """Something happens after the mail has come and before the server's 250: each mail that came is
    in the log, once, by its Message-ID, and what is due then is sent."""
    ref, new = ContactRef.new(), "quicker@irpin.example"
    server.answers_after = 0.7
    try:
        notify.set_contact(ref, "quick@irpin.example")
        mail = mail_to(server, "quick@irpin.example")
        match meanwhile:
            case "verified":
                httpx.post(link_in(mail)).raise_for_status()
            case "asked again":
                key = {"Idempotency-Key": str(ContactRef.new())}
                notify.http.post(f"/contacts/{ref}/verifications", headers=key).raise_for_status()
            case "changed":
                notify.set_contact(ref, new)
            case "erased":
                notify.http.delete(f"/contacts/{ref}").raise_for_status()
        assert recorded(notify, ref) == []
        number = 2 if meanwhile in ("asked again", "changed") else 1
        until(lambda: len(recorded(notify, ref)) == number)
    finally:
        server.answers_after = 0.0
    until(lambda: notify.standing(ref)["due"] == [])
    time.sleep(0.5)
    assert recorded(notify, ref) == [m["Message-ID"] for m in server.messages]
    assert {m["To"] for m in server.messages} <= {"quick@irpin.example", new}
    assert len(server.messages) == number


def recorded(notify: Notify, ref: ContactRef) -> list[str]:
    """The Message-IDs of the mails about a contact that the log says were sent, in order."""
    query = {"subject": ref, "type": {"$regex": "contact-mail-sent"}}
    documents = notify.db["log"].find(query).sort("_id", 1)
    return [json.loads(d["data"])["message_id"] for d in documents]


def test_what_waits_for_an_address_that_is_never_verified_is_given_up(
    notify: Notify, server: MailServer, logs: Logs
) -> None:
    """After the usual time, and the reason says it."""
    notify.set_contact(contact_of(IRPIN), "silent@irpin.example")
    mail_to(server, "silent@irpin.example")
    notify.process.stop()
    notify.start(server.port, ready=True, **SETTINGS, ALLIANCE_SEND_GIVE_UP_SECONDS="0.5")
    event = logs.envelope(need_posted(NeedId.new()))
    notify.publish([event])
    [notice] = notify.settled(1, about=event.id)
    assert (notice["status"], notice["reason"]) == ("failed", "unverified")
    notify.process.stop()
    notify.start(server.port, ready=True, **SETTINGS)


def test_a_bounce_suspends_and_the_operator_is_told(
    notify: Notify, server: MailServer, logs: Logs
) -> None:
    """No further try, a mail to the operator without the address, and a list; PUT lifts it."""
    irpin = contact_of(IRPIN)
    notify.verified_contact(server.messages, OPERATOR, "operator@alliance.example")
    notify.verified_contact(server.messages, irpin, MAYOR)
    server.answers[MAYOR] = [f"550 5.1.1 <{MAYOR}> unknown"]
    events = [logs.envelope(need_posted(NeedId.new())) for _ in range(2)]
    notify.publish(events[:1])
    [first] = notify.settled(1, about=events[0].id)
    assert (first["status"], first["reason"]) == ("failed", "address-refused")
    notify.publish(events[1:])
    [second] = notify.settled(1, about=events[1].id)
    assert (second["reason"], second["attempts"]) == ("suspended-address", 0)
    report = mail_to(server, "operator@alliance.example")
    text = "".join(part.get_content() for part in report.iter_parts())
    assert irpin in text
    assert "SMTP 550" in text
    assert MAYOR not in text
    listed = notify.http.get("/contacts", params={"status": "suspended"})
    assert [c["id"] for c in listed.json()] == [irpin]
    assert listed.json()[0]["code"] == 550
    assert "irpin.example" not in listed.text
    until(lambda: notify.standing(irpin)["due"] == [])
    assert [m["To"] for m in server.messages] == ["operator@alliance.example"]

    notify.verified_contact(server.messages, irpin, MAYOR)
    last = logs.envelope(need_posted(NeedId.new()))
    notify.publish([last])
    assert [n["status"] for n in notify.settled(1, about=last.id)] == ["sent"]


def test_a_mail_to_verify_that_bounces_suspends_too(notify: Notify, server: MailServer) -> None:
    """The address was never right."""
    server.answers["typo@irpin.example"] = ["550 5.1.1 unknown"]
    ref = ContactRef.new()
    notify.set_contact(ref, "typo@irpin.example")
    until(lambda: notify.standing(ref).get("status") == "suspended")


def test_only_operators_read_contacts_and_reading_is_recorded(
    notify: Notify, server: MailServer
) -> None:
    """Who is no operator sees nothing; the log says that somebody looked, not at what."""
    ref = ContactRef.new()
    address = "export@irpin.example"
    notify.set_contact(ref, address, "uk", name_for_greeting="town hall", timezone="Europe/Warsaw")
    token = notify.issuer.token("its system", member_id=IRPIN, roles=("member",))
    member = {"Authorization": f"Bearer {token}"}
    for path in (f"/contacts/{ref}", "/contacts"):
        assert notify.http.get(path, headers=member).status_code == 403
        assert httpx.get(f"{notify.http.base_url}{path}").status_code == 401
    shown = notify.http.get(f"/contacts/{ref}")
    assert shown.json() == {
        "contact_ref": ref,
        "email": address,
        "name_for_greeting": "town hall",
        "language": "uk",
        "timezone": "Europe/Warsaw",
        "status": "unverified",
        "edition": 1,
    }
    assert shown.headers["Cache-Control"] == "no-store"
    entry = notify.db["log"].find_one({"subject": ref, "type": {"$regex": "contact-exported"}})
    assert entry is not None
    assert entry["actor"] == "operator:operator"
    assert address not in str(entry)
    assert notify.http.get(f"/contacts/{ContactRef.new()}").status_code == 404


def test_erasing_leaves_no_trace_and_breaks_nothing(
    notify: Notify, server: MailServer, logs: Logs, stack: Stack
) -> None:
    """No collection, topic or log file holds the address or the name; rebuild equals live."""
    irpin = contact_of(IRPIN)
    address = "to-be-erased@irpin.example"
    name = "Unforgotten Office"
    body = {"email": address, "language": "en", "name_for_greeting": name}
    key = {"Idempotency-Key": str(ContactRef.new())}
    assert notify.http.put(f"/contacts/{irpin}", json=body, headers=key).status_code == 204
    httpx.post(link_in(mail_to(server, address))).raise_for_status()
    server.answers[address] = [f"450 4.2.1 <{address}> busy"]
    events = [logs.envelope(need_posted(NeedId.new())) for _ in range(2)]
    notify.publish(events[:1])
    assert [n["status"] for n in notify.settled(1, about=events[0].id)] == ["sent"]
    notify.http.get(f"/contacts/{irpin}").raise_for_status()
    assert holding(notify, address) == ["contacts"]

    for _ in range(2):  # erasing again is the same
        assert notify.http.delete(f"/contacts/{irpin}").status_code == 204
    notify.publish(events[1:])
    [notice] = notify.settled(1, about=events[1].id)
    assert notice["reason"] == "no-address"
    assert notify.http.get(f"/contacts/{irpin}").status_code == 404
    assert notify.standing(irpin)["status"] == "erased"
    for trace in (address, "to-be-erased", name, "Unforgotten"):
        assert holding(notify, trace) == []
        assert trace not in notify.process.log_file.read_text()
    until(lambda: notify.db["log"].count_documents({"position": None}) == 0)
    for topic in ("notify.events", "notify.dead-letters"):
        records = asyncio.run(read_all(stack.addresses.kafka, topic))
        assert "erase" in str(records) or topic != "notify.events"
        assert re.search(r"to-be-erased|Unforgotten", str(records)) is None
    found = asyncio.run(rebuild("notify", stack.addresses.kafka, stack.addresses.mongodb))
    assert found.equal, found.different


def holding(notify: Notify, text: str) -> list[str]:
    """The collections in which some document holds a text, byte for byte."""
    found = []
    for name in notify.db.list_collection_names():
        documents: list[Any] = list(notify.db[name].find())
        wanted = text.encode()
        if any(wanted in _bytes(document) for document in documents):
            found.append(name)
    return sorted(found)


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, dict):
        return b" ".join(_bytes(part) for pair in value.items() for part in pair)
    if isinstance(value, list):
        return b" ".join(_bytes(part) for part in value)
    return str(value).encode()
