"""Nothing that a member writes gets into a header, or becomes a part of the page."""

import re

import pytest

from services.notify.plain import NAME_LIMIT, SUBJECT_LIMIT, one_line, safe
from tests.notify.approved import URL
from tests.notify.hostile import (
    FROM,
    MARKS,
    Elements,
    bad,
    composed,
    gathered,
    letter,
    naughty,
    on_the_line,
    written,
)
from tests.notify.samples import MATCH

HEADERS = {
    "From": FROM,
    "To": "mayor@irpin.example",
    "Message-ID": "<n1@alliance.example>",
    "In-Reply-To": "<t1@alliance.example>",
    "References": "<t1@alliance.example>",
    "Auto-Submitted": "auto-generated",
    "Content-Language": "en",
    "List-Unsubscribe": f"<{URL}/u?token=abc>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    "MIME-Version": "1.0",
}
CONTROL = rf"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff{MARKS}]"


def the_headers_hold(text: str) -> None:
    """Whatever the text is, the headers are ours, each once, and the subject is one line."""
    said = written(text)
    read = composed(said)
    headers = {name: str(value) for name, value in read.items()}
    assert len(read.items()) == len(headers) == len(HEADERS) + 3
    assert {name: headers[name] for name in HEADERS} == HEADERS
    assert set(headers) == {*HEADERS, "Subject", "Date", "Content-Type"}
    assert not read.defects
    assert not re.search(rf"{CONTROL}|\n", headers["Subject"])
    assert headers["Subject"] == said.subject
    assert len(headers["Subject"]) <= SUBJECT_LIMIT
    plain, html = (str(part.get_content()) for part in read.iter_parts())
    assert not re.search(CONTROL, plain.replace("\r\n", "\n"))
    assert not re.search(CONTROL, html.replace("\r\n", "\n"))
    assert len(plain) < 12_000


def the_page_holds(text: str) -> None:
    """It has the elements and links that it has with ordinary words, and no others."""
    for write in (written, gathered):
        found, usual = Elements(write(text).html), Elements(write("Irpin").html)
        assert found.found == usual.found
        assert found.links == usual.links == {f"{URL}/matches/{MATCH}"}


@pytest.mark.parametrize("text", bad(), ids=lambda text: repr(text)[:40])
def test_bad_words_stay_words(text: str) -> None:
    """A line end of any kind, a mark, markup or a template in a title, a name, a reason."""
    the_headers_hold(text)
    the_page_holds(text)


def test_naughty_strings_are_harmless() -> None:
    """The Big List of Naughty Strings, each as title, name, reason, greeting and event's id."""
    if not naughty():
        pytest.skip("the list is not on this machine")
    for text in naughty():
        the_headers_hold(text)
        the_page_holds(text)
    print(f"{len(naughty())} naughty strings, no header injected, no element added")


@pytest.mark.parametrize(
    "to", ["=?utf-8?q?=0aBcc=3a_all?=@irpin.example", "=?utf-8?q?mayor?=@irpin.example"]
)
def test_an_address_that_looks_encoded_is_taken_as_it_stands(to: str) -> None:
    """It is a valid one (RFC 5321), and may add no header."""
    headers, _, _ = on_the_line(written("Irpin"), to).partition(b"\r\n\r\n")
    lines = headers.decode("ascii").split("\r\n")
    assert lines.count(f"To: {to}") == 1
    assert len(lines) == len(HEADERS) + 3
    assert not [line for line in lines if line.startswith("Bcc")]


def test_a_name_of_ten_thousand_letters_is_cut() -> None:
    """With an ellipsis: shorter in the subject, longer in the body; and no word is lost else."""
    said = written("x" * 10_240)
    assert said.subject == f"Match declined: {'x' * 79}… – {'x' * 79}…"
    assert f"Pledge: {'x' * (NAME_LIMIT - 1)}…" in said.text
    assert len(said.html) < 20_000


def test_what_hides_or_reorders_is_left_out_and_the_rest_stays() -> None:
    """Joiners stay: emoji and many scripts need them."""
    assert safe(f"a{MARKS}b\r\nc\u2028d") == "ab\nc\nd"
    assert one_line("👩\u200d🏫 Ірпінь\tмісто") == "👩\u200d🏫 Ірпінь місто"


def test_words_look_as_they_were_written() -> None:
    """Escaped once: whoever wrote < and & reads < and &."""
    said = written("<Irpin> & Bucha")
    assert "<Irpin> & Bucha" in said.text
    assert "&lt;Irpin&gt; &amp; Bucha" in said.html
    assert "&amp;amp;" not in said.html
    assert letter("x").message == "match-declined"
