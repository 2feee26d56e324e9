"""Two clients act on the same things at once, 200 times: one account, and nobody is misled."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field

import httpx
import pytest
import pytest_asyncio

from shared.events import Event
from shared.events.matching import (
    ContributionDelivered,
    MatchAgreed,
    MatchDeclined,
    MatchProposed,
    MatchReleased,
    PledgeAmended,
    PledgeMade,
    PledgeWithdrawn,
)
from shared.lines import minor_units
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
        elif kind is accept_or_amend_need:
            assert match["status"] in ({"agreed"} if first else {"released"})
        elif kind is yes_and_yes:
            assert match["status"] == "agreed"
            assert match["accepted"] == ["partner", "ukraine"]
        elif kind is yes_or_the_same_yes:
            assert (match["status"], match["accepted"]) == ("proposed", ["ukraine"])


@pytest.mark.usefixtures("raced")
async def test_every_prefix_of_the_log_balances(acting: Acting) -> None:
    """After each event nothing of a pledge line is below zero, its parts are what was pledged,
    and a pair of lines has one live match; the last balances are those the service shows."""
    account = Account()
    for event in acting.events("matching"):
        account.book(event)
    assert len(account.pledged) == ROUNDS
    for (pledge_id, line), pledged in account.pledged.items():
        shown = await acting.got("matching", f"/pledges/{pledge_id}")
        [balance] = [b for b in shown["balances"] if b["line"]["line"] == line]
        parts = account.parts(pledge_id, line)
        assert {k: balance[k] for k in ("reserved", "delivered", "withdrawn")} == parts
        assert round(float(balance["line"]["amount"]["amount"]) * 100) == pledged


@pytest.mark.usefixtures("raced")
async def test_no_need_is_covered_beyond_what_it_asks(acting: Acting) -> None:
    """At rest what is proposed, agreed and delivered of each line is at most what is asked."""
    account = Account()
    for event in acting.events("matching"):
        account.book(event)
    needs = list(acting.store["projects"]["needs"].find())
    assert len(needs) == ROUNDS
    seen = 0
    for need in needs:
        shown = await acting.got("matching", f"/coverages/{need['_id']}")
        for line in need["lines"]:
            asked = round(float(line["amount"]["amount"]) * 100)
            covered = account.covered[need["_id"], line["line"]]
            assert sum(shown["lines"][str(line["line"])].values()) == covered
            if need["status"] == "cancelled":
                assert covered == 0
            assert covered <= asked, need["_id"]
            seen += covered > 0
    assert seen > ROUNDS // 4, "hardly anything is covered"


class Account:
    """A second set of books, kept from the events' words alone, not by the service's code."""

    def __init__(self) -> None:
        self.pledged: dict[tuple[str, int], int] = {}
        self.covered: Counter[tuple[str, int]] = Counter()
        self._parts: dict[str, Counter[tuple[str, int]]] = {
            part: Counter() for part in ("reserved", "delivered", "withdrawn")
        }
        self._live: dict[str, tuple[str, int, str, int]] = {}

    def parts(self, pledge_id: str, line: int) -> dict[str, int]:
        """Where the amount of a line is, but for what is available."""
        return {part: found[pledge_id, line] for part, found in self._parts.items()}

    def book(self, event: Event) -> None:
        """One event; whatever it touches must balance after it."""
        reserved, delivered, withdrawn = self._parts.values()
        match event:
            case PledgeMade() | PledgeAmended():
                for line in event.lines:
                    self.pledged[event.pledge_id, line.line] = minor_units(line.amount)
            case PledgeWithdrawn():
                for taken in event.withdrawn:
                    withdrawn[event.pledge_id, taken.line] += minor_units(taken.amount)
            case MatchProposed():
                pair = (event.pledge_id, event.pledge_line, event.need_id, event.need_line)
                assert pair not in self._live.values(), f"two live matches: {pair}"
                self._live[event.match_id] = pair
                reserved[event.pledge_id, event.pledge_line] += minor_units(event.reserved)
                self.covered[event.need_id, event.need_line] += minor_units(event.covers)
            case MatchDeclined() | MatchReleased():
                del self._live[event.match_id]
                reserved[event.pledge_id, event.pledge_line] -= minor_units(event.reserved)
                self.covered[event.need_id, event.need_line] -= minor_units(event.covers)
            case ContributionDelivered():
                part = minor_units(event.delivered)
                reserved[event.pledge_id, event.pledge_line] -= part
                delivered[event.pledge_id, event.pledge_line] += part
            case MatchAgreed():
                assert event.match_id in self._live, f"agreed and not live: {event.match_id}"
        for key, pledged in self.pledged.items():
            if key[0] == getattr(event, "pledge_id", ""):
                parts = self.parts(*key)
                assert min(parts.values()) >= 0, (event, parts)
                assert sum(parts.values()) <= pledged, (event, parts, pledged)


def _of(answer: Answer) -> tuple[str, str]:
    """The service and the path of what a request was about."""
    _, collection, key, _ = answer.request.url.path.split("/")
    return ("projects" if collection == "needs" else "matching"), f"/{collection}/{key}"
