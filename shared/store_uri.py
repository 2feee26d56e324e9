"""What a MongoDB connection string may say: where the store is, and nothing unsafe."""

from ipaddress import ip_address
from urllib.parse import parse_qsl

_SAFE = {"w": ("majority",), "journal": ("true",), "readconcernlevel": ("majority",)}


def safe_uri(uri: str) -> str:
    """The connection string, if it is safe. Raises ValueError, without what might be a secret.

    A password belongs into a file: a variable is shown by `docker inspect` and /proc. On the
    loopback address it is let be, for a developer's own server.
    """
    if not uri.startswith(("mongodb://", "mongodb+srv://")):
        raise ValueError("allowed: mongodb://host:port/… or mongodb+srv://host/…")
    # Not by urlsplit: it refuses several hosts with an IPv6 address among them, which are no URL.
    where, _, options = uri.partition("://")[2].partition("?")
    user, _, hosts = where.partition("/")[0].rpartition("@")
    if ":" in user and not all(_is_loopback(host) for host in hosts.split(",")):
        raise ValueError(
            "has a password in it, allowed: ALLIANCE_MONGODB_USERNAME and "
            "ALLIANCE_MONGODB_PASSWORD_FILE instead"
        )
    for name, value in parse_qsl(options, keep_blank_values=True):
        if value.casefold() not in _SAFE.get(name.casefold(), (value.casefold(),)):
            raise ValueError(
                f"says {name}={value}, allowed: {name}={_SAFE[name.casefold()][0]} or nothing; "
                "less would lose what was acknowledged"
            )
    return uri


def _is_loopback(host: str) -> bool:
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    try:
        return ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return name == "localhost"
