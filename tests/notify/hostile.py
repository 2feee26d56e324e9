"""Words of members that mean no good, and mails that hold them everywhere."""

import json
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

from services.notify import mail, wording
from services.notify.layout import Written
from services.notify.wording import Letter
from tests.notify.approved import TIME, URL
from tests.notify.samples import TITLES, declined

NAUGHTY = Path("/work/shared/data/strings/blns.json")
FROM = "Alliance for the Reconstruction of Ukraine <noreply@alliance.example>"
ENDS = ("\r\n", "\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\x00\n", "\r\n\t")
MARKS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\ufeff"


@cache
def naughty() -> list[str]:
    """The Big List of Naughty Strings; empty where it is not on this machine."""
    found = json.loads(NAUGHTY.read_text()) if NAUGHTY.exists() else []
    return [text for text in found if text]


def bad() -> list[str]:
    """Line ends of every kind, direction marks, markup, templates, and 10 kB names."""
    injected = [f"Irpin{e}Bcc: all@elsewhere.example{e}{e}<h1>hello</h1>" for e in ENDS]
    marked = [f"Ir{mark}pin" for mark in MARKS] + [MARKS]
    long = ["x" * 10_240, "Ї" * 5_120, "é y" * 3_500, "\r\n" * 5_120, "&<" * 5_120]
    templates = ["{{ 7 * 7 }}", "{% raw %}", "{need.__class__}", "{0}", "{", "}", "%(x)s", "%s"]
    markup = [
        "</title><script>alert(1)</script>",
        "</style><img src=x onerror=alert(1)>",
        '" onmouseover="alert(1)',
        "javascript:alert(1)",
        "<!--",
        "]]>",
        "<a href='https://elsewhere.example'>Accept</a>",
    ]
    encoded = [
        "=?utf-8?q?Bcc:=20all@elsewhere.example?=",
        "Irpin =?utf-8?q?=0d=0aBcc:_all@elsewhere.example?= Bucha",
        "=?utf-8?q?=0aBcc=3a_all=40elsewhere.example?=",
        "=?utf-8?b?CkJjYzogYWxsQGVsc2V3aGVyZS5leGFtcGxl?=",
        f"{'x' * 90} =?utf-8?b?CkJjYzogYWxsQGVsc2V3aGVyZS5leGFtcGxl?=",
        "=?utf-8?b?4oCu?=",
        "Ірпінь =?utf-8?b?4oCu?=",
    ]
    return [*injected, *marked, *long, *templates, *markup, *encoded]


def letter(text: str) -> Letter:
    """A refusal whose reason is the text, past what events accept."""
    return Letter(
        event=declined().model_copy(update={"reason": text}),
        about=text,
        time=TIME,
        message="match-declined",
        party="other side",
    )


def written(text: str, language: str = "en") -> Written:
    """A mail with the text wherever a member's words may stand."""
    titles = {key: {language: text} for key in TITLES}
    return wording.write(letter(text), titles, language=language, name=text, public_url=URL)


def gathered(text: str, language: str = "en") -> Written:
    """A digest with the text wherever a member's words may stand."""
    titles = {key: {language: text} for key in TITLES}
    both = [letter(text), letter("as usual")]
    return wording.digest(both, titles, language=language, name=text, public_url=URL)


def on_the_line(said: Written, to: str) -> bytes:
    """A mail as a server gets it."""
    message = mail.compose(
        notice_id="n1",
        thread="t1",
        mail_from=FROM,
        to=to,
        written=said,
        language="en",
        now=datetime(2026, 3, 5, tzinfo=UTC),
        unsubscribe_url=f"{URL}/u?token=abc",
    )
    return mail.flat(message, to)


def composed(said: Written) -> EmailMessage:
    """A mail as whoever receives it reads it."""
    read = message_from_bytes(on_the_line(said, "mayor@irpin.example"), policy=SMTP)
    assert isinstance(read, EmailMessage)
    return read


class Elements(HTMLParser):
    """The elements of a page in their order, with their attributes' names; and its links."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.links: set[str] = set()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(" ".join([tag, *sorted(name for name, _ in attrs)]))
        self.links |= {value or "" for name, value in attrs if name in ("href", "src")}

    def handle_comment(self, data: str) -> None:
        self.found.append("comment")
