"""The one event and document that the benchmarks write: about 300 bytes, as the floor's."""

from typing import Any

from shared.events.envelope import Envelope
from shared.events.ids import NeedId, event_id_after
from shared.events.registry import Event
from shared.handlers import Handlers
from shared.log import Folded, Records, State, entry
from shared.uow import UnitOfWork

PAD = "x" * 250


class ThingHappened(
    Event, type="bench-thing-happened", version=1, owner="projects", subject="need_id", public=False
):
    """Something of 300 bytes happened. Subject: its id."""

    need_id: NeedId
    pad: str


class Thing(State):
    """What it happened to."""

    id: NeedId
    pad: str


def evolve(thing: Thing | None, event: object) -> Thing:
    """The thing after its one event."""
    assert isinstance(event, ThingHappened)
    return Thing(id=event.need_id, pad=event.pad)


things = Folded("needs", Thing, evolve, {ThingHappened: "need_id"}, begins=(ThingHappened,))
WRITER = Records("projects", things)
READER = Records("matching", things)
ON = Handlers()


@ON(ThingHappened)
async def on_thing_happened(event: ThingHappened, uow: UnitOfWork) -> None:
    """Fold it."""
    await uow.learn(event)


def log_documents(number: int) -> list[dict[str, Any]]:
    """Pending log documents of `number` things, in the order of their ids."""
    found, last = [], None
    for _ in range(number):
        last = event_id_after(last)
        event = ThingHappened(need_id=NeedId.new(), pad=PAD)
        found.append(
            entry(
                Envelope(
                    id=last,
                    source="/projects",
                    type=event.ce_type(),
                    subject=event.subject,
                    subject_version=1,
                    time="2026-01-01T00:00:00.000000Z",
                    actor="member:bench",
                    correlation_id=str(NeedId.new()),
                    data=event.data(),
                )
            )
        )
    return found
