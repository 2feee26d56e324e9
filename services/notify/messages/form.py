"""What a message is made of."""

from typing import NamedTuple


class Message(NamedTuple):
    """One message: sentences, then facts (a label and what is said), then sentences.

    `button` is what the link to the thing it tells of says.
    """

    subject: str
    opening: tuple[str, ...]
    facts: tuple[tuple[str, str], ...] = ()
    closing: tuple[str, ...] = ()
    button: str | None = None
