"""The command line as a person uses it: the demo, what it claims, and that its checks can fail."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from cli import checks
from deploy.local.stack import Addresses, Stack


class Demo:
    """One run of `alliance demo --keep`, and the commands after it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.json = root / "timeline.json"
        self.ran = self.alliance("demo", "--keep", "--json", str(self.json))

    def alliance(
        self, *arguments: str, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `alliance` with this root; what it printed and how it ended."""
        return subprocess.run(
            [sys.executable, "-m", "cli", *arguments],
            env={**os.environ, "ALLIANCE_LOCAL": str(self.root), **(env or {})},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    @property
    def addresses(self) -> Addresses:
        """Where the demo's stack is."""
        return Stack.attach(self.root / "demo").addresses

    def rebuild(self, service: str) -> subprocess.CompletedProcess[str]:
        """`alliance rebuild` of one service of the demo."""
        at = self.addresses
        return self.alliance("rebuild", service, "--kafka", at.kafka, "--mongodb", at.mongodb)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo has been played once, and its stack is still there."""
    played = Demo(tmp_path_factory.mktemp("demo"))
    try:
        yield played
    finally:
        played.alliance("down", "--wipe")


def timeline(demo: Demo) -> dict[str, Any]:
    """What `--json` wrote."""
    found: dict[str, Any] = json.loads(demo.json.read_text())
    return found


def test_demo_ends_well_and_says_what_it_checked(demo: Demo) -> None:
    """Exit 0, every check held, and each is printed as ok."""
    assert demo.ran.returncode == 0, demo.ran.stdout[-3000:] + demo.ran.stderr[-3000:]
    found = timeline(demo)
    assert len(found["checks"]) == 8
    assert all(check["held"] for check in found["checks"])
    assert demo.ran.stdout.count("\n  ok ") == 8


def test_timeline_shows_each_log_in_order_and_causes_first(demo: Demo) -> None:
    """Positions of a log run from 0, and what caused an event stands before it."""
    seen: set[str] = set()
    positions: dict[str, int] = {}
    for entry in timeline(demo)["timeline"]:
        assert int(entry["sequence"]) == positions.get(entry["source"], 0)
        positions[entry["source"]] = int(entry["sequence"]) + 1
        assert entry.get("causationid") is None or entry["causationid"] in seen
        seen.add(entry["id"])
    assert set(positions) == {"/members", "/projects", "/matching", "/notify"}


def test_stories_are_the_true_ones(demo: Demo) -> None:
    """Cascais's crèche became a restored kindergarten; Borodianka's need has six donors."""
    entries = timeline(demo)["timeline"]
    completed = [e["data"] for e in entries if "project-completed" in e["type"]]
    assert completed[0]["scope_change"]["planned"] == "a new crèche"
    assert "Chervona Kalyna" in completed[0]["scope_change"]["final"]
    proposed = [e["data"] for e in entries if "match-proposed" in e["type"]]
    borodianka = [p for p in proposed if p["need_id"] == completed[1]["need_id"]]
    assert len({p["partner_id"] for p in borodianka}) == 6
    hryvnias = next(p for p in borodianka if p["reserved"].get("currency") == "UAH")
    assert hryvnias["covers"] == {"amount": "25000.00", "currency": "EUR"}
    assert hryvnias["rate"]["pledge_per_eur"] == "40.0000"


def test_every_party_was_told_in_the_inbox(demo: Demo) -> None:
    """Owner, donor and monitor each got mail about the completion."""
    from deploy.local.mailbox import messages

    found = messages(demo.addresses.maildir)
    told = {str(m["To"]).split("@")[0] for m in found}
    assert {"irpin", "cascais", "cor", "borodianka", "repairs", "hryvnias", "auc"} <= told


def test_rebuild_finds_a_store_that_was_changed(demo: Demo) -> None:
    """An equal store exits 0; one amount changed by hand exits 1 and is named; so does a check."""
    assert demo.rebuild("matching").returncode == 0
    client: MongoClient[dict[str, Any]] = MongoClient(demo.addresses.mongodb)
    pledges = client["matching"]["pledges"]
    before = pledges.find_one({"partner_id": {"$exists": True}})
    assert before is not None
    try:
        pledges.update_one({"_id": before["_id"]}, {"$set": {"title.en": "something else"}})
        found = demo.rebuild("matching")
        assert found.returncode == 1
        assert f"pledges/{before['_id']} differs in title" in found.stdout
        check = asyncio.run(checks.state_is_rebuilt(demo.addresses, "matching"))
        assert not check.held
    finally:
        pledges.replace_one({"_id": before["_id"]}, before)
        client.close()
    assert demo.rebuild("matching").returncode == 0


def test_check_of_the_logs_finds_a_changed_event(demo: Demo) -> None:
    """What the store says was recorded must be what Kafka holds."""
    assert asyncio.run(checks.logs_are_whole(demo.addresses)).held
    client: MongoClient[dict[str, Any]] = MongoClient(demo.addresses.mongodb)
    log = client["projects"]["log"]
    try:
        log.update_one({"position": 0}, {"$set": {"actor": "member:somebody-else"}})
        found = asyncio.run(checks.logs_are_whole(demo.addresses))
        assert (found.held, found.detail) == (
            False,
            "projects: the topic is not what the store recorded",
        )
    finally:
        original = next(e for e in timeline(demo)["timeline"] if e["source"] == "/projects")
        log.update_one({"position": 0}, {"$set": {"actor": original["actor"]}})
        client.close()


def test_check_of_the_deliveries_finds_one_that_is_missing(demo: Demo) -> None:
    """An event that a subscriber has not in its inbox was not delivered to it."""
    assert asyncio.run(checks.everything_was_delivered(demo.addresses)).held
    client: MongoClient[dict[str, Any]] = MongoClient(demo.addresses.mongodb)
    inbox = client["notify"]["inbox"]
    taken = inbox.find_one_and_delete({"_id": {"$regex": "^/projects "}})
    assert taken is not None
    try:
        assert not asyncio.run(checks.everything_was_delivered(demo.addresses)).held
    finally:
        inbox.insert_one(taken)
        client.close()


def test_check_of_the_mail_finds_a_message_that_is_missing(demo: Demo) -> None:
    """Sent and received must be the same messages."""
    assert asyncio.run(checks.everyone_was_told(demo.addresses)).held
    message = next((demo.addresses.maildir / "new").iterdir())
    aside = demo.root / message.name
    message.rename(aside)
    try:
        assert not asyncio.run(checks.everyone_was_told(demo.addresses)).held
    finally:
        aside.rename(message)


def test_up_status_and_down(tmp_path: Path) -> None:
    """A stack that is left running is found, described and stopped by later commands."""
    other = {"ALLIANCE_LOCAL": str(tmp_path)}
    runner = Demo.__new__(Demo)
    runner.root = tmp_path
    try:
        up = runner.alliance("up", env=other)
        assert up.returncode == 0, up.stdout + up.stderr
        assert "members    http://127.0.0.1:" in up.stdout
        status = runner.alliance("status", "--json", env=other)
        assert status.returncode == 0, status.stdout
        found = json.loads(status.stdout)
        assert all(s["state"].startswith("ready") for s in found["services"].values())
        assert all(s["backlog"] == 0 for s in found["services"].values())
    finally:
        down = runner.alliance("down", "--wipe", env=other)
    assert down.returncode == 0
    gone = runner.alliance("status", env=other)
    assert gone.returncode == 2
    assert "no local stack was started" in gone.stderr
