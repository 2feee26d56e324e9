"""The HTTP contract of each service: every error stated, every command in the table of roles."""

import importlib
import re
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from cli.services import known
from shared import dead_letters_api, progress
from shared.http import CommandRoute
from shared.openapi import describe
from shared.previewing import PreviewRoute
from shared.roles import ROLES, roles_for

SERVICES = ("members", "projects", "matching", "notify")


def router_of(service: str) -> APIRouter:
    """A service's routes: its own, and those that every service, or every consumer, has."""
    found = APIRouter()
    found.routes.extend(importlib.import_module(f"services.{service}.api").router.routes)
    found.routes.extend(progress.router.routes)
    if known(service).on.topics():
        found.routes.extend(dead_letters_api.router.routes)
    return found


def examples_of(service: str) -> dict[str, Any]:
    """A service's example bodies, by command."""
    found: dict[str, Any] = importlib.import_module(f"services.{service}.examples").EXAMPLES
    return found | (dead_letters_api.EXAMPLES if known(service).on.topics() else {})


def api_of(service: str) -> FastAPI:
    """A service's routes without the service: nothing is connected."""
    app, router = FastAPI(title=service), router_of(service)
    app.include_router(router)
    describe(app, [router], summary=service, examples=examples_of(service))
    return app


def commands_of(service: str) -> dict[str, APIRoute]:
    """The routes that change something, by the name of their command."""
    routes = [r for r in router_of(service).routes if isinstance(r, CommandRoute)]
    return {r.name: r for r in routes if r.methods != {"GET"}}


def test_every_command_stands_in_the_table_of_roles_and_no_other() -> None:
    """A command that no role may do is a defect, and so is a row without a command."""
    found = {name for service in SERVICES for name in commands_of(service)}
    assert [name for name in sorted(found) if not roles_for(name)] == []
    assert sorted(set().union(*ROLES.values()) - found) == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_command_with_a_body_has_an_example_and_no_example_is_left_over(service: str) -> None:
    """Whoever reads the document sees one request that works; tests/e2e runs them."""
    with_body = {name for name, route in commands_of(service).items() if route.body_field}
    assert with_body == set(examples_of(service))
    for operations in api_of(service).openapi()["paths"].values():
        for operation in operations.values():
            if body := operation.get("requestBody"):
                assert body["content"]["application/json"]["example"]


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_states_its_errors(service: str) -> None:
    """OpenAPI 3.1: each problem under its status, with its stable type as an example."""
    document = api_of(service).openapi()
    previews = {r.path for r in router_of(service).routes if isinstance(r, PreviewRoute)}
    assert document["openapi"].startswith("3.1")
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            stated = operation["responses"]
            expected = {"422", "429", "503"}
            if method != "get":
                expected |= {"400", "401", "403", "413"}
            if method != "get" and path not in previews:
                names = {p["name"]: p["required"] for p in operation["parameters"]}
                assert names["idempotency-key"] is (method == "post"), where
                if "if-match" in names:
                    expected |= {"404", "409", "428"}
                    assert names["if-match"], where
            if method == "get" and "{" in path:
                expected |= {"404"}
            assert expected <= set(stated), where
            for status, answer in stated.items():
                if int(status) >= 400:
                    _is_stated(int(status), answer, where)


def _is_stated(status: int, answer: dict[str, Any], where: str) -> None:
    content = answer["content"]["application/problem+json"]
    assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
    for kind, example in content["examples"].items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", kind), where
        assert example["value"]["type"] == f"urn:alliance:problem:{kind}"
        assert example["value"]["status"] == status
