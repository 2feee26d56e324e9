"""Feeds of a running notify: for a member that gives no address, and for a need."""

import asyncio
from collections.abc import Iterator
from xml.etree import ElementTree

import httpx
import pytest

from cli.rebuild import rebuild
from deploy.local.stack import Stack
from shared.events.ids import MatchId, MemberId, NeedId
from tests.notify.running import MailServer, Notify, until
from tests.notify.samples import (
    CASCAIS,
    IRPIN,
    NEED,
    SILENT,
    Logs,
    applied,
    contact_of,
    declined,
    need_posted,
    pledge_made,
    proposed,
    started,
)

ATOM = {"a": "http://www.w3.org/2005/Atom"}
MAYOR = "mayor@irpin.example"


@pytest.fixture(scope="module")
def notify(stack: Stack, logs: Logs) -> Iterator[Notify]:
    """The service; Irpin has an address and a need; SILENT, that has none, gives to it."""
    server = MailServer()
    server.start()
    service = Notify(stack)
    service.start(server.port, ready=True, ALLIANCE_PUBLIC_URL="https://alliance.example")
    service.verified_contact(server.messages, contact_of(IRPIN), MAYOR, "uk")
    events = [applied(m) for m in (IRPIN, CASCAIS, SILENT)]
    service.publish([logs.envelope(e) for e in events])
    story = (need_posted(), pledge_made(), proposed(), started())
    service.publish([logs.envelope(e) for e in story])
    until(lambda: service.db["inbox"].count_documents({}) == 7)
    until(lambda: not service.notices(status="queued", contact_ref=contact_of(IRPIN)))
    yield service
    service.process.stop()
    server.stop()


def read(notify: Notify, path: str, **headers: str) -> httpx.Response:
    """A feed, as anybody reads it."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.get(f"{notify.http.base_url}/feeds/{path}", headers=given)


def titles(answer: httpx.Response) -> list[str]:
    """The titles of an Atom feed's entries, in their order."""
    assert answer.status_code == 200, answer.text
    root = ElementTree.fromstring(answer.content)
    return [e.text or "" for e in root.findall("a:entry/a:title", ATOM)]


def test_a_member_without_an_address_has_all_that_concerns_it(notify: Notify) -> None:
    """Newest first, in the language it asks for, and the same in JSON."""
    found = read(notify, f"members/{SILENT}.atom?language=uk")
    assert found.headers["Content-Type"].startswith("application/atom+xml")
    assert found.headers["Content-Language"] == "uk"
    assert len(titles(found)) == 2  # its application, and that work began
    as_json = read(notify, f"members/{SILENT}.json", Accept_Language="uk, en;q=0.5")
    assert as_json.headers["Content-Type"].startswith("application/feed+json")
    assert [item["title"] for item in as_json.json()["items"]] == titles(found)
    assert "Дитячий садок" in titles(found)[0]
    english = titles(read(notify, f"members/{SILENT}.atom", Accept_Language="en"))
    assert english != titles(found)
    assert as_json.json()["items"][0]["url"].startswith("https://alliance.example/needs/")


def test_a_need_has_each_piece_of_news_once_whoever_was_told(notify: Notify) -> None:
    """Posted, proposed, begun; no address and no contact's reference in it."""
    found = read(notify, f"needs/{NEED}.atom")
    assert len(titles(found)) == 3
    for path in (f"needs/{NEED}.atom", f"needs/{NEED}.json", f"members/{IRPIN}.json"):
        answer = read(notify, path)
        assert answer.status_code == 200
        assert "irpin.example" not in answer.text
        assert contact_of(IRPIN) not in answer.text


def test_who_has_it_already_gets_304(notify: Notify, logs: Logs) -> None:
    """Until there is something new."""
    path = f"members/{CASCAIS}.atom"
    first = read(notify, path)
    again = read(notify, path, If_None_Match=first.headers["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    event = logs.envelope(proposed(MatchId.new()))
    notify.publish([event])
    until(lambda: notify.notices(about=event.id))
    assert read(notify, path, If_None_Match=first.headers["ETag"]).status_code == 200


def test_a_proposal_stays_in_the_feed_when_it_has_ended(notify: Notify, logs: Logs) -> None:
    """It was told of, so it is news still; nobody is asked to answer it."""
    match = MatchId.new()
    there = [f"members/{CASCAIS}.atom", f"members/{CASCAIS}.json", f"needs/{NEED}.atom"]
    event = logs.envelope(proposed(match))
    notify.publish([event])
    until(lambda: notify.notices(about=event.id, recipient_id=CASCAIS))
    until(lambda: not notify.notices(about=event.id, status="queued"))
    before = read(notify, there[0]).text
    assert "Please accept or decline it." in before
    ended = logs.envelope(declined(match))
    notify.publish([ended])
    until(lambda: notify.notices(about=ended.id))
    for path in there:
        answer = read(notify, path)
        assert answer.status_code == 200, answer.text
        assert "It was declined meanwhile; nothing is left to do." in answer.text


def test_long_feeds_have_pages_that_lead_through_all_of_it_once(notify: Notify, logs: Logs) -> None:
    """At most 50 entries; `next` leads to older ones; the last page has none."""
    events = [logs.envelope(need_posted(NeedId.new())) for _ in range(120)]
    notify.publish(events)
    until(lambda: len(notify.notices(message="need-posted")) == 121, 60)
    expected = len(notify.notices(recipient_id=IRPIN))
    url = f"{notify.http.base_url}/feeds/members/{IRPIN}.atom"
    ids: list[str] = []
    sizes = []
    while url:
        root = ElementTree.fromstring(httpx.get(url).content)
        page = [e.text or "" for e in root.findall("a:entry/a:id", ATOM)]
        ids += page
        sizes.append(len(page))
        links = {e.get("rel"): e.get("href", "") for e in root.findall("a:link", ATOM)}
        url = links.get("next", "")
    assert sizes[:2] == [50, 50]
    assert len(ids) == len(set(ids)) == expected
    times = [e["date_published"] for e in read(notify, f"members/{IRPIN}.json").json()["items"]]
    assert times == sorted(times, reverse=True)


def test_there_is_no_feed_of_what_is_not_there(notify: Notify) -> None:
    """404 with a problem; 422 for what is no id; and nobody needs a token."""
    assert read(notify, f"members/{MemberId.new()}.atom").status_code == 404
    assert read(notify, f"needs/{NeedId.new()}.json").status_code == 404
    assert read(notify, "members/nobody.atom").status_code == 422
    assert read(notify, f"members/{IRPIN}.atom?language=fr").status_code == 422


def test_what_feeds_are_made_of_is_rebuilt_from_the_logs(notify: Notify, stack: Stack) -> None:
    """The notices of who has no address, too."""
    until(lambda: not notify.notices(status="queued"), 60)
    until(lambda: notify.db["log"].count_documents({"position": None}) == 0)
    found = asyncio.run(rebuild("notify", stack.addresses.kafka, stack.addresses.mongodb))
    assert found.equal, found.different
    assert notify.notices(recipient_id=SILENT, status="withheld")
