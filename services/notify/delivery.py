"""What is handed over, by what, and what may keep it from being handed over, whatever the channel.

What a server answers may hold an address; only its code leaves here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from services.notify.model import Notice
from shared.actor import Cause
from shared.events import Envelope
from shared.events.facts import Language
from shared.events.notify import Channel, NoticeFailed


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


class Unanswered(TryLater):
    """The message was on its way and no answer came: whether it was taken is not known."""


class ServerAway(TryLater):
    """No message has more luck now: the server is out of reach, or refuses us."""


@dataclass(frozen=True)
class Queued:
    """A queued notice and the log's entry that says so."""

    notice: Notice
    entry: Envelope

    @property
    def age(self) -> float:
        """Seconds since it was queued, or could first be sent."""
        since = max(self.entry.time, self.notice.not_before or "")
        return (datetime.now(UTC) - datetime.fromisoformat(since)).total_seconds()

    @property
    def cause(self) -> Cause:
        """What its outcome follows from: its queueing, in our own log."""
        return Cause(self.entry.correlation_id, self.entry.id, own=True)


Bundle = tuple[Queued, ...]
"""Due notices to one destination that go in one message: one, or those of a digest."""


@dataclass(frozen=True)
class Parcel:
    """One message that is ready, and the notices that are told by it."""

    bundle: Bundle
    message_id: str
    to: str = field(repr=False)
    content: bytes = field(repr=False)
    language: Language | None = None
    edition: int = 0
    """Which of its contact's addresses it goes to."""


@dataclass(frozen=True)
class Written:
    """What became of one bundle when it was to be written: a parcel of those that can be sent, an
    outcome for those that won't be, and how many seconds the others wait."""

    parcel: Parcel | None = None
    failed: tuple[NoticeFailed, ...] = ()
    later: tuple[tuple[Queued, float], ...] = ()


class Carrier(Protocol):
    """One way of handing notices over. The sender asks it; it decides nothing by itself."""

    channel: Channel
    what: str
    """What it hands over, in a word; for traces."""
    give_up_seconds: float
    """A notice older than this is tried no more."""

    @property
    def at_once(self) -> int:
        """How many parcels it takes at the same time."""

    @property
    def closed_until(self) -> float:
        """Before this moment of the event loop's clock it takes nothing: all it has is away."""

    async def lanes(self, notices: Sequence[Notice]) -> list[str]:
        """The lane of each notice: what its destination shares with others that are slow, or
        away, together. It may hold personal data, and is neither stored nor logged."""

    async def held_back(self) -> set[str]:
        """Destinations to which nothing may be sent now; their notices wait, and are not looked
        at."""

    async def write(self, bundles: Sequence[Bundle]) -> list[Written]:
        """What is to be handed over for each bundle, by the state of this moment."""

    async def hand_over(self, parcel: Parcel) -> None:
        """Return when it was taken. Raises NotHandedOver."""

    def pause(self, attempts: int) -> float:
        """Seconds until a notice is tried again after so many attempts."""

    async def rest(self) -> None:
        """There is nothing to do: let go of what is held for nothing."""
