"""Forty members ask, pledge and change their minds while rounds match them: the books are right."""

import os
import sys
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from cli.asked import Asked
from cli.laws import Books, kept
from cli.rebuild import rebuild
from cli.redecide import again
from cli.services import known
from cli.topics import lag, partitions, read_all
from tests.connected.acting import THREE, Acting
from tests.connected.market import Market
from tests.system import TestBuild, running

pytestmark = pytest.mark.timeout(900)

SEED = 20220630
SECONDS, ROUNDS = (60.0, 5) if os.environ.get("CI") == "true" else (15.0, 3)
"""How long the members act, longer where a slow machine had no more than so many rounds then."""

SETTINGS = {
    "ALLIANCE_ROUND_DEBOUNCE_SECONDS": "0.15",
    "ALLIANCE_STORE_PATIENCE_SECONDS": "5",
}
"""Rounds wait a moment for more, and nobody gives up early, as in service."""


@pytest.fixture(scope="module")
def system() -> Iterator[TestBuild]:
    """One of its own, whose members the market brings."""
    with running(SETTINGS, services=THREE) as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def acting(system: TestBuild) -> AsyncIterator[Acting]:
    """Acts on it; who joins is the market's."""
    found = Acting(system)
    yield found
    await found.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def market(acting: Acting) -> Market:
    """All has happened, and the system is at rest."""
    found = Market(acting, SEED, SECONDS, ROUNDS + 1)
    await found.open()
    await found.go_on()
    await acting.at_rest(240)
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def books(market: Market, acting: Acting) -> Books:
    """The books of what matching recorded, beside what projects says of the needs."""
    of_projects = await partitions(acting.system.addresses.kafka, "projects")
    matching = acting.log("matching")
    return kept(matching, Asked(acting.log("projects"), matching, of_projects))


async def test_every_answer_is_a_yes_or_a_refusal_that_is_right(market: Market) -> None:
    """Nothing fails; who is refused asked for what others had changed since it looked."""
    told = ", ".join(f"{n}: {count}" for n, count in sorted(market.answers.counted.items()))
    print(f"\nseed {SEED}, {market.answers.counted.total()} answers: {told}", file=sys.stderr)
    assert market.answers.wrong == []


async def test_the_books_are_right_at_every_event(books: Books) -> None:
    """Pledged, covered, one live match of two lines, no life after an end, rounds before what
    they propose: laws.py has them all."""
    assert books.faults == []


async def test_much_of_what_can_happen_did(books: Books) -> None:
    """Rounds took place, and matches ended in each way: the laws had something to judge."""
    ends, proposals = books.ends(), len(books.matches)
    by_hand = sum(m.proposal.round_id is None for m in books.matches.values())
    print(
        f"\n{len(books.rounds)} rounds, {len(books.pledges)} pledges, {proposals} proposals "
        f"({by_hand} by hand): {dict(ends)}; released: {dict(books.released_for)}",
        file=sys.stderr,
    )
    assert len(books.rounds) > ROUNDS
    assert by_hand > 0
    assert {"proposed", "agreed", "delivered", "declined", "released"} <= ends.keys()
    assert {"need-amended", "pledge-amended", "member-suspended"} & books.released_for.keys()


async def test_each_round_is_decided_again_from_the_logs(books: Books, acting: Acting) -> None:
    """Who folds what a round had seen gets its problem and its solution, byte for byte."""
    logs = {owner: acting.log(owner) for owner in THREE}
    topics = {owner: await partitions(acting.system.addresses.kafka, owner) for owner in THREE}
    for round_id in books.rounds:
        found = await again(logs, topics, round_id)
        assert found.equal, f"{round_id}: {found.verdict}"


@pytest.mark.usefixtures("market")
@pytest.mark.parametrize("service", THREE)
async def test_the_logs_alone_give_the_same_state(service: str, acting: Acting) -> None:
    """What each service holds is what its logs fold to, document by document."""
    at = acting.system.addresses
    found = await rebuild(service, at.kafka, at.mongodb)
    assert found.different == []
    assert found.equal


@pytest.mark.usefixtures("market")
async def test_nothing_is_left_over(acting: Acting) -> None:
    """No dead letters, and every record is committed."""
    at = acting.system.addresses
    for service in THREE:
        assert await read_all(at.kafka, f"{service}.dead-letters") == []
    behind = await lag(at.kafka, {s: known(s).on.topics() for s in THREE})
    assert not [where for group in behind.values() for where, left in group.items() if left]
