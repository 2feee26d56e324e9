"""What may keep a notice from being handed over, whatever the channel.

What a server answers may hold an address; only its code leaves here.
"""


class NotHandedOver(Exception):
    """The server did not take the message; `code` is its answer, None where there was none."""

    def __init__(self, code: int | None = None) -> None:
        super().__init__(f"answer {code}" if code else "no answer")
        self.code = code


class AddressRefused(NotHandedOver):
    """The server refuses this recipient for good."""


class MessageRefused(NotHandedOver):
    """The server refuses this message for good."""


class TryLater(NotHandedOver):
    """Not now; another message may have more luck."""


class ServerAway(TryLater):
    """No message has more luck now: the server is out of reach, or refuses us."""
