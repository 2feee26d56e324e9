"""Three instances of every service at once, some killed under load: every promise is kept."""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio

from deploy.local.system import SERVICES
from shared.events import read_event
from shared.events.matches import MatchProposed
from shared.events.notify import NoticeSent
from tests.chaos.load import Load
from tests.compose.bus import Bus
from tests.compose.deployment import Deployment
from tests.compose.outside import Clients, at_rest, kill_one, load
from tests.compose.story import Played

pytestmark = pytest.mark.timeout(900)

KILLS = 8
MAILS_AT_ONCE = 500


@dataclass(frozen=True)
class Scaled:
    """What happened while three of each ran: what was asked, who died, what the bus had before and
    has after."""

    load: Load
    killed: list[str]
    before: Bus
    after: Bus


def scale(deployment: Deployment, number: int) -> float:
    """So many of each service; the seconds until all are healthy."""
    many = (part for s in SERVICES for part in ("--scale", f"{s}={number}"))
    return deployment.up(*many, timeout=400)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scaled(deployment: Deployment, played: Played) -> Scaled:
    """One run for all tests here; at its end one of each runs again."""
    before = await asyncio.to_thread(at_rest, deployment)
    print(f"three of each: {await asyncio.to_thread(scale, deployment, 3):.1f} s")
    seed = random.SystemRandom().randrange(2**31)
    chance, killed = random.Random(seed), []
    clients = Clients(deployment, played.members)
    try:
        await clients.join()
        asking = load(clients, seed)
        for service in _victims(chance):
            await asyncio.sleep(chance.uniform(3, 7))
            asking.fault()
            killed.append(await asyncio.to_thread(kill_one, deployment, service, chance))
        await asyncio.sleep(3)
        await asking.stop(240)
    finally:
        await clients.close()
    began = time.monotonic()
    await asyncio.to_thread(deployment.wait_ready)
    after = await asyncio.to_thread(at_rest, deployment)
    print(f"seed {seed}; killed {', '.join(killed)}")
    print(f"at rest {time.monotonic() - began:.1f} s after the load")
    print(
        f"{len(asking.asked)} commands, {len(asking.answers)} answered 201, {asking.replayed} of "
        f"them again: {dict(asking.attempts())}; {after.told}"
    )
    return Scaled(asking, killed, before, after)


def _victims(chance: random.Random) -> list[str]:
    """Each service twice, in any order."""
    victims = [*SERVICES] * (KILLS // len(SERVICES))
    chance.shuffle(victims)
    return victims


def test_every_command_is_answered(scaled: Scaled) -> None:
    """None is refused and none is given up: where an instance died, another answers."""
    assert len(scaled.killed) == KILLS
    assert scaled.load.refused == []
    assert len(scaled.load.answers) == len(scaled.load.asked) > 50


def test_logs_are_gapless_and_hold_every_answer_once(scaled: Scaled) -> None:
    """Three relays and one lease: each position once and none left out, each subject in order; each
    201 in the log once, under its key; no need or pledge over-matched, and each matching round had
    seen the one before it, as if one alone decided."""
    assert scaled.after.faults(scaled.load.answers) == []
    decided = map(read_event, scaled.after.log("matching"))
    proposed = [e.match_id for e in decided if isinstance(e, MatchProposed)]
    assert len(set(proposed)) == len(proposed) > 0


def test_each_notice_is_mailed_once(scaled: Scaled, deployment: Deployment) -> None:
    """As many mails as notices that were sent; another copy only where the notice says that an
    attempt ended nobody knows how."""
    known = {e.id for e in scaled.before.log("notify")}
    new = [read_event(e) for e in scaled.after.log("notify") if e.id not in known]
    may: dict[str, int] = {}
    for sent in (e for e in new if isinstance(e, NoticeSent) and e.channel == "email"):
        again = max(may.get(sent.message_id, 1), 1 + (sent.uncertain or 0))
        may[sent.message_id] = again
    came = _mails(deployment)
    wrong = {m: came[m] for m, most in may.items() if not 1 <= came[m] <= most}
    print(f"{len(may)} mails of notices, {sum(came[m] - 1 for m in may)} came again")
    assert wrong == {}
    assert len(may) > 5


def test_state_is_what_the_logs_say(scaled: Scaled, deployment: Deployment) -> None:
    """Every collection of every service, rebuilt from Kafka, is what the store has."""
    said = deployment.alliance("rebuild", "all").stdout  # another exit status where one differs
    print(f"{said.count(' equal ')} collections equal")


def test_every_instance_is_back_and_two_of_three_go(scaled: Scaled, deployment: Deployment) -> None:
    """The engine has started each again that was killed; one of each is left at the end."""
    for service in SERVICES:
        states = [c["State"] for c in deployment.inspect(service)]
        assert [s["Health"]["Status"] for s in states] == ["healthy"] * 3, service
    print(f"one of each again: {scale(deployment, 1):.1f} s")
    assert {s: len(deployment.containers(s)) for s in SERVICES} == dict.fromkeys(SERVICES, 1)


def _mails(deployment: Deployment) -> Counter[str]:
    """How often the catcher has each Message-ID."""
    found: Counter[str] = Counter()
    with httpx.Client(base_url=f"{deployment.mail_url}/api/v1", timeout=30) as http:
        while True:
            asked = {"start": found.total(), "limit": MAILS_AT_ONCE}
            page = http.get("/messages", params=asked).raise_for_status().json()["messages"]
            found.update(f"<{m['MessageID'].strip('<>')}>" for m in page)
            if len(page) < MAILS_AT_ONCE:
                return found
