"""The events: what the services tell each other and the public. Every class here is a contract."""

from shared.events import credentials, matches, members, notify, pledges, projects, rounds
from shared.events.envelope import Envelope, NotAnEvent, read_record, rfc3339
from shared.events.registry import Event, Fact, UnknownEvent, event_classes, read_event

__all__ = [
    "Envelope",
    "Event",
    "Fact",
    "NotAnEvent",
    "UnknownEvent",
    "credentials",
    "event_classes",
    "matches",
    "members",
    "notify",
    "pledges",
    "projects",
    "read_event",
    "read_record",
    "rfc3339",
    "rounds",
]
