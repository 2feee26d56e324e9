"""Rounds of a story decided again from its logs, and what happens when something was changed."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import matches
from cli.places import Places
from cli.redecide import CannotRedecide, Hashes, Redecided, again, identities, told
from services.matching import commands, rounds
from services.matching.commands import Because
from services.matching.loading import load
from services.matching.store import RECORDS, parties
from shared.events.canonical import canonical
from shared.events.envelope import Envelope
from shared.events.members import MemberSuspended
from shared.replay import LogBroken, Replayed, in_order, replay
from tests.cli.test_tables import drawn
from tests.given import PARTITIONS, funding, goods
from tests.matching.samples import CASCAIS, IRPIN, LITHUANIA
from tests.matching.story import Story

Logs = dict[str, list[Envelope]]


@cache
def story() -> Story:
    """Four rounds, with answers, new needs and pledges, and a suspension between them."""
    told_ = Story()
    told_.irpin_asks(funding(1, "300.00"), goods(2, "truck", 3))
    told_.pledges(CASCAIS, funding(1, "200.00"), goods(2, "truck", 2))
    first, *_ = told_.round()
    told_.agree(first)
    told_.pledges(LITHUANIA, funding(1, "800.00"), goods(2, "truck", 4))
    second, *_ = told_.round()
    told_.do(commands.decline_match, second.id, Because(reason="no"), by=IRPIN)
    told_.irpin_asks(funding(1, "5000.00"), number=2)
    told_.round()
    told_.hears(MemberSuspended(member_id=CASCAIS, reason="no answers"))
    told_.irpin_asks(funding(1, "70.00"), number=3)
    told_.pledges(LITHUANIA, funding(1, "10.00"))
    told_.round()
    return told_


def round_ids(logs: Logs) -> list[str]:
    """The rounds that decided, in their order."""
    return [e.subject for e in logs["matching"] if e.name == "matching-round-completed"]


def redecided(logs: Logs, round_id: str, **given: Any) -> Redecided:
    """A round decided again from these logs."""
    return asyncio.run(again(logs, dict.fromkeys(logs, PARTITIONS), round_id, **given))


def with_data(envelope: Envelope, change: Callable[[dict[str, Any]], None]) -> Envelope:
    """The event with something in its data changed."""
    data = json.loads(envelope.data)
    change(data)
    return replace(envelope, data=canonical(data))


def changed(name: str, change: Callable[[dict[str, Any]], None], which: int = -1) -> Logs:
    """The story's logs in which one event of a name says something else."""
    logs = {owner: list(log) for owner, log in story().logs.items()}
    for log in logs.values():
        if found := [n for n, e in enumerate(log) if e.name == name]:
            log[found[which]] = with_data(log[found[which]], change)
            return logs
    raise AssertionError(f"the story has no {name}")


def test_every_round_of_a_story_comes_out_the_same() -> None:
    """Whatever was recorded since; each round had seen more than the one before."""
    logs = story().logs
    found = [redecided(logs, round_id) for round_id in round_ids(logs)]
    assert len(found) == 4
    assert all(f.equal for f in found)
    seen = [sum(f.events.values()) for f in found]
    assert seen == sorted(set(seen))
    assert seen[-1] < sum(map(len, logs.values()))
    assert all(f.offers and f.asks and f.matches for f in found)


def test_event_that_says_something_else_changes_the_problem() -> None:
    """One cent more was pledged than the round had seen."""

    def more(data: dict[str, Any]) -> None:
        data["lines"][0]["amount"]["amount"] = "200.01"

    logs = changed("pledge-made", more, 0)
    found = redecided(logs, round_ids(logs)[0])
    assert not found.equal
    assert not found.problem_hash.equal
    assert "did not decide on what the logs say" in found.verdict


def test_round_that_recorded_another_decision_is_found() -> None:
    """The problem is as recorded, the solution is not what the rule gives."""

    def another(data: dict[str, Any]) -> None:
        data["decision"]["solution_hash"] = "0" * 64

    logs = changed("matching-round-completed", another)
    found = redecided(logs, round_ids(logs)[-1])
    assert found.problem_hash.equal
    assert not found.equal
    assert "decides otherwise" in found.verdict


def test_round_that_says_it_had_seen_less_is_found() -> None:
    """Leaving out a suspension, say, gives another problem."""

    def less(data: dict[str, Any]) -> None:
        data["decision"]["seen"]["own_through"] -= 1

    logs = changed("matching-round-completed", less)
    assert not redecided(logs, round_ids(logs)[-1]).problem_hash.equal


