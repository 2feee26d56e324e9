"""Found under load: a pledge that is large enough for two needs in the same matching round."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.connected.acting import THREE, Acting, euros, until
from tests.system import running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def acting() -> AsyncIterator[Acting]:
    """A system with one authority and one partner."""
    with running(services=THREE) as system:
        found = Acting(system)
        await found.open()
        yield found
        await found.close()


async def test_one_pledge_serves_two_needs_in_one_round(acting: Acting) -> None:
    """Two needs of EUR 50 wait when EUR 100 are pledged: both get a proposal."""
    needs = [await acting.post_need("irpin", euros(50)) for _ in range(2)]
    await acting.at_rest()
    pledge = await acting.pledge("cascais", euros(100))

    async def both() -> bool:
        matches = await acting.got("matching", f"/matches?pledge_id={pledge}&status=proposed")
        return {m["need_id"] for m in matches} == set(needs)

    served: bool = await until(both, 10, "whether both needs are served", every=0.2)
    assert served
