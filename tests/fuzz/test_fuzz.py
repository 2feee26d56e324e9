"""Schemathesis on each service's OpenAPI: no 5xx, and no answer that the document does not state.

Half of the requests are as the document asks for, half break it in one place; half are about
things that are there. 1,000 for each service; `make fuzz` sends 10,000, other ones each time.
"""

import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import pytest_asyncio
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from deploy.local.system import SERVICES
from tests.connected.acting import Json
from tests.e2e.stage import Stage
from tests.system import TestBuild, running
from tests.waiting import within

CASES = int(os.environ.get("ALLIANCE_FUZZ_CASES", "1000"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
LOG = 60
"""Lines of a service's log that are shown with a 5xx: the cause is there only."""
Operation = Any
ROLES = ("operator", "core", "member", "monitor")
ACTS_FOR = {
    "members": "auc",
    "projects": "borodianka",
    "matching": "cascais",
    "notify": "irpin",
}


@pytest.fixture(scope="module")
def system() -> Iterator[TestBuild]:
    """The whole system, whose limits do not stop a fuzzer."""
    many = "10000000"
    limits = {"ALLIANCE_COMMANDS_PER_MINUTE": many, "ALLIANCE_READS_PER_MINUTE": many}
    with running(limits) as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def staged(system: TestBuild) -> AsyncIterator[tuple[Stage, Json]]:
    """The alliance with something of each kind; their ids by the name of the path parameter."""
    stage = Stage(system)
    await stage.open_all()
    there = await stage.agreement() | await stage.pledge_made() | await stage.applicant()
    there |= await stage.webhook()
    yield stage, there
    await stage.close()


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("service", SERVICES)
def test_whatever_is_asked_the_answer_is_one_that_the_document_states(
    staged: tuple[Stage, Json], service: str
) -> None:
    """No 5xx; status, media type, headers and body as OpenAPI says."""
    stage, there = staged
    url = stage.system.url(service)
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    found: list[Any] = list(schema.get_all_operations())
    operations: list[Operation] = [each.ok() for each in found]
    with_body = [operation for operation in operations if operation.body]
    who = ACTS_FOR[service]
    token = stage.system.authorization(who, stage.ids[who], ROLES)
    seen: Counter[int] = Counter()

    for operation in operations:
        known = {p.name: there[p.name] for p in operation.path_parameters if p.name in there}

        def ask(case: Case[Any], real: bool, known: Json) -> None:
            if real and known and isinstance(case.path_parameters, dict):
                case.path_parameters |= known
            answer: Any = case.call(base_url=url, headers=token, timeout=within(30))
            seen[answer.status_code] += 1
            if answer.status_code >= 500:
                print(stage.system.process(service).log_tail(LOG))
            case.validate_response(answer, checks=CHECKS)

        share = -(-CASES // len(with_body)) if operation in with_body else CASES // 50
        _many(ask, operation, known, share)
    assert sum(seen.values()) >= CASES
    print(f"\n{service}: {sum(seen.values())} requests, by status {dict(sorted(seen.items()))}")


def _many(ask: Callable[..., None], operation: Operation, known: Json, number: int) -> None:
    """Ask `number` times, each time something else."""

    @settings(
        max_examples=number,
        deadline=None,
        database=None,
        derandomize="ALLIANCE_FUZZ_CASES" not in os.environ,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(_ways(operation)), real=st.booleans())
    def each(case: Case[Any], real: bool) -> None:
        ask(case, real, known)

    each()


def _ways(operation: Operation) -> list[st.SearchStrategy[Case[Any]]]:
    """As the document says; and against it, where there is something to break."""
    ways: list[st.SearchStrategy[Case[Any]]] = [operation.as_strategy(GenerationMode.POSITIVE)]
    with suppress(Exception):
        broken = operation.as_strategy(GenerationMode.NEGATIVE)
        broken.validate()
        ways.append(broken)
    return ways
