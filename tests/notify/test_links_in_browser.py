"""The pages behind links in mails, as a person meets them: in Chromium, from mail to answer."""

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from playwright.sync_api import Page

from deploy.local.mailbox import verification_link
from deploy.local.stack import Stack
from shared.events import Envelope
from shared.events.ids import NeedId
from tests.notify.browser import CONTRAST, MISSING, browser, chromium
from tests.notify.running import MailServer, Notify, until
from tests.notify.samples import IRPIN, Logs, applied, contact_of, need_posted

pytestmark = pytest.mark.skipif(chromium() is None, reason=MISSING)

IRPIN_CONTACT = contact_of(IRPIN)


@pytest.fixture(scope="module")
def notify(stack: Stack, server: MailServer) -> Iterator[Notify]:
    """The service, whose mails have links."""
    keys = stack.root / "link.keys"
    keys.write_text(secrets.token_urlsafe(48) + "\n")
    service = Notify(stack)
    url = f"http://127.0.0.1:{service.port}"
    service.start(server.port, ALLIANCE_LINK_KEYS_FILE=str(keys), ALLIANCE_PUBLIC_URL=url)
    yield service
    service.process.stop()


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A narrow window in Ukrainian."""
    with browser() as running:
        found = running.new_page(locale="uk-UA", viewport={"width": 320, "height": 600})
        yield found
        found.close()


def publish(notify: Notify, event: Envelope) -> None:
    """In a thread of its own: Playwright has an event loop in this one."""
    with ThreadPoolExecutor() as pool:
        pool.submit(notify.publish, [event]).result()


def is_readable(page: Page) -> None:
    """It says its language, has one heading and one button, and fits; in light and in dark."""
    assert page.evaluate("document.documentElement.lang") == "uk"
    assert page.locator("h1").count() == 1
    assert page.get_by_role("button").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        worst, seen = page.evaluate(CONTRAST)
        assert seen >= 2
        assert worst >= 4.5, scheme


def test_a_link_verifies_an_address_and_another_ends_a_kind(
    notify: Notify, server: MailServer, page: Page
) -> None:
    """Each page changes nothing until its button is pressed, and says then what it did."""
    logs = Logs()
    publish(notify, logs.envelope(applied(IRPIN)))
    notify.set_contact(IRPIN_CONTACT, "uk@mayor.example", "uk")
    until(partial(server.has, 1))
    link = verification_link(server.messages.pop())
    assert link
    page.goto(link)
    is_readable(page)
    assert notify.standing(IRPIN_CONTACT)["status"] == "unverified"
    page.get_by_role("button").press("Enter")
    until(lambda: page.get_by_role("button").count() == 0)
    assert notify.standing(IRPIN_CONTACT)["status"] == "verified"
    assert page.locator("h1").count() == 1

    posted = logs.envelope(need_posted(NeedId.new()))
    publish(notify, posted)
    notify.settled(1, about=posted.id)
    mail = server.messages[-1]
    page.goto(str(mail["List-Unsubscribe"]).strip("<>"))
    is_readable(page)
    timings = partial(notify.http.get, f"/preferences/{IRPIN}")
    assert set(timings().json()["timings"].values()) == {"immediate"}
    page.get_by_role("button").press("Enter")
    until(lambda: "off" in timings().json()["timings"].values())
    assert page.locator("h1").count() == 1
