"""A page of a feed, whatever its format; pure."""

import hashlib
import re
from dataclasses import dataclass
from typing import Literal
from uuid import NAMESPACE_URL, uuid5

Kind = Literal["members", "needs"]
Format = Literal["atom", "json"]

TYPES: dict[Format, str] = {"atom": "application/atom+xml", "json": "application/feed+json"}

PAGE = 50
"""Most entries of a page."""

FOUNDED = "2022-06-30T00:00:00Z"
"""The day of the alliance: when a feed without entries was updated."""

NOT_PUBLIC = ("match-lapses-soon",)
"""Messages of a need's thread that ask somebody to do something, and tell nobody else anything."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One piece of news."""

    id: str
    time: str
    title: str
    text: str
    html: str
    link: str | None = None


@dataclass(frozen=True, kw_only=True)
class Feed:
    """A page of a feed in one language, newest first; `base` is the address of this service,
    `before` and `older` are the events before which this page and the next begin."""

    kind: Kind
    key: str
    language: str
    title: str
    author: str
    entries: tuple[Entry, ...]
    older: str | None = None
    base: str
    page: str | None = None
    """The address of what the feed is about, as people see it."""
    before: str | None = None

    @property
    def id(self) -> str:
        """The same in each language and format, and on each page."""
        return urn(f"feed:{self.kind}:{self.key}")

    @property
    def updated(self) -> str:
        """When its newest entry came."""
        return self.entries[0].time if self.entries else FOUNDED

    def url(self, form: Format, language: str | None = None, before: str | None = None) -> str:
        """The address of a page of it."""
        asked = f"?language={language or self.language}" + (f"&before={before}" if before else "")
        return f"{self.base}/feeds/{self.kind}/{self.key}.{form}{asked}"

    def own_url(self, form: Format) -> str:
        """The address of this page."""
        return self.url(form, before=self.before)

    def next_url(self, form: Format) -> str | None:
        """The address of the next page, with older news (RFC 5005)."""
        return self.url(form, before=self.older) if self.older else None


def urn(of: str) -> str:
    """An id that is the same each time."""
    return uuid_urn(str(uuid5(NAMESPACE_URL, f"alliance:{of}")))


def uuid_urn(key: str) -> str:
    """RFC 9562, 4: a UUID as a URN."""
    return f"urn:uuid:{key}"


def etag(body: bytes) -> str:
    """The same for the same bytes."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def is_known(if_none_match: str | None, tag: str) -> bool:
    """Whether a client has these bytes (RFC 9110, 13.1.2: compared weakly)."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or tag in re.findall(r'"[^"]*"', if_none_match)
