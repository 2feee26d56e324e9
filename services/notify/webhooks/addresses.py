"""Where a webhook may be: https, at a public address. A name is resolved and judged by us.

Whoever registers a URL chooses where our machine connects to. So every address that a name has is
judged, each time before we connect, and the connection is made to the judged number: a name that
answers differently a second time (DNS rebinding) changes nothing.
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import httpx

from shared.errors import InvalidInput

LONGEST_URL = 2_000
Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Gives the numbers of a host; raises OSError where it has none."""

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,253}")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")

_GLOBAL_UNICAST = IPv6Network("2000::/3")
"""The only IPv6 addresses that are anybody's (IANA); IPv4-mapped and NAT64 ones lie outside."""

_NOT_THESE_6 = [
    IPv6Network("2001::/23"),  # Teredo, ORCHID and other IETF protocols
    IPv6Network("2001:db8::/32"),
    IPv6Network("2002::/16"),  # 6to4: an IPv4 address in disguise
    IPv6Network("3fff::/20"),
]
_NOT_THESE_4 = [
    IPv4Network("192.0.0.0/24"),  # IETF protocols, and a cloud's metadata
    IPv4Network("168.63.129.16/32"),  # a cloud's metadata, at a public number
    IPv4Network("192.88.99.0/24"),  # 6to4 relays
]


class Forbidden(Exception):
    """A URL leads where nothing is sent to; it is not shown, since it may hold a secret."""


def parsed(url: str, allow_loopback: bool = False) -> httpx.URL:
    """A webhook's URL, checked as far as that goes without asking for its address.

    Raises InvalidInput, which does not show the URL.
    """
    if len(url) > LONGEST_URL:
        raise InvalidInput("/url", "the URL is too long", allowed=LONGEST_URL)
    try:
        if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
            raise httpx.InvalidURL("")
        found = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise InvalidInput(
            "/url", "this is no URL in ASCII; a name's other letters go as xn--"
        ) from None
    schemes = ("https", "http") if allow_loopback else ("https",)
    if (
        found.scheme not in schemes
        or not _is_host(host_of(found))
        or not 0 < port_of(found) < 65_536
    ):
        raise InvalidInput(
            "/url", "the URL must begin with https:// and a host, by its name or usual number"
        )
    if found.userinfo or found.fragment:
        raise InvalidInput("/url", "the URL must have no user, password or fragment")
    return found


def _is_host(host: str) -> bool:
    """Whether a host is a name, or a number as numbers are usually written: not 0x7f.1."""
    try:
        ip_address(host)
    except ValueError:
        last = host.rstrip(".").rpartition(".")[2]
        return bool(_NAME.fullmatch(host)) and not _NUMBER.fullmatch(last)
    return "%" not in host


def judge(url: httpx.URL, numbers: list[str], allow_loopback: bool = False) -> None:
    """Raises Forbidden where one of a host's numbers is nowhere that a webhook may be."""
    found = [ip_address(number.partition("%")[0]) for number in numbers]
    local = allow_loopback and all(number.is_loopback for number in found)
    if not found or not (local or (url.scheme == "https" and all(map(is_public, found)))):
        raise Forbidden


def is_public(number: Address) -> bool:
    """Whether a number is a machine's on the internet, and only that."""
    if isinstance(number, IPv4Address):
        return (
            number.is_global
            and not (number.is_multicast or number.is_reserved)
            and not any(number in network for network in _NOT_THESE_4)
        )
    return (
        number in _GLOBAL_UNICAST
        and number.is_global
        and not any(number in network for network in _NOT_THESE_6)
    )


async def resolve(host: str, port: int) -> list[str]:
    """The numbers of a host, as this machine's resolver gives them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def judged(url: httpx.URL, allow_loopback: bool, resolve: Resolve = resolve) -> list[str]:
    """The numbers to connect to. Raises Forbidden, OSError."""
    try:
        numbers = await resolve(host_of(url), port_of(url))
    except UnicodeError:  # a label that is too long
        raise OSError("no such name") from None
    judge(url, numbers, allow_loopback)
    return numbers


def host_of(url: httpx.URL) -> str:
    """The host of a URL in ASCII, without brackets."""
    return url.raw_host.decode("ascii")


def port_of(url: httpx.URL) -> int:
    """The port that a URL leads to."""
    if url.port is not None:
        return url.port
    return 443 if url.scheme == "https" else 80
