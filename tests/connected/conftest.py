"""A clean system for each file here, with the alliance's members ready to act."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.connected.acting import THREE, Acting
from tests.system import TestBuild, running


@pytest.fixture(scope="module")
def system() -> Iterator[TestBuild]:
    """Kafka, a store and the three services that hold the state, for one file."""
    with running(services=THREE) as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def acting(system: TestBuild) -> AsyncIterator[Acting]:
    """Acts on it; two authorities (`irpin`, `irpin2`) and two partners (`cascais`, `cascais2`)."""
    found = Acting(system)
    await found.open(authorities=2, partners=2)
    yield found
    await found.close()
