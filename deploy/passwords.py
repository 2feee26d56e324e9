"""The files of passwords that `deploy/init` makes, as the set-up jobs read them."""

from collections.abc import Iterator
from pathlib import Path

SECRETS = Path("/run/secrets")


def password(name: str, secrets: Path = SECRETS) -> str:
    """The password that is to be in force. Raises OSError."""
    return next(passwords(name, secrets))


def passwords(name: str, secrets: Path = SECRETS) -> Iterator[str]:
    """That one, and those it follows: `deploy/init --rotate` leaves an administrator's last one
    below the new one, by which it is set. Raises OSError."""
    yield from (secrets / f"{name}.password").read_text(encoding="utf-8").split()
