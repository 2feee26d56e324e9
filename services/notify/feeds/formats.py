"""A feed as Atom (RFC 4287) and as JSON Feed 1.1; every value is escaped by what writes it."""

import json
import re
from collections.abc import Mapping
from xml.etree import ElementTree

from services.notify.feeds.model import TYPES, Entry, Feed, Format
from shared.translations import LANGUAGES

ATOM = "http://www.w3.org/2005/Atom"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
JSON_FEED = "https://jsonfeed.org/version/1.1"

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

ElementTree.register_namespace("", ATOM)


def write(feed: Feed, form: Format) -> bytes:
    """The feed in a format, UTF-8."""
    return atom(feed) if form == "atom" else json_feed(feed)


def atom(feed: Feed) -> bytes:
    """RFC 4287."""
    root = ElementTree.Element(f"{{{ATOM}}}feed", {XML_LANG: feed.language})
    _text(root, "id", feed.id)
    _text(root, "title", feed.title)
    _text(root, "updated", feed.updated)
    _text(_child(root, "author"), "name", feed.author)
    _link(root, "self", feed.own_url("atom"), type=TYPES["atom"])
    _link(root, "alternate", feed.url("json"), type=TYPES["json"], hreflang=feed.language)
    for language in LANGUAGES:
        if language != feed.language:
            there = feed.url("atom", language)
            _link(root, "alternate", there, type=TYPES["atom"], hreflang=language)
    if feed.page:
        _link(root, "alternate", feed.page, type="text/html")
    if following := feed.next_url("atom"):
        _link(root, "next", following, type=TYPES["atom"])
    for entry in feed.entries:
        _entry(_child(root, "entry"), entry)
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def json_feed(feed: Feed) -> bytes:
    """JSON Feed 1.1."""
    found = {
        "version": JSON_FEED,
        "title": feed.title,
        "home_page_url": feed.page,
        "feed_url": feed.own_url("json"),
        "next_url": feed.next_url("json"),
        "language": feed.language,
        "authors": [{"name": feed.author}],
        "items": [
            _present(
                {
                    "id": entry.id,
                    "url": entry.link,
                    "title": entry.title,
                    "content_text": entry.text,
                    "content_html": entry.html,
                    "date_published": entry.time,
                }
            )
            for entry in feed.entries
        ],
    }
    return json.dumps(_present(found), ensure_ascii=False, indent=1).encode()


def _entry(element: ElementTree.Element, entry: Entry) -> None:
    _text(element, "id", entry.id)
    _text(element, "title", entry.title)
    _text(element, "published", entry.time)
    _text(element, "updated", entry.time)
    if entry.link:
        _link(element, "alternate", entry.link, type="text/html")
    _text(element, "content", entry.html, type="html")


def _child(parent: ElementTree.Element, name: str, **attributes: str) -> ElementTree.Element:
    return ElementTree.SubElement(parent, f"{{{ATOM}}}{name}", attributes)


def _text(parent: ElementTree.Element, name: str, value: str, **attributes: str) -> None:
    _child(parent, name, **attributes).text = _NOT_XML.sub("", value)


def _link(parent: ElementTree.Element, rel: str, href: str, **attributes: str) -> None:
    _child(parent, "link", rel=rel, href=href, **attributes)


def _present(found: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in found.items() if value is not None}
