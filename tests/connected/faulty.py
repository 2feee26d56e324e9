"""A service for the tests of dead letters: `faulty.py PORT FAULT`.

While the file FAULT is there, its handler fails on things whose `pad` begins with `poison`.
`ALLIANCE_CRASH_AT` is obeyed as in other test builds.
"""

import os
import sys

import uvicorn

from shared import crash
from shared.handlers import Handlers
from shared.log import Folded, Records
from shared.service import Service
from shared.serving import serve
from shared.settings import Settings
from shared.uow import UnitOfWork
from tests.bench.thing import Thing, ThingHappened

PORT, FAULT = int(sys.argv[1]), sys.argv[2]


class Tale(Thing):
    """All that happened to one thing, in the order it was handled."""

    pad: str = ""
    told: tuple[str, ...] = ()


def evolve(tale: Tale | None, event: object) -> Tale:
    """The tale with one event more."""
    assert isinstance(event, ThingHappened)
    told = tale.told if tale else ()
    return Tale(id=event.need_id, told=(*told, event.pad))


RECORDS = Records("matching", Folded("tales", Tale, evolve, {ThingHappened: "need_id"}))
on = Handlers()


class Poisoned(Exception):
    """This handler has a defect."""


@on(ThingHappened)
async def on_thing_happened(event: ThingHappened, uow: UnitOfWork) -> None:
    """Fold it, where the defect does not show."""
    if event.pad.startswith("poison") and os.access(FAULT, os.F_OK):
        raise Poisoned(event.pad)
    await uow.learn(event)


if __name__ == "__main__":
    if spec := os.environ.pop(crash.VARIABLE, ""):
        crash.arm(spec)
    service = Service(Settings.load(), RECORDS, on)
    app = serve(service, title="Faulty", summary="Faulty.", routers=[], examples={})
    uvicorn.run(app, host="127.0.0.1", port=PORT, access_log=False, log_config=None)
