"""Each mail as Chromium shows it: narrow and wide, light and dark, and fetching nothing."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.notify import approved
from tests.notify.browser import CONTRAST, MISSING, browser, chromium
from tests.notify.hostile import bad, gathered, naughty, written

pytestmark = pytest.mark.skipif(chromium() is None, reason=MISSING)

MAILS = {
    (language, name): written
    for language in ("uk", "en")
    for name, written in approved.mails(language)
}


@pytest.fixture(scope="module")
def running() -> Iterator[Browser]:
    """One Chromium for all tests here."""
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def page(running: Browser) -> Iterator[Page]:
    """One page of it, and what it asked for."""
    found = running.new_page()
    found.route("**/*", lambda route: pytest.fail(f"it fetches {route.request.url}"))
    yield found
    found.close()


def widest(page: Page, width: int) -> int:
    """How wide the page gets in a window of so many pixels."""
    page.set_viewport_size({"width": width, "height": 600})
    found: int = page.evaluate("document.documentElement.scrollWidth")
    return found


def test_no_mail_scrolls_sideways_or_is_hard_to_read(page: Page) -> None:
    """320 px and 600 px wide, in light and in dark; the language is said; one main heading."""
    worst = {"light": 21.0, "dark": 21.0}
    for (language, name), mail in MAILS.items():
        page.set_content(mail.html)
        assert page.evaluate("document.documentElement.lang") == language, name
        assert page.locator("h1").count() == 1, name
        assert page.locator("table:not([role=presentation])").count() == 0, name
        assert page.locator("img, script, iframe, link, form, object, video").count() == 0, name
        for width in (320, 600):
            assert widest(page, width) <= width, (name, language)
        page.emulate_media(color_scheme="light")
        light, texts = page.evaluate(CONTRAST)
        page.emulate_media(color_scheme="dark")
        dark, _ = page.evaluate(CONTRAST)
        assert texts >= 5
        worst = {"light": min(worst["light"], light), "dark": min(worst["dark"], dark)}
        assert min(light, dark) >= 4.5, (name, language, light, dark)
    print(
        f"{len(MAILS)} mails at 320 and 600 px, worst contrast "
        f"{worst['light']:.1f} light, {worst['dark']:.1f} dark"
    )


def test_dark_is_dark(page: Page) -> None:
    """Who asked for dark gets it."""
    page.set_content(MAILS["en", "match-proposed"].html)
    colours = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        colours[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert colours == {"light": "rgb(238, 241, 245)", "dark": "rgb(14, 17, 22)"}


def test_hostile_words_add_no_element_in_a_real_parser(page: Page) -> None:
    """The same elements as with ordinary words, for every naughty string, in letter and digest."""
    parse = """(pages) => pages.map((html) => {
      const found = new DOMParser().parseFromString(html, "text/html");
      return JSON.stringify([...found.querySelectorAll("*")].map(
        (e) => [e.tagName, ...e.getAttributeNames()].join(" ")));
    })"""
    texts = [*bad(), *naughty()]
    page.set_content("<p>parser</p>")
    for write in (written, gathered):
        [usual, *found] = page.evaluate(parse, [write(text).html for text in ["Irpin", *texts]])
        assert len(json.loads(usual)) > 30
        assert [t for t, elements in zip(texts, found, strict=True) if elements != usual] == []
    print(f"{len(texts)} hostile texts, no element added")


def test_a_name_without_a_break_does_not_widen_the_mail(page: Page) -> None:
    """Three hundred letters in one word are broken."""
    for text in ("x" * 300, "Ї" * 300, "&" * 300):
        page.set_content(written(text).html)
        assert widest(page, 320) <= 320
