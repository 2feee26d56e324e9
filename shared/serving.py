"""A service over HTTP: its routes and their document, health, what it measures, start and stop.

HTTP answers at once and health says what is missing; everything else waits for the store and the
broker. At the end there are no new requests before the service itself stops.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse

from shared import dead_letters_api, measuring, telemetry
from shared.auth import Tokens
from shared.consume import EXIT_STUCK
from shared.letters import Letters
from shared.limiting import Limits
from shared.log import LOG
from shared.openapi import Examples, describe
from shared.problems import add_problem_handlers
from shared.progress import router as progress_router
from shared.service import Service

log = logging.getLogger("alliance.service")


def serve(
    service: Service,
    *,
    title: str,
    summary: str,
    routers: Sequence[APIRouter],
    examples: Examples,
    measures: Sequence[measuring.Measure] = (),
    at_end: Sequence[Callable[[], None]] = (),
) -> FastAPI:
    """The application that runs a service and answers for it. `measures` are what is measured
    beside what all services measure; `at_end` is called when it stops."""
    settings = service.settings

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        running = [asyncio.create_task(service.run(), name=f"{service.name} run")]
        running[0].add_done_callback(_ends_the_process)
        if settings.otlp_endpoint:  # nobody is told otherwise; it waits for nothing else to start
            running.append(asyncio.create_task(measuring.run(service, measures), name="measuring"))
        try:
            yield
        finally:
            await service.stop(running)
            for end in at_end:
                end()
            telemetry.stop()

    app = FastAPI(title=title, version="1", lifespan=lifespan, openapi_url="/openapi.json")
    app.state.settings = settings
    app.state.store = service.store
    app.state.records = service.records
    app.state.replaying = service.replaying
    app.state.tokens = Tokens(
        settings.jwks,
        settings.issuer,
        settings.audience,
        algorithms=settings.token_algorithms,
        roles_claim=settings.roles_claim,
        member_claim=settings.member_claim,
    )
    app.state.progress = service.progress
    app.state.after_commit = [service.wake]
    app.state.limits = Limits(settings.commands_per_minute, settings.reads_per_minute)
    add_problem_handlers(app)
    routers = [*routers, progress_router]
    if service.replaying is not None:
        routers = [*routers, dead_letters_api.router]
        examples = {**examples, **dead_letters_api.EXAMPLES}
    describe(app, routers, summary=summary, examples=examples)
    for router in routers:
        app.include_router(router)
    app.include_router(_health(service))
    telemetry.instrument(app)
    return app


def _ends_the_process(running: "asyncio.Task[None]") -> None:
    """What runs beside HTTP never ends by itself; if it does, a restart is the cure."""
    if not running.cancelled() and (error := running.exception()):
        log.critical("the service broke: exit, to be restarted", exc_info=error)
        os._exit(EXIT_STUCK)


def _health(service: Service) -> APIRouter:
    router = APIRouter(prefix="/health", tags=["health"])

    @router.get("/live")
    async def live() -> dict[str, str]:
        """The process runs and its event loop turns."""
        return {"status": "live"}

    @router.get("/ready")
    async def ready() -> JSONResponse:
        """Whether it can do its work now, each part named; 503 where one can't."""
        parts = await service.readiness()
        good = all(state == "ok" for state in parts.values())
        return JSONResponse({"ready": good, **parts}, 200 if good else 503)

    @router.get("/progress")
    async def progress() -> dict[str, Any]:
        """Relay backlog, lag by partition, what the inbox did, the dead letters that wait and the
        subjects that are parked, how each worker stands, and which are at work now."""
        waiting, parked = await Letters(service.store).waiting()
        workers = (service.relay.worker, *service.workers)
        return {
            "service": service.name,
            "recorded": await service.store[LOG].estimated_document_count(),
            "backlog": await service.relay.backlog(),
            "lag": await service.consumer.lag() if service.consumer else {},
            "inbox": dict(service.inbox.outcomes) if service.inbox else {},
            "dead_letters": {"waiting": waiting, "parked": parked},
            "workers": {worker.name: worker.condition.state for worker in workers},
            "at_work": [worker.name for worker in workers if worker.at_work],
        }

    return router
