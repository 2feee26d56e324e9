"""A service for the test of the watchdog: `stuck.py PORT hangs`, its handler never ends."""

import asyncio
import sys

import uvicorn

from shared.handlers import Handlers
from shared.service import Service
from shared.serving import serve
from shared.settings import Settings
from shared.uow import UnitOfWork
from tests.bench.thing import READER, ThingHappened

on = Handlers()


@on(ThingHappened)
async def on_thing_happened(event: ThingHappened, uow: UnitOfWork) -> None:
    """Wait for what never comes, or fold it."""
    if sys.argv[2] == "hangs":
        await asyncio.Event().wait()
    await uow.learn(event)


if __name__ == "__main__":
    service = Service(Settings.load(), READER, on)
    app = serve(service, title="Stuck", summary="Stuck.", routers=[], examples={})
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=False)
