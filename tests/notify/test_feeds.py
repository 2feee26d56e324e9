"""Feeds as they are written: what RFC 4287 and JSON Feed 1.1 demand, whatever the words are."""

import json
from xml.etree import ElementTree

from services.notify.feeds import formats, model
from services.notify.feeds.model import Entry, Feed
from tests.notify.hostile import bad, naughty

ATOM = {"a": "http://www.w3.org/2005/Atom"}
HOSTILE = [
    "</title></entry><script>alert(1)</script>",
    "]]>&amp;&#0;\x00\x0b\x1b",
    "\ud800 half a pair",
    "\ufffe\uffff\u2028\u202e",
    *bad(),
    *naughty(),
]


def entry(number: int = 1, words: str = "A match is proposed") -> Entry:
    """An entry of a feed."""
    return Entry(
        id=model.urn(str(number)),
        time=f"2026-01-02T03:04:{number:02}Z",
        title=words,
        text=words,
        html=f"<p>{number}</p>",
        link="https://alliance.example/matches/1?a=1&b=2",
    )


def feed(*entries: Entry, older: str | None = None, title: str = "Irpin") -> Feed:
    """A page of a feed."""
    return Feed(
        kind="members",
        key="018a0000-0000-7000-8000-000000000001",
        language="en",
        title=title,
        author="Alliance",
        entries=entries,
        older=older,
        base="https://notify.alliance.example",
        page="https://alliance.example/members/018a0000-0000-7000-8000-000000000001",
    )


def test_atom_has_what_the_standard_demands() -> None:
    """RFC 4287, 4.1.1 and 4.1.2: ids, titles, updated, an author, self; each id once."""
    root = ElementTree.fromstring(formats.atom(feed(entry(2), entry(1), older="018a")))
    assert root.tag == f"{{{ATOM['a']}}}feed"
    for name in ("a:id", "a:title", "a:updated", "a:author/a:name"):
        assert len(root.findall(name, ATOM)) == 1
    assert root.findtext("a:updated", namespaces=ATOM) == "2026-01-02T03:04:02Z"
    links = [(e.get("rel"), e.get("type"), e.get("hreflang")) for e in root.findall("a:link", ATOM)]
    assert len(set(links)) == len(links)  # 4.1.1: alternates differ in type or language
    assert [rel for rel, _, _ in links].count("self") == 1
    following = next(e for e in root.findall("a:link", ATOM) if e.get("rel") == "next")
    assert following.get("href", "").endswith(".atom?language=en&before=018a")
    for found in root.findall("a:entry", ATOM):
        for name in ("a:id", "a:title", "a:updated", "a:content"):
            assert len(found.findall(name, ATOM)) == 1
        content = found.find("a:content", ATOM)
        assert content is not None
        assert content.get("type") == "html"
    ids = [e.text or "" for e in root.iter(f"{{{ATOM['a']}}}id")]
    assert len(set(ids)) == 3
    assert all(each.startswith("urn:uuid:") for each in ids)


def test_json_feed_has_what_the_standard_demands() -> None:
    """JSON Feed 1.1: version, title and items; each with an id and content; no null."""
    found = json.loads(formats.json_feed(feed(entry(), older="018a")))
    assert found["version"] == "https://jsonfeed.org/version/1.1"
    assert found["next_url"].endswith(".json?language=en&before=018a")
    assert found["feed_url"].endswith(".json?language=en")
    [item] = found["items"]
    assert {"id", "title", "content_text", "content_html", "date_published", "url"} == set(item)
    assert "null" not in formats.json_feed(feed()).decode()
    assert "next_url" not in json.loads(formats.json_feed(feed(entry())))


def test_whatever_the_words_they_stay_words() -> None:
    """No value ends an element, adds one, or makes the document unreadable."""
    plain = [e.tag for e in ElementTree.fromstring(formats.atom(feed(entry()))).iter()]
    for words in HOSTILE:
        written = formats.atom(feed(entry(1, words), title=words))
        elements = list(ElementTree.fromstring(written).iter())
        assert [e.tag for e in elements] == plain, words
        if words.isprintable():
            assert words in [e.text for e in elements]
        if "\ud800" not in words:
            found = json.loads(formats.json_feed(feed(entry(1, words))))
            assert found["items"][0]["title"] == words


def test_an_id_is_the_same_in_each_language_and_format_and_on_each_page() -> None:
    """A reader that changes its language sees nothing twice."""
    pages = (feed(entry()), feed(entry(), older="018a"), feed())
    assert len({each.id for each in pages}) == 1


def test_who_has_the_bytes_gets_none() -> None:
    """RFC 9110, 13.1.2: any of a list, weakly; `*` is any."""
    tag = model.etag(b"one")
    for given in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        assert model.is_known(given, tag)
    assert not model.is_known(None, tag)
    for other in ("", '"other"', model.etag(b"two"), tag.strip('"')):
        assert not model.is_known(other, tag)
