"""Rounds of a running system, decided again by somebody who has nothing but the logs in Kafka."""

import asyncio
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from cli.redecide import again
from cli.topics import partitions, read_log
from services.matching.store import RECORDS
from shared.events.ids import RoundId
from tests import forked
from tests.connected.acting import THREE, Acting, Json, euros
from tests.system import TestBuild, running

ACTS = 10
"""How often each writer acts."""

OWNERS = sorted({c.owner for c in RECORDS.collections})


@pytest.fixture(scope="module")
def system() -> Iterator[TestBuild]:
    """The relays look for events every half second, so rounds see events without a position."""
    with running({"ALLIANCE_POLL_SECONDS": "0.5"}, services=THREE) as started:
        yield started


def trucks(number: int) -> Json:
    """A second line, in kind."""
    amount = {"quantity": number, "unit": "piece"}
    return {"kind": "goods", "line": 2, "category": "truck", "amount": amount}


def hryvnias(amount: int) -> Json:
    """A line in the other currency."""
    money = {"amount": f"{amount}.00", "currency": "UAH"}
    return {"kind": "funding", "line": 1, "amount": money}


async def write(acting: Acting, authority: str, partner: str) -> None:
    """Needs and pledges in two currencies and in kind; matches are agreed or declined."""
    for number in range(ACTS):
        need_id = await acting.post_need(authority, euros(100 + number), trucks(2))
        await acting.pledge(partner, hryvnias(3000) if number % 2 else euros(60), trucks(3))
        match = (await acting.proposals(need_id))[0]
        path = f"/matches/{match['id']}"
        if number % 3 == 0:
            await acting.ask(authority, "matching", f"{path}/declines", {"reason": "no"})
        else:
            for member_id in (match["authority_id"], match["partner_id"]):
                side = next(who for who, its in acting.ids.items() if its == member_id)
                await acting.ask(side, "matching", f"{path}/acceptances", {})


async def alliance(*arguments: str) -> tuple[int, str, str]:
    """Run the command with no way to any service or store: its status, and what it said."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("ALLIANCE_")}
    done = await asyncio.to_thread(forked.run, "cli", *arguments, env=env)
    return done.returncode, done.stdout, done.stderr


async def test_every_round_comes_out_the_same_from_the_logs(acting: Acting) -> None:
    """Rounds while everyone writes: problem and solution of each, byte for byte."""
    rates = {"date": "2023-09-01", "source": "ECB", "per_eur": {"UAH": "39.5"}}
    await acting.done("operator", "matching", "/rates", rates)
    await asyncio.gather(write(acting, "irpin", "cascais"), write(acting, "irpin2", "cascais2"))
    await acting.at_rest()

    bootstrap = acting.system.addresses.kafka
    logs = {owner: await read_log(bootstrap, owner) for owner in OWNERS}
    topics = {owner: await partitions(bootstrap, owner) for owner in OWNERS}
    rounds = [e for e in logs["matching"] if e.name == "matching-round-completed"]
    found = [await again(logs, topics, e.subject) for e in rounds]
    assert [f for f in found if not f.equal] == []
    seen: list[Any] = [json.loads(e.data)["decision"]["seen"] for e in rounds]
    waiting = sum(bool(s["own_also"]) for s in seen)
    told = f"{len(rounds)} rounds, {waiting} saw events without a position"
    print(told)
    assert min(len(rounds), waiting) >= 5, told

    status, out, err = await alliance("match", "redecide", rounds[-1].subject, "--kafka", bootstrap)
    assert status == 0, err
    assert json.loads(out)["problem_hash"]["again"] == found[-1].problem_hash.recorded
    unknown = RoundId.new()
    status, out, err = await alliance("match", "redecide", unknown, "--kafka", bootstrap)
    assert (status, out) == (2, "")
    assert err == f"alliance: there is no round {unknown} in the log of matching\n"
