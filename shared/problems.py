"""Every error leaves as RFC 9457 problem+json: what was wrong, what was given, what is allowed."""

import json
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pymongo.errors import ConnectionFailure
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import telemetry
from shared.errors import InvalidInput, Refused
from shared.mongo import StoreAway

BODY_LIMIT = 1_048_576
"""Most bytes of a request's body."""


class BodyTooLarge(Refused):
    """The body is longer than a command may be."""

    status = 413
    title = "Too large"


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
                raise BodyTooLarge(f"the body is longer than {BODY_LIMIT:,} bytes")
            return message

        await self._app(scope, limited, send)


def problem(status: int, kind: str, title: str, detail: str, **facts: Any) -> Response:
    """An RFC 9457 answer; `facts` without a value are left out."""
    body = {"type": f"urn:alliance:problem:{kind}", "title": title, "status": status}
    body |= {"detail": detail} | {k: v for k, v in facts.items() if v is not None}
    headers = {"Retry-After": "2"} if status == 503 else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    # ASCII with escapes: what was given may hold half a surrogate pair, which UTF-8 cannot
    return Response(json.dumps(body), status, headers, "application/problem+json")


def add_problem_handlers(app: FastAPI) -> None:
    """Every error leaves as a problem; what nobody foresaw says nothing of the inside."""
    app.add_middleware(BodyLimit)

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        facts = error.facts
        if isinstance(error, InvalidInput):  # in the same form as a body that does not validate
            told = {"pointer": facts["field"], "in": "body", "detail": error.detail}
            facts = facts | {"errors": [told | {"given": _short(facts["given"])}]}
        return problem(error.status, error.kind(), error.title, error.detail, **facts)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        errors = [
            {
                "pointer": _pointer(e["loc"][1:]) if e["type"] != "json_invalid" else "",
                "in": str(e["loc"][0]),
                "detail": e["msg"],
                "given": _short(e.get("input")),
            }
            for e in error.errors()
        ]
        first = errors[0]
        detail = f"{first['pointer'] or 'the body'}: {first['detail']}"
        return problem(422, "invalid-input", "Invalid input", detail, errors=errors)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        kind = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "http")
        answer = problem(error.status_code, kind, str(error.detail), str(error.detail))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(StoreAway)
    @app.exception_handler(ConnectionFailure)
    async def away(request: Request, error: Exception) -> Response:
        return problem(
            503,
            "store-away",
            "Try again soon",
            "the store does not answer; repeat the request with its Idempotency-Key",
        )

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> Response:
        telemetry.log.error("unforeseen: %r", error, exc_info=error)
        return problem(500, "unforeseen", "Something went wrong here", "it was logged")


def _short(given: Any) -> Any:
    """What was given, if it is short enough to be shown back; never a whole body."""
    if isinstance(given, str):
        return given[:200]
    return given if isinstance(given, int | bool) else None


def _pointer(parts: tuple[int | str, ...]) -> str:
    """RFC 6901: the whole body is the empty pointer."""
    return "".join("/" + str(p).replace("~", "~0").replace("/", "~1") for p in parts)
