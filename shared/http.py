"""HTTP commands for every service: one transaction per request, idempotent POSTs.

A `CommandRoute` runs its whole endpoint inside the transaction: it is run again after a write
conflict, and its answer is stored under the Idempotency-Key in the same transaction, so the same
key gives the same answer for ever and does the work once. What is read is in reading.py.
"""

import hashlib
import re
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response
from fastapi.routing import APIRoute

from shared import crash
from shared.actor import Actor, Cause, new_correlation
from shared.auth import Tokens
from shared.errors import InvalidInput, Refused
from shared.limiting import Limits
from shared.log import Records
from shared.mongo import DuplicateKeyError, Session, Store
from shared.roles import roles_for
from shared.uow import IfMatch, UnitOfWork

IDEMPOTENCY = "requests"
DRY_RUN = "dry-run"
_KEY = re.compile(r"^[\x21-\x7e]{8,200}$")
_ETAG = re.compile(r'(?:W/)?"(\d{1,15})"')
_ETAGS = re.compile(rf"{_ETAG.pattern}(\s*,\s*{_ETAG.pattern})*")

Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]


class IdempotencyKeyMissing(Refused):
    """A POST needs an Idempotency-Key."""

    status = 400
    title = "An Idempotency-Key is needed"


class IdempotencyKeyReused(Refused):
    """The key was used for another request."""

    status = 422
    title = "The Idempotency-Key belongs to another request"


class Forbidden(Refused):
    """The token is valid, and none of its roles may do this."""

    status = 403
    title = "Your roles do not allow this"


class CommandRoute(APIRoute):
    """A route whose endpoint changes state: inside one transaction, with an idempotency key.

    Who may use it stands in roles.py under the endpoint's name.
    """

    def get_route_handler(self) -> Endpoint:
        endpoint = super().get_route_handler()

        async def handle(request: Request) -> Response:
            if request.method == "GET":
                limits: Limits = request.app.state.limits
                limits.read(request.client.host if request.client else "")
                return await endpoint(request)
            return await _in_transaction(request, endpoint, self.name)

        return handle


async def _in_transaction(request: Request, endpoint: Endpoint, command: str) -> Response:
    state = request.app.state
    store: Store = state.store
    tokens: Tokens = state.tokens
    records: Records = state.records
    limits: Limits = state.limits
    actor = await tokens.actor(request.headers.get("authorization"))
    limits.command(actor.name)
    must_be_allowed(actor, command)
    dry_run = _dry_run(request)
    key = None if dry_run else _idempotency_key(request, actor)
    fingerprint = await _fingerprint(request)
    correlation = request.headers.get("x-correlation-id", "")
    cause = Cause(correlation if _KEY.match(correlation) else new_correlation())
    moment = datetime.now(UTC)

    async def work(session: Session) -> tuple[Response, int]:
        if key and (before := await store[IDEMPOTENCY].find_one({"_id": key}, session=session)):
            return _again(before, fingerprint), 0
        uow = UnitOfWork(store, session, records, actor=actor, cause=cause, now=moment)
        uow.if_match = _revisions(request.headers.get("if-match"))
        request.state.uow = uow
        try:
            response = await endpoint(request)
        except Refused as error:  # whoever lost a race is told what it lost against
            if error.status == 409:
                error.facts.setdefault("current_version", uow.target_version)
            raise
        await uow.flush()
        kept = bytes(response.body) if uow.answer_again is None else uow.answer_again
        if dry_run:
            raise _WouldAnswer(response, kept)
        if uow.answered is not None:
            response.headers["ETag"] = f'"{uow.answered}"'
        if key:
            answer = {
                "_id": key,
                "fingerprint": fingerprint,
                "status": response.status_code,
                "headers": {k: v for k, v in response.headers.items() if k in ("etag", "location")},
                "media_type": response.headers.get("content-type"),
                "body": kept,
                "at": moment,
            }
            await store[IDEMPOTENCY].insert_one(answer, session=session)
        crash.point("before-commit")
        return response, uow.recorded

    for attempt in range(4):
        try:
            response, recorded = await store.transaction(work)
            break
        except _WouldAnswer as would:
            return would.response
        except DuplicateKeyError:  # the same key at the same moment: the other's answer is ours
            if attempt == 3:
                raise
    if recorded:
        crash.point("after-commit")
        for wake in state.after_commit:
            wake()
    return response


class _WouldAnswer(Exception):
    """Ends the transaction of a dry run with nothing written."""

    def __init__(self, response: Response, body: bytes) -> None:
        super().__init__()
        self.response = response
        response.status_code = 200
        response.body = body
        response.headers["Content-Length"] = str(len(body))
        response.headers[DRY_RUN] = "true"
        del response.headers["location"]


def _dry_run(request: Request) -> bool:
    given = request.headers.get(DRY_RUN, "false")
    if given not in ("true", "false"):
        raise InvalidInput(
            "Dry-Run", "this is neither true nor false", given[:100], ["true", "false"]
        )
    return given == "true"


def must_be_allowed(actor: Actor, command: str) -> None:
    """Whether one of an actor's roles may do a command. Raises Forbidden."""
    allowed = roles_for(command)
    if actor.roles.isdisjoint(allowed):
        raise Forbidden(
            "{command} is for {allowed}; the token has {given}",
            command=command,
            allowed=allowed,
            given=sorted(actor.roles),
        )


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


IdempotencyKey = Annotated[
    str | None, Header(description="Required for POST: the same key gives the same answer.")
]
DryRun = Annotated[
    str | None,
    Header(description="`true`: answer 200 with what would come of it, and record nothing."),
]
IfMatchHeader = Annotated[
    str | None,
    Header(description="The ETag you saw: 409 if it is another by now; `*` for whatever it is."),
]


def _acting(
    request: Request, idempotency_key: IdempotencyKey = None, dry_run: DryRun = None
) -> UnitOfWork:
    uow: UnitOfWork = request.state.uow
    return uow


def _changing(
    uow: Annotated[UnitOfWork, Depends(_acting)], if_match: IfMatchHeader = None
) -> UnitOfWork:
    return uow


Act = Annotated[UnitOfWork, Depends(_acting)]
"""The dependency of a command's endpoint: its unit of work."""

Change = Annotated[UnitOfWork, Depends(_changing)]
"""The same, of a command about a thing that exists: with If-Match, checked by `uow.target`."""


async def _caller(request: Request) -> Actor:
    tokens: Tokens = request.app.state.tokens
    return await tokens.actor(request.headers.get("authorization"))


Caller = Annotated[Actor, Depends(_caller)]
"""The dependency of an endpoint that reads what not everybody may: who asks."""


def _revisions(if_match: str | None) -> IfMatch:
    if if_match is None:
        return None
    if if_match.strip() == "*":
        return "*"
    if not _ETAGS.fullmatch(if_match.strip()):
        raise InvalidInput(
            "If-Match", "If-Match is not an ETag of ours", if_match[:100], '"<number>"'
        )
    return frozenset(int(number) for number in _ETAG.findall(if_match))
