"""Two clients act on the same things at once, 200 times: one account, and nobody is misled."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field

import httpx
import pytest
import pytest_asyncio

from cli.asked import Asked
from cli.laws import Books, kept
from cli.topics import partitions
from tests.connected.acting import THREE, Acting, Json, euros
from tests.system import TestBuild, running

ROUNDS = 200
LANES = 10
"""So many rounds run side by side, each with its own need and pledge."""

Answer = httpx.Response
Act = Callable[[], Awaitable[Answer]]
WHY = {"reason": "it turned out otherwise"}


@dataclass
class Round:
    """One need of EUR 100, a pledge of EUR 100 for it, and the match proposed between them."""

    acting: Acting
    authority: str
    partner: str
    need: str
    pledge: str
    match: str
    answers: list[Answer] = field(default_factory=list)

    async def accept(self, who: str) -> Answer:
        """One side says yes."""
        return await self.acting.ask(who, "matching", f"/matches/{self.match}/acceptances")

    async def decline(self, who: str) -> Answer:
        """One side says no."""
        return await self.acting.ask(who, "matching", f"/matches/{self.match}/declines", WHY)

    async def withdraw_pledge(self) -> Answer:
        """The partner takes back what is not agreed."""
        path = f"/pledges/{self.pledge}/withdrawal"
        return await self.acting.ask(self.partner, "matching", path, WHY)

    async def amend_pledge(self, amount: int) -> Answer:
        """The partner offers another amount."""
        path = f"/pledges/{self.pledge}/amendments"
        body = WHY | {"lines": [euros(amount)]}
        return await self.acting.ask(self.partner, "matching", path, body)

    async def withdraw_need(self) -> Answer:
        """The authority asks no more."""
        path = f"/needs/{self.need}/withdrawal"
        return await self.acting.ask(self.authority, "projects", path, WHY)

    async def deliver(self, amount: int) -> Answer:
        """Part of it has arrived, says the authority."""
        path = f"/matches/{self.match}/deliveries"
        body = {"date": "2023-08-31", "scope": "a part", "amount": euros(amount)["amount"]}
        return await self.acting.ask(self.authority, "matching", path, body)

    async def amend_need(self, amount: int, if_match: str = "*") -> Answer:
        """The authority asks for another amount."""
        path = f"/needs/{self.need}/amendments"
        body = WHY | {"lines": [euros(amount)]}
        return await self.acting.ask(self.authority, "projects", path, body, If_Match=if_match)


Kind = Callable[[Round], Awaitable[tuple[Act, Act]]]


async def accept_or_decline(r: Round) -> tuple[Act, Act]:
    """The second yes against the no of whoever had said yes."""
    await _yes(r, r.partner)
    return lambda: r.accept(r.authority), lambda: r.decline(r.partner)


async def accept_or_withdraw_pledge(r: Round) -> tuple[Act, Act]:
    """The second yes against the end of the pledge."""
    await _yes(r, r.partner)
    return lambda: r.accept(r.authority), r.withdraw_pledge


async def accept_or_amend_pledge(r: Round) -> tuple[Act, Act]:
    """The second yes against a smaller pledge."""
    await _yes(r, r.authority)
    return lambda: r.accept(r.partner), lambda: r.amend_pledge(40)


async def accept_or_amend_need(r: Round) -> tuple[Act, Act]:
    """The second yes against a smaller need, in another service."""
    await _yes(r, r.partner)
    return lambda: r.accept(r.authority), lambda: r.amend_need(60)


async def accept_or_withdraw_need(r: Round) -> tuple[Act, Act]:
    """The second yes against the end of the need, in another service."""
    await _yes(r, r.authority)
    return lambda: r.accept(r.partner), r.withdraw_need


async def arrive_or_withdraw_smaller_need(r: Round) -> tuple[Act, Act]:
    """The second yes and the first part of what was agreed, against a need that is shrunk and then
    withdrawn: both are granted where neither service has heard of the other's."""
    await _yes(r, r.partner)

    async def arrive() -> Answer:
        answer = await r.accept(r.authority)
        return await r.deliver(10) if answer.is_success else answer

    async def withdraw() -> Answer:
        await r.amend_need(60)
        return await r.withdraw_need()

    return arrive, withdraw


