"""OpenAPI 3.1 that states every error: which problems each operation answers, by status.

What every command may answer (a missing token, a reused key) is added to what its endpoint
`refuses`, so that a route names only what its own rules say.
"""

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, TypeVar

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, ConfigDict, Field

from shared.auth import KeysUnavailable, Unauthorized
from shared.errors import (
    EventTooLarge,
    InvalidInput,
    NotFound,
    NotYours,
    PreconditionRequired,
    Refused,
    VersionConflict,
)
from shared.http import CommandRoute, Forbidden, IdempotencyKeyMissing, IdempotencyKeyReused
from shared.limiting import TooManyRequests
from shared.previewing import PreviewRoute
from shared.problems import TYPE, BodyTooLarge, BodyUnreadable, StoreUnavailable

F = TypeVar("F", bound=Callable[..., Any])
Operation = dict[str, Any]
Examples = Mapping[str, dict[str, Any]]
"""Bodies by the name of the command."""

EVERY_READ: tuple[type[Refused], ...] = (InvalidInput, TooManyRequests, StoreUnavailable)
EVERY_PREVIEW: tuple[type[Refused], ...] = (
    Unauthorized,
    KeysUnavailable,
    Forbidden,
    BodyUnreadable,
    BodyTooLarge,
    *EVERY_READ,
)
EVERY_COMMAND: tuple[type[Refused], ...] = (
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    EventTooLarge,
    *EVERY_PREVIEW,
)
OF_ONE_THING: tuple[type[Refused], ...] = (
    NotFound,
    NotYours,
    PreconditionRequired,
    VersionConflict,
)


HEADERS: dict[str, dict[str, Any]] = {
    "idempotency-key": {"pattern": r"^[\x21-\x7e]{8,200}$"},
    "if-match": {"pattern": r'^(\*|(W/)?"[0-9]{1,15}"(, (W/)?"[0-9]{1,15}"){0,9})$'},
    "dry-run": {"enum": ["true", "false"]},
}
"""What the headers of a command may hold."""


class FieldProblem(BaseModel):
    """One field that is wrong: RFC 6901 pointer, where it was, why, what was given."""

    model_config = ConfigDict(extra="forbid")

    pointer: str
    where: str = Field(alias="in", examples=["body"])
    detail: str
    given: str | int | bool | None = None


class Problem(BaseModel):
    """RFC 9457 problem details; further members are the values that explain it."""

    model_config = ConfigDict(extra="allow", title="Problem")

    type: str = Field(examples=[f"{TYPE}invalid-input"], description="Stable; tells kinds apart.")
    title: str
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="In the language that Accept-Language asks for.")
    errors: list[FieldProblem] | None = None


def refuses(*errors: type[Refused]) -> Callable[[F], F]:
    """Say what an endpoint's own rules may answer instead of doing its work."""

    def mark(endpoint: F) -> F:
        endpoint.__refuses__ = errors  # type: ignore[attr-defined]
        return endpoint

    return mark


def describe(
    app: FastAPI, routers: Iterable[APIRouter], *, summary: str, examples: Examples
) -> None:
    """Make the application's OpenAPI document state its errors, headers, security and examples."""
    routes = [r for router in routers for r in router.routes if isinstance(r, CommandRoute)]

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, routes, summary, examples)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(
    app: FastAPI, routes: list[CommandRoute], summary: str, examples: Examples
) -> dict[str, Any]:
    found = get_openapi(title=app.title, version=app.version, summary=summary, routes=app.routes)
    for route in routes:
        for method in route.methods or ():
            operation = found["paths"][route.path_format][method.lower()]
            _complete(operation, route, method)
            if example := examples.get(route.name):
                operation["requestBody"]["content"]["application/json"]["example"] = example
    components = found.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs") | {"Problem": problem}
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    }
    return found


def _complete(operation: Operation, route: CommandRoute, method: str) -> None:
    responses = operation["responses"]
    errors = list(getattr(route.endpoint, "__refuses__", ()))
    if method == "GET":
        errors += [*([NotFound] if "{" in route.path else []), *EVERY_READ]
        if Unauthorized in errors:
            errors.append(KeysUnavailable)
            operation["security"] = [{"bearer": []}]
    elif isinstance(route, PreviewRoute):
        errors += EVERY_PREVIEW
        operation["security"] = [{"bearer": []}]
    else:
        parameters = {p["name"]: p for p in operation["parameters"]}
        changes = "if-match" in parameters
        errors += [*(OF_ONE_THING if changes else ()), *EVERY_COMMAND]
        operation["security"] = [{"bearer": []}]
        parameters["idempotency-key"]["required"] = method == "POST"
        for name, schema in HEADERS.items():
            if name in parameters:
                parameters[name]["schema"] = {"type": "string"} | schema
        if changes:
            parameters["if-match"]["required"] = True
        _done(responses, route, changes)
    responses.pop("422", None)
    for status, kinds in _by_status(errors).items():
        responses[str(status)] = _response(status, kinds)


def _done(responses: dict[str, Any], route: CommandRoute, changes: bool) -> None:
    """The answer of a command that did its work, and of one that only tried."""
    done = responses[str(route.status_code)]
    text = {"schema": {"type": "string"}}
    done["headers"] = {"ETag": text} if changes else {"ETag": text, "Location": text}
    responses["200"] = {
        "description": "What a dry run would have answered; nothing was recorded.",
        "content": done.get("content", {}),
    }


def _by_status(errors: Iterable[type[Refused]]) -> dict[int, list[type[Refused]]]:
    found: dict[int, list[type[Refused]]] = {}
    for error in dict.fromkeys(errors):
        found.setdefault(error.status, []).append(error)
    return dict(sorted(found.items()))


def _response(status: int, errors: list[type[Refused]]) -> dict[str, Any]:
    kinds = {
        error.kind(): {
            "summary": (error.__doc__ or error.title).splitlines()[0],
            "value": {
                "type": TYPE + error.kind(),
                "title": error.title,
                "status": status,
                "detail": error.title,
            },
        }
        for error in errors
    }
    schema = {"$ref": "#/components/schemas/Problem"}
    answer: dict[str, Any] = {
        "description": HTTPStatus(status).phrase + ": " + ", ".join(kinds),
        "content": {"application/problem+json": {"schema": schema, "examples": kinds}},
    }
    if status in (429, 503):
        answer["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    return answer
