"""Links by which whoever gets a mail ends its kind, without a token of the API (RFC 8058); pure.

A link names a member and the kinds of the mail it stands in, and is signed, so that nobody can make
one for somebody else. It has no end: a mail is read whenever it is read. All it can do is to turn
kinds off, which the member can undo.
"""

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Sequence
from typing import NamedTuple, get_args

from shared.events.ids import UUID_PATTERN, MemberId
from shared.events.notify import Kind

KINDS: tuple[Kind, ...] = get_args(Kind)
LEAST_KEY = 32
"""Bytes that a key has at least (RFC 2104: as many as the hash has)."""

_TOKEN = re.compile(
    rf"(?P<member>{UUID_PATTERN.strip('^$')})\.(?P<kinds>[a-z]+(?:\+[a-z]+)*)\.(?P<mac>[\w-]{{43}})",
    re.ASCII,
)


class Unsubscription(NamedTuple):
    """Whose mail of which kinds a link ends."""

    member_id: MemberId
    kinds: tuple[Kind, ...]


def token(member: MemberId, kinds: Iterable[Kind], key: bytes) -> str:
    """What a link has at its end: the same for the same member, kinds and key."""
    said = f"{member}.{'+'.join(sorted(set(kinds), key=KINDS.index))}"
    return f"{said}.{_mac(said, key)}"


def url(
    public_url: str | None, keys: Sequence[bytes], member: MemberId, kinds: Iterable[Kind]
) -> str | None:
    """The link for a mail of these kinds; None where we have no address or no key to sign with."""
    if public_url is None or not keys:
        return None
    return f"{public_url.rstrip('/')}/unsubscriptions/{token(member, kinds, keys[0])}"


def read(given: str, keys: Sequence[bytes]) -> Unsubscription | None:
    """What a link asks for; None where none of the keys has signed it."""
    found = _TOKEN.fullmatch(given)
    if found is None:
        return None
    said, _, mac = given.rpartition(".")
    if not any(hmac.compare_digest(mac, _mac(said, key)) for key in keys):
        return None
    kinds = tuple(kind for kind in KINDS if kind in found["kinds"].split("+"))
    return Unsubscription(MemberId(found["member"]), kinds)


def _mac(said: str, key: bytes) -> str:
    digest = hmac.digest(key, f"alliance unsubscription {said}".encode(), hashlib.sha256)
    return urlsafe_b64encode(digest).decode().rstrip("=")