async def amend_or_amend(r: Round) -> tuple[Act, Act]:
    """Two who saw the same version of a need."""
    seen = (await r.acting.read("projects", f"/needs/{r.need}")).headers["ETag"]
    return lambda: r.amend_need(110, seen), lambda: r.amend_need(120, seen)


async def yes_or_the_same_yes(r: Round) -> tuple[Act, Act]:
    """One side clicks twice, each time under a new key."""
    return lambda: r.accept(r.authority), lambda: r.accept(r.authority)


async def yes_and_yes(r: Round) -> tuple[Act, Act]:
    """Both sides at the same moment: no conflict at all."""
    return lambda: r.accept(r.authority), lambda: r.accept(r.partner)


KINDS: list[Kind] = [
    accept_or_decline,
    accept_or_withdraw_pledge,
    accept_or_amend_pledge,
    accept_or_amend_need,
    accept_or_withdraw_need,
    arrive_or_withdraw_smaller_need,
    amend_or_amend,
    yes_or_the_same_yes,
    yes_and_yes,
]


async def _yes(r: Round, who: str) -> None:
    answer = await r.accept(who)
    assert answer.status_code == 201, answer.text


@dataclass
class Raced:
    """What 200 rounds came to: the two answers of each, by kind."""

    rounds: list[tuple[Kind, Round]] = field(default_factory=list)

    def of(self, *kinds: Kind) -> Iterator[Round]:
        """The rounds of some kinds."""
        return (r for kind, r in self.rounds if kind in kinds)


