"""The files of passwords that `deploy/init` makes, as the set-up jobs read them."""

from collections.abc import Iterator
from pathlib import Path

SECRETS = Path("/run/secrets")


def password(name: str, secrets: Path = SECRETS) -> str:
    """The password that is to be in force. Raises OSError."""
    return (secrets / f"{name}.password").read_text(encoding="utf-8").strip()


def passwords(name: str, secrets: Path = SECRETS) -> Iterator[str]:
    """That one, and the one before, by which an administrator sets it after `deploy/init --rotate`.

    Raises OSError.
    """
    yield password(name, secrets)
    if before := (secrets / f"{name}.previous").read_text(encoding="utf-8").strip():
        yield before
