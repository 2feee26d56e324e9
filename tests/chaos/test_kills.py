"""Services killed at every named point under load, and restarted: nothing lost, nothing twice."""

import random
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from shared import crash
from tests.chaos import history
from tests.chaos.kills import SETTINGS, Outcome, kill, plan, table
from tests.connected.acting import THREE
from tests.system import running

KILLS = 5 * len(crash.POINTS)


def test_every_point_is_planned_equally_often_and_the_same_seed_plans_the_same() -> None:
    """A run of 37 kills at 7 points is 5 or 6 at each, over two services, and can be repeated."""
    planned = plan(37, random.Random(1))
    assert planned == plan(37, random.Random(1)) != plan(37, random.Random(2))
    points = [point for deaths in planned.values() for point, _ in deaths]
    assert {points.count(point) for point in crash.POINTS} == {5, 6}
    assert abs(len(planned["projects"]) - len(planned["matching"])) <= 3


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def outcome() -> AsyncIterator[Outcome]:
    """One run for all tests here, its seed printed."""
    seed = random.SystemRandom().randrange(2**31)
    print(f"seed {seed}: python -m tests.chaos.kills --kills {KILLS} --seed {seed}")
    with running(SETTINGS, services=THREE) as system:
        found = await kill(system, KILLS, seed, print)
        print(table(found))
        yield found


@pytest.mark.timeout(240)
def test_services_died_at_every_point_under_load(outcome: Outcome) -> None:
    """Five deaths by SIGKILL at each point, and clients that noticed them."""
    assert outcome.by_point() == dict.fromkeys(crash.POINTS, 5)
    assert len(outcome.load.answers) > 4 * KILLS
    assert sum(n for said, n in outcome.load.attempts().items() if said != 201) > KILLS


def test_every_answer_is_in_the_log_once_and_nothing_else_is(outcome: Outcome) -> None:
    """What was answered 201 is recorded once, and all that is recorded was asked for."""
    assert outcome.of_answers() == []


def test_an_answer_that_got_lost_is_given_again_under_its_key(outcome: Outcome) -> None:
    """Each death after a commit took an answer with it; its client got the stored one later."""
    assert outcome.load.replayed >= outcome.by_point()["after-commit"]


def test_positions_are_gapless_and_leaves_are_hashes(outcome: Outcome) -> None:
    """Each log runs from 0 without a gap, and each leaf is the hash of what is stored."""
    assert outcome.of_logs() == []
    assert len(outcome.logs["projects"]) > 50


def test_kafka_holds_every_event_in_order_and_every_copy_has_the_same_bytes(
    outcome: Outcome,
) -> None:
    """Nothing lost, nothing else, nothing altered, and no subject's event before an earlier one."""
    assert outcome.of_topics() == []


def test_subscribers_handled_each_event_once_with_one_effect(outcome: Outcome) -> None:
    """Each inbox holds what was recorded, each need is known with all its changes, and no pledge
    or requirement line was matched twice."""
    assert outcome.of_subscribers() == []
    needs = sum(d["type"] == "alliance.need-posted.v1" for d in outcome.logs["projects"])
    assert len(outcome.requirements) == needs > 20


def test_state_equals_its_rebuild_from_kafka(outcome: Outcome) -> None:
    """Every collection of every service, byte for byte."""
    assert outcome.of_state() == []
    assert {s: r.equal for s, r in outcome.rebuilt.items()} == dict.fromkeys(THREE, True)


def test_events_were_published_again_and_skipped(outcome: Outcome) -> None:
    """The deaths had the effect they are there for: a death between produce and its mark makes
    copies in Kafka, one before an offset commit makes redeliveries, and the inbox skips both."""
    assert history.copies(outcome.topics["projects"]) >= outcome.by_point()["after-produce"]
    assert len(outcome.redelivered()) == outcome.by_point()["before-offset-commit"]
    assert min(outcome.redelivered()) > 0
    assert outcome.did("matching")["repeated"] > 0