def test_round_of_another_rule_cannot_be_decided_again() -> None:
    """Only the version that has the rule can tell."""

    def older(data: dict[str, Any]) -> None:
        data["decision"]["rule"] = "first-come.v1"

    logs = changed("matching-round-completed", older)
    with pytest.raises(CannotRedecide, match=r"was decided by first-come\.v1; this version has"):
        redecided(logs, round_ids(logs)[-1])


def test_round_that_is_not_there_or_has_not_decided_cannot_be_decided_again() -> None:
    """An id that is none of a round's, and a round that was only asked for."""
    told_ = Story()
    asked = told_.do(rounds.ask_for_round, rounds.AskForRound(reason="now"), roles=["operator"])
    with pytest.raises(CannotRedecide, match="was asked for and has decided nothing yet"):
        redecided(told_.logs, asked.id)
    with pytest.raises(CannotRedecide, match=f"there is no round {CASCAIS}"):
        redecided(told_.logs, CASCAIS)


def test_round_cannot_be_decided_again_over_dead_letters_that_it_would_have_seen() -> None:
    """What was set aside later than the round matters to later rounds only."""
    logs = story().logs
    first, *_, last = round_ids(logs)
    suspension = next(e for e in logs["members"] if e.name == "member-suspended")
    letter = SimpleNamespace(headers=[*suspension.headers(), ("dlq-reason", b"handler-failed")])
    poison = SimpleNamespace(headers=[("ce_id", b"\xff")])
    set_aside = identities([letter, poison])
    assert set_aside == {suspension.identity}
    assert redecided(logs, first, set_aside=set_aside).equal
    with pytest.raises(CannotRedecide, match=r"among the dead letters, .*: 1, /members"):
        redecided(logs, last, set_aside=set_aside)


def test_log_that_lacks_what_a_round_had_seen_is_broken() -> None:
    """It is said which event is missing, not that the round is wrong."""
    logs = {owner: list(log) for owner, log in story().logs.items()}
    last = round_ids(logs)[-1]
    logs["projects"].pop()
    with pytest.raises(LogBroken, match="which was seen"):
        redecided(logs, last)


def test_documents_are_found_in_replayed_collections_as_in_the_store() -> None:
    """The market that a round loads is the same from either; odd queries are refused."""
    told_ = story()
    logs = {owner: in_order(owner, log) for owner, log in told_.logs.items()}
    replayed = Replayed(replay(RECORDS, logs))
    from_logs, from_store = asyncio.run(load(replayed)), told_.do(load)
    assert from_logs == from_store
    assert from_logs.pledges
    with pytest.raises(NotImplementedError):
        asyncio.run(replayed.find(parties, {"name": {"$regex": "a"}}))
    newest, *_ = asyncio.run(replayed.find(parties, {}, limit=1, descending=True))
    assert newest.id == max(told_.states["parties"])


# --- the command ----------------------------------------------------------------------------------


def ends(monkeypatch: pytest.MonkeyPatch, found: Redecided) -> tuple[int, Any]:
    """The command's status and what it prints in a pipe."""

    async def redecide(places: Places, round_id: str) -> Redecided:
        who = (places.kafka, places.security.username)
        assert (*who, round_id) == ("broker:9092", "auditor", found.round_id)
        return found

    monkeypatch.setattr(matches, "decide_again", redecide)
    given = ["redecide", found.round_id, "--kafka", "broker:9092", "--kafka-username", "auditor"]
    result = CliRunner().invoke(matches.app, given)
    return result.exit_code, json.loads(result.stdout)


def test_status_says_whether_it_is_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    """0 for equal, 1 for different."""
    logs = story().logs
    equal = redecided(logs, round_ids(logs)[0])
    different = replace(equal, solution_hash=Hashes("0" * 64, "1" * 64))
    status, printed = ends(monkeypatch, equal)
    assert (status, printed["equal"], printed["events"]) == (0, True, equal.events)
    status, printed = ends(monkeypatch, different)
    assert (status, printed["equal"]) == (1, False)
    assert printed["solution_hash"] == {"recorded": "0" * 64, "again": "1" * 64}


def test_table_names_all_that_was_done() -> None:
    """Events, sizes, all four hashes whole, the verdict."""
    logs = story().logs
    found = redecided(logs, round_ids(logs)[-1])
    text = drawn(told(found))
    for word in (
        f"{sum(found.events.values())} (",
        found.round_id,
        found.problem_hash.recorded,
        found.solution_hash.again,
        "verdict",
        "equal: the logs give",
    ):
        assert word in text
