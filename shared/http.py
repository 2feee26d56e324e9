"""HTTP for every service: one transaction per request, idempotent POSTs.

A `CommandRoute` runs its whole endpoint inside the transaction: it is run again after a write
conflict, and its answer is stored under the Idempotency-Key in the same transaction, so the same
key gives the same answer for ever and does the work once.
"""

import hashlib
import re
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Request, Response
from fastapi.routing import APIRoute

from shared import crash
from shared.actor import Actor, Cause, new_correlation
from shared.auth import Forbidden, Tokens
from shared.errors import InvalidInput, NotFound, Refused
from shared.log import Folded, Records, State, held
from shared.mongo import DuplicateKeyError, Session, Store
from shared.uow import UnitOfWork

IDEMPOTENCY = "requests"
_KEY = re.compile(r"^[\x21-\x7e]{8,200}$")

S = TypeVar("S", bound=State)
Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]


class IdempotencyKeyMissing(Refused):
    """A POST needs an Idempotency-Key."""

    status = 400
    title = "An Idempotency-Key is needed"


class IdempotencyKeyReused(Refused):
    """The key was used for another request."""

    status = 422
    title = "The Idempotency-Key belongs to another request"


class CommandRoute(APIRoute):
    """A route whose endpoint changes state: inside one transaction, with an idempotency key."""

    def get_route_handler(self) -> Endpoint:
        endpoint = super().get_route_handler()

        async def handle(request: Request) -> Response:
            if request.method == "GET":
                return await endpoint(request)
            return await _in_transaction(request, endpoint)

        return handle


async def _in_transaction(request: Request, endpoint: Endpoint) -> Response:
    state = request.app.state
    store: Store = state.store
    tokens: Tokens = state.tokens
    records: Records = state.records
    actor, scopes = tokens.actor(request.headers.get("authorization"))
    request.state.scopes = scopes
    key = _idempotency_key(request, actor)
    fingerprint = await _fingerprint(request)
    correlation = request.headers.get("x-correlation-id", "")
    cause = Cause(correlation if _KEY.match(correlation) else new_correlation())
    moment = datetime.now(UTC)

    async def work(session: Session) -> tuple[Response, int]:
        if key and (before := await store[IDEMPOTENCY].find_one({"_id": key}, session=session)):
            return _again(before, fingerprint), 0
        uow = UnitOfWork(store, session, records, actor=actor, cause=cause, now=moment)
        request.state.uow = uow
        try:
            response = await endpoint(request)
        except Refused as error:  # whoever lost a race is told what it lost against
            if error.status == 409:
                error.facts.setdefault("current_version", uow.target_version)
            raise
        await uow.flush()
        if uow.answered is not None:
            response.headers["ETag"] = f'"{uow.answered}"'
        if key:
            answer = {
                "_id": key,
                "fingerprint": fingerprint,
                "status": response.status_code,
                "headers": {k: v for k, v in response.headers.items() if k in ("etag", "location")},
                "media_type": response.headers.get("content-type"),
                "body": bytes(response.body),
                "at": moment,
            }
            await store[IDEMPOTENCY].insert_one(answer, session=session)
        crash.point("before-commit")
        return response, uow.recorded

    for attempt in range(4):
        try:
            response, recorded = await store.transaction(work)
            break
        except DuplicateKeyError:  # the same key at the same moment: the other's answer is ours
            if attempt == 3:
                raise
    if recorded:
        crash.point("after-commit")
        for wake in state.after_commit:
            wake()
    return response


def _idempotency_key(request: Request, actor: Actor) -> str | None:
    given = request.headers.get("idempotency-key")
    if given is None:
        if request.method == "POST":
            raise IdempotencyKeyMissing(
                "send a new random Idempotency-Key with each POST, and the same one to repeat it",
                field="Idempotency-Key",
            )
        return None
    if not _KEY.match(given):
        raise InvalidInput(
            "Idempotency-Key",
            "the Idempotency-Key is not usable",
            given[:200],
            "8–200 printable ASCII characters",
        )
    return f"{actor.name} {given}"


async def _fingerprint(request: Request) -> str:
    body = await request.body()
    what = f"{request.method} {request.url.path} {request.headers.get('if-match', '')}\n"
    return hashlib.sha256(what.encode() + body).hexdigest()


def _again(before: dict[str, Any], fingerprint: str) -> Response:
    if before["fingerprint"] != fingerprint:
        raise IdempotencyKeyReused(
            "this Idempotency-Key was used for another request; take a new one",
            field="Idempotency-Key",
        )
    return Response(
        before["body"],
        before["status"],
        before["headers"] | {"Idempotency-Replayed": "true"},
        before["media_type"],
    )


def writes(scope: str) -> Any:
    """The dependency of a command's endpoint: its unit of work, if the token holds `scope`."""

    def unit_of_work(
        request: Request,
        idempotency_key: Annotated[
            str | None,
            Header(description="Required for POST: the same key gives the same answer."),
        ] = None,
        if_match: Annotated[
            str | None,
            Header(description="The ETag you saw; 409 if it is another by now."),
        ] = None,
    ) -> UnitOfWork:
        if scope not in request.state.scopes:
            raise Forbidden("the token's scope does not hold {allowed}", allowed=scope)
        uow: UnitOfWork = request.state.uow
        uow.if_match = _revision(if_match)
        return uow

    return Depends(unit_of_work)


def _revision(if_match: str | None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    found = re.fullmatch(r'(?:W/)?"(\d{1,15})"', if_match.strip())
    if not found:
        raise InvalidInput(
            "If-Match", "If-Match is not an ETag of ours", if_match[:100], '"<number>"'
        )
    return int(found.group(1))


class Reader:
    """Reads folded collections for GET; sets the ETag of what it read."""

    def __init__(self, request: Request, response: Response) -> None:
        self._store: Store = request.app.state.store
        self._response = response

    async def require(self, collection: Folded[S], key: str) -> S:
        """One document. Raises NotFound."""
        document = await self._store[collection.name].find_one({"_id": key})
        if document is None:
            raise NotFound(collection.state.what, key)
        found = held(collection, document)
        self._response.headers["ETag"] = f'"{found.revision}"'
        assert found.state is not None
        return found.state

    async def find(
        self,
        collection: Folded[S],
        query: dict[str, Any],
        after: str = "",
        limit: int = 100,
    ) -> list[S]:
        """Documents in the order of their ids, those after `after` only, at most `limit`."""
        paged = {"$and": [query, {"_id": {"$gt": after}}]} if after else query
        cursor = self._store[collection.name].find(paged).sort("_id", 1).limit(limit)
        states = [held(collection, d).state for d in await cursor.to_list(None)]
        return [s for s in states if s is not None]


Reads = Annotated[Reader, Depends(Reader)]
"""The dependency of a reading endpoint."""
