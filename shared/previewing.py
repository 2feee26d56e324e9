"""Commands that only ask what would come of something: judged like any other, changing nothing.

A `PreviewRoute` is asked with POST since it has a body, and counts as a command: the same token,
roles and limits. It is in no transaction and has no Idempotency-Key, since there is nothing to be
done twice; what it rests on it reads in a `Snapshot`.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute

from shared.actor import Actor, Cause, new_correlation
from shared.auth import Tokens
from shared.http import CommandRoute, Endpoint, must_be_allowed
from shared.limiting import Limits
from shared.log import Records
from shared.mongo import Session, Store
from shared.uow import UnitOfWork

T = TypeVar("T")


class PreviewRoute(CommandRoute):
    """A route that answers what would come of something; who may ask stands in roles.py."""

    def get_route_handler(self) -> Endpoint:
        endpoint = APIRoute.get_route_handler(self)

        async def handle(request: Request) -> Response:
            tokens: Tokens = request.app.state.tokens
            limits: Limits = request.app.state.limits
            actor = await tokens.actor(request.headers.get("authorization"))
            limits.command(actor.name)
            must_be_allowed(actor, self.name)
            request.state.actor = actor
            return await endpoint(request)

        return handle


class Snapshot:
    """Reads as a command would, as of one moment, and records nothing."""

    def __init__(self, request: Request) -> None:
        self._store: Store = request.app.state.store
        self._records: Records = request.app.state.records
        self._actor: Actor = request.state.actor

    async def ask(self, work: Callable[[UnitOfWork], Awaitable[T]]) -> T:
        """What a command's reading and judging comes to, as the actor's."""
        moment = datetime.now(UTC)

        async def run(session: Session) -> T:
            uow = UnitOfWork(
                self._store,
                session,
                self._records,
                actor=self._actor,
                cause=Cause(new_correlation()),
                now=moment,
            )
            found = await work(uow)
            if uow.recorded:
                raise RuntimeError("a preview recorded something; it is undone")
            return found

        return await self._store.transaction(run)


Snapshots = Annotated[Snapshot, Depends(Snapshot)]
"""The dependency of a preview's endpoint."""
