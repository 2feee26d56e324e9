"""A proposal that nobody answers, on a running system: reminded of, lapsed, and free for others."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.connected.acting import THREE, Acting, euros, until
from tests.system import running

SECOND = 1 / 86_400
SETTINGS = {
    "ALLIANCE_LAPSE_DAYS": f"{4 * SECOND:.9f}",
    "ALLIANCE_REMINDER_DAYS": f"{2 * SECOND:.9f}",
    "ALLIANCE_LAPSING_POLL_SECONDS": "0.2",
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def acting() -> AsyncIterator[Acting]:
    """A system in which proposals stand for four seconds; one authority and two partners."""
    with running(SETTINGS, services=THREE) as system:
        found = Acting(system)
        await found.open(partners=2)
        yield found
        await found.close()


async def test_proposal_nobody_answers_lapses_and_another_takes_its_place(acting: Acting) -> None:
    """Reminded of once, then lapsed in its time; the pair comes back only once it is amended."""
    need = await acting.post_need("irpin", euros(100))
    pledge = await acting.pledge("cascais", euros(100), need_id=need)
    (match,) = await acting.proposals(need)

    async def status() -> str:
        return str((await acting.got("matching", f"/matches/{match['id']}"))["status"])

    async def lapsed() -> bool:
        return await status() == "lapsed"

    ended: bool = await until(lapsed, 15, "whether the proposal has lapsed", every=0.2)
    assert ended
    await acting.at_rest()
    events = [e for e in acting.log("matching") if e.subject == match["id"]]
    told = [e.type.removeprefix("alliance.").removesuffix(".v1") for e in events]
    assert told == ["match-proposed", "match-lapses-soon", "match-lapsed"]
    assert events[1].time < match["lapses_at"] < events[2].time
    assert events[2].causation_id == events[1].id
    assert events[2].correlation_id == events[0].correlation_id

    other = await acting.pledge("cascais2", euros(100), need_id=need)
    (second,) = await acting.proposals(need)
    assert second["pledge_id"] == other, "the pair that lapsed is proposed again"
    await acting.done(
        "irpin", "matching", f"/matches/{second['id']}/declines", {"reason": "not that one"}
    )
    lines = {"lines": [euros(90)], "reason": "a new budget"}
    await acting.done("cascais", "matching", f"/pledges/{pledge}/amendments", lines)
    (third,) = await acting.proposals(need)
    assert third["pledge_id"] == pledge
