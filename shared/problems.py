"""Every error leaves as RFC 9457 problem+json: what was wrong, what was given, what is allowed.

Title and detail are in the language that `Accept-Language` asks for, Ukrainian or English; `type`
and the values beside them are the same in both.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pymongo.errors import ConnectionFailure, OperationFailure
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import telemetry
from shared.errors import InvalidInput, Refused
from shared.mongo import StoreAway, StoreBusy, is_away
from shared.translations import preferred, translate

M = TypeVar("M", bound=Mapping[str, Any])

TYPE = "urn:alliance:problem:"

BODY_LIMIT = 1_048_576
"""Most bytes of a request's body."""


class BodyTooLarge(Refused):
    """The body is longer than a command may be."""

    status = 413
    title = "Too large"


class BodyUnreadable(Refused):
    """The body cannot be read at all, for what it holds or for its encoding."""

    status = 400
    title = "The body cannot be read"

    def __init__(self) -> None:
        super().__init__("the body cannot be read as what its Content-Type says")


class StoreUnavailable(Refused):
    """The store does not answer, or others went on changing the same documents; the request can be
    repeated with its Idempotency-Key."""

    status = 503
    title = "Try again soon"

    def __init__(self, busy: bool = False) -> None:
        super().__init__(
            "others are changing the same at this moment; repeat the request with its "
            "Idempotency-Key"
            if busy
            else "the store does not answer; repeat the request with its Idempotency-Key"
        )

    def headers(self) -> dict[str, str]:
        return {"Retry-After": "2"}


class BodyLimit:
    """ASGI middleware: a body is read up to the limit, however its length was announced."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        read = 0

        async def limited() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > BODY_LIMIT:
                raise BodyTooLarge("the body is longer than {allowed:,} bytes", allowed=BODY_LIMIT)
            return message

        await self._app(scope, limited, send)


def problem(
    request: Request, status: int, kind: str, title: str, detail: str, **facts: Any
) -> Response:
    """An RFC 9457 answer; title and detail are translated, `facts` without a value left out."""
    language = _language(request)
    body = {"type": TYPE + kind, "title": translate(title, language), "status": status}
    body |= {"detail": translate(detail, language)}
    body |= {k: v for k, v in facts.items() if v is not None}
    headers = {"Content-Language": language, "Vary": "Accept-Language"}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    # ASCII with escapes: what was given may hold half a surrogate pair, which UTF-8 cannot
    return Response(json.dumps(body), status, headers, "application/problem+json")


def _language(request: Request) -> str:
    return preferred(request.headers.get("accept-language", ""))


def add_problem_handlers(app: FastAPI) -> None:
    """Every error leaves as a problem; what nobody foresaw says nothing of the inside."""
    app.add_middleware(BodyLimit)

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        detail, facts = error.detail(_language(request)), error.facts
        if isinstance(error, InvalidInput):  # in the same form as a body that does not validate
            found = {"pointer": facts["field"], "in": "body", "detail": detail}
            found["given"] = _short(facts["given"])
            facts = facts | {"errors": [found]}
        answer = problem(request, error.status, error.kind(), error.title, detail, **facts)
        answer.headers.update(error.headers())
        return answer

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        language = _language(request)
        errors = [
            {
                "pointer": _pointer(_path(e, error.body)),
                "in": str(e["loc"][0]),
                "detail": said(e, language),
                "given": _short(e.get("input")),
            }
            for e in causes(error.errors())
        ]
        first = errors[0]
        where = first["pointer"] or translate("the body", language)
        detail = f"{where}: {first['detail']}"
        return problem(request, 422, "invalid-input", "Invalid input", detail, errors=errors)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        if error.status_code == 400:  # what the framework says of a body that it cannot parse
            return await refused(request, BodyUnreadable())
        kind = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "http")
        words = str(error.detail)
        answer = problem(request, error.status_code, kind, words, words)
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(StoreAway)
    @app.exception_handler(ConnectionFailure)
    async def away(request: Request, error: Exception) -> Response:
        return await refused(request, StoreUnavailable(busy=isinstance(error, StoreBusy)))

    @app.exception_handler(OperationFailure)
    async def failed(request: Request, error: Exception) -> Response:
        return await (away if is_away(error) else unforeseen)(request, error)

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> Response:
        telemetry.log.error("unforeseen: %r", error, exc_info=error)
        return problem(request, 500, "unforeseen", "Something went wrong here", "it was logged")


def said(error: Mapping[str, Any], language: str) -> str:
    """What pydantic says, in a language: its own words where there is no translation."""
    template = translate(error["type"], language, "pydantic")
    if template == error["type"]:
        return str(error["msg"])
    return template.format(**error.get("ctx", {}))


def _short(given: Any) -> Any:
    """What was given, if it is short enough to be shown back; never a whole body."""
    if isinstance(given, str):
        return given[:200]
    return given if isinstance(given, int | bool) else None


def causes(errors: Sequence[M]) -> list[M]:
    """Without those that only follow from others: a list is too short since its item is wrong."""
    return [
        e
        for e in errors
        if e["type"] != "too_short"
        or not any(o["loc"][: len(e["loc"])] == e["loc"] for o in errors if o is not e)
    ]


def _path(error: dict[str, Any], body: Any) -> tuple[int | str, ...]:
    """Where in what was given an error is: without the names of alternatives that pydantic adds."""
    place, *parts = error["loc"]
    if place != "body":
        return tuple(parts)
    if error["type"] == "json_invalid":
        return ()
    found: list[int | str] = []
    for index, part in enumerate(parts):
        absent = error["type"] == "missing" and index == len(parts) - 1
        if _holds(body, part):
            body = body[part]
        elif not absent:
            continue
        found.append(part)
    return tuple(found)


def _holds(body: Any, part: int | str) -> bool:
    if isinstance(body, dict):
        return part in body
    return isinstance(body, list) and isinstance(part, int) and part < len(body)


def _pointer(parts: tuple[int | str, ...]) -> str:
    """RFC 6901: the whole body is the empty pointer."""
    return "".join("/" + str(p).replace("~", "~0").replace("/", "~1") for p in parts)
