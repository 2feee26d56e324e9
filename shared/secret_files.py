"""Secrets are files, never variables: what such a file may hold, and reading it anew each time."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

LEAST_SECRET = 16
"""Characters of the shortest secret of our own that is taken; `deploy/init` makes 43."""

EXAMPLES = ("change-me", "changeme", "change_me", "example")
"""How the values begin that stand in examples and must not run."""


def is_example(value: str) -> bool:
    """Whether a secret is one from an example."""
    return value.strip().casefold().startswith(EXAMPLES)


def read_secret(file: Path) -> str:
    """The first line that the file holds now. Raises OSError, UnicodeDecodeError."""
    return file.read_text(encoding="utf-8").strip().partition("\n")[0].strip()


def _good(file: Path, least: int) -> Path:
    try:
        secret = read_secret(file)
    except OSError as error:
        raise ValueError(f"can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError("holds bytes that are no text, allowed: UTF-8") from None
    if not secret and least:
        raise ValueError("the file is empty")
    if is_example(secret):
        raise ValueError("holds an example's value, allowed: one that `deploy/init` made")
    if len(secret) < least:
        raise ValueError(f"holds {len(secret)} characters, allowed: {least} or more")
    return file


def _own(file: Path) -> Path:
    return _good(file, LEAST_SECRET)


def _of_others(file: Path) -> Path:
    return _good(file, 0)


SecretFile = Annotated[Path, AfterValidator(_own)]
"""A file with a secret that we choose: no example and not short."""

ForeignSecretFile = Annotated[Path, AfterValidator(_of_others)]
"""A file with a secret that somebody else chose, such as a mail provider: short perhaps, or empty
where nothing is asked for."""