@pytest.fixture(scope="module")
def system() -> Iterator[TestBuild]:
    """One whose matching rounds wait a little for more: 200 rounds of ours are no rounds of its."""
    with running({"ALLIANCE_ROUND_DEBOUNCE_SECONDS": "0.2"}, services=THREE) as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def raced(acting: Acting) -> AsyncIterator[Raced]:
    """All rounds, played; then the system is at rest."""
    found = Raced()
    numbers = iter(range(ROUNDS))

    async def lane() -> None:
        for number in numbers:
            kind = KINDS[number % len(KINDS)]
            authority = ("irpin", "irpin2")[number % 2]
            partner = ("cascais", "cascais2")[number // 2 % 2]
            need = await acting.post_need(authority, euros(100))
            pledge = await acting.pledge(partner, euros(100), need_id=need)
            [match] = await acting.proposals(need)
            r = Round(acting, authority, partner, need, pledge, match["id"])
            one, other = await kind(r)
            r.answers = list(await asyncio.gather(one(), other()))
            found.rounds.append((kind, r))

    await asyncio.gather(*(lane() for _ in range(LANES)))
    await acting.at_rest()
    assert len(found.rounds) == ROUNDS
    yield found


async def test_every_answer_is_yes_or_a_conflict(raced: Raced) -> None:
    """201 or 409, never anything else, and at least one of the two is granted."""
    for kind, r in raced.rounds:
        codes = sorted(a.status_code for a in r.answers)
        told = [f"{kind.__name__} {a.status_code} {a.text}" for a in r.answers]
        assert codes in ([201, 201], [201, 409]), told


async def test_whoever_lost_is_told_the_current_version(raced: Raced, acting: Acting) -> None:
    """A 409 is a problem that names the version of what it was about, as it was left."""
    lost = 0
    for _, r in raced.rounds:
        for answer in r.answers:
            if answer.status_code != 409:
                continue
            lost += 1
            assert answer.headers["content-type"] == "application/problem+json"
            problem: Json = answer.json()
            version = problem["current_version"]
            service, path = _of(answer)
            now = await acting.read(service, path)
            assert 1 <= version <= int(now.headers["ETag"].strip('"')), problem
            if problem["type"].endswith("version-conflict"):
                assert version == problem["given"] + 1
    assert lost >= ROUNDS // len(KINDS) * 2, "there was hardly a race"


async def test_where_one_can_win_only_one_wins(raced: Raced) -> None:
    """Of accept and decline, of two amendments of one version, of a yes said twice: one."""
    for r in raced.of(accept_or_decline, amend_or_amend, yes_or_the_same_yes):
        assert sorted(a.status_code for a in r.answers) == [201, 409]
    for r in raced.of(yes_and_yes):
        assert [a.status_code for a in r.answers] == [201, 201]


async def test_each_race_ends_in_what_was_granted(raced: Raced, acting: Acting) -> None:
    """The match is what the answers said it would be; of a withdrawn need nothing is live."""
    for kind, r in raced.rounds:
        match: Json = await acting.got("matching", f"/matches/{r.match}")
        first, second = (a.status_code == 201 for a in r.answers)
        if kind is accept_or_decline:
            assert match["status"] == ("agreed" if first else "declined")
        elif kind in (accept_or_withdraw_pledge, accept_or_amend_pledge):
            assert match["status"] == ("agreed" if first else "released")
        elif kind is accept_or_withdraw_need:
            assert match["status"] == ("released" if second else "agreed")
        elif kind is arrive_or_withdraw_smaller_need:
            assert match["status"] == ("agreed" if first else "released")
        elif kind is accept_or_amend_need:
            assert match["status"] in ({"agreed"} if first else {"released"})
        elif kind is yes_and_yes:
            assert match["status"] == "agreed"
            assert match["accepted"] == ["partner", "ukraine"]
        elif kind is yes_or_the_same_yes:
            assert (match["status"], match["accepted"]) == ("proposed", ["ukraine"])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def books(raced: Raced, acting: Acting) -> Books:
    """The books of what matching recorded."""
    assert raced.rounds
    of_projects = await partitions(acting.system.addresses.kafka, "projects")
    matching = acting.log("matching")
    return kept(matching, Asked(acting.log("projects"), matching, of_projects))


async def test_every_prefix_of_the_log_balances(books: Books, acting: Acting) -> None:
    """After each event the books are right (laws.py); the last balances are those the service
    shows."""
    assert books.faults == []
    assert len(books.pledges) == ROUNDS
    for pledge_id, lines in books.pledges.items():
        shown = await acting.got("matching", f"/pledges/{pledge_id}")
        for balance in shown["balances"]:
            line = lines[balance["line"]["line"]]
            for part in ("reserved", "delivered", "withdrawn", "expired"):
                assert balance[part] == line.parts[part]
            pledged = round(float(balance["line"]["amount"]["amount"]) * 100)
            assert pledged == line.available + line.parts.total()


async def test_no_need_is_covered_beyond_what_it_asks(books: Books, acting: Acting) -> None:
    """At rest what is proposed, agreed and delivered of each line is at most what is asked."""
    needs = list(acting.store["projects"]["needs"].find())
    assert len(needs) == ROUNDS
    begun = {m.proposal.need_id for m in books.matches.values() if m.delivered}
    seen = 0
    for need in needs:
        shown = await acting.got("matching", f"/coverages/{need['_id']}")
        for line in need["lines"]:
            asked = round(float(line["amount"]["amount"]) * 100)
            covered = books.covered[need["_id"], line["line"]]
            assert sum(shown["lines"][str(line["line"])].values()) == covered
            if need["status"] == "cancelled" and need["_id"] in begun:
                asked = 100_00  # what has begun to arrive stays as it was agreed
            elif need["status"] == "cancelled":
                asked = 0
            assert covered <= asked, need["_id"]
            seen += covered > 0
    assert seen > ROUNDS // 4, "hardly anything is covered"


def _of(answer: Answer) -> tuple[str, str]:
    """The service and the path of what a request was about."""
    _, collection, key, _ = answer.request.url.path.split("/")
    return ("projects" if collection == "needs" else "matching"), f"/{collection}/{key}"
