"""Which event is handled by which function, and one event as it was delivered."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from shared.dead_letters import RawRecord, Subject
from shared.events.envelope import Envelope
from shared.events.registry import Event
from shared.uow import UnitOfWork

Handler = Callable[[Any, UnitOfWork], Awaitable[None]]


class Handlers:
    """Which event is handled by which function: `on = Handlers()`, then `@on(NeedPosted)`."""

    def __init__(self) -> None:
        self._handlers: dict[type[Event], Handler] = {}

    def __call__(self, *events: type[Event]) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            for event in events:
                if event in self._handlers:
                    raise TypeError(f"{event.type} has a handler already")
                self._handlers[event] = handler
            return handler

        return register

    def __contains__(self, event: type[Event]) -> bool:
        return event in self._handlers

    def __getitem__(self, event: type[Event]) -> Handler:
        return self._handlers[event]

    def events(self) -> list[type[Event]]:
        """The event classes that have a handler."""
        return list(self._handlers)

    def topics(self) -> list[str]:
        """The topics these events are on."""
        return sorted({f"{event.owner}.events" for event in self._handlers})


@dataclass(frozen=True, slots=True)
class Delivery:
    """One well-formed event that has a handler."""

    record: RawRecord
    envelope: Envelope
    event: Event

    @property
    def inbox_id(self) -> str:
        """The inbox's key of it."""
        return self.envelope.identity

    def inbox_document(self) -> dict[str, Any]:
        """What is kept of it for ever: that it was handled, and what its effects belong to."""
        return {
            "_id": self.inbox_id,
            "correlation_id": self.envelope.correlation_id,
            "traceparent": self.envelope.traceparent,
        }

    @property
    def subject(self) -> Subject:
        """What a dead letter parks."""
        return self.envelope.source, self.envelope.subject
