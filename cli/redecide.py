"""`alliance match redecide`: a round decided again from the logs alone, as any auditor can."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from rich.table import Table

from cli.places import Places
from cli.services import known
from cli.topics import partitions, read_all, read_log
from services.matching.engine import RULE, decide
from services.matching.loading import load
from services.matching.store import RECORDS
from shared.events import Envelope, NotAnEvent, UnknownEvent, read_event
from shared.events.envelope import read_headers
from shared.events.rounds import MatchingRoundCompleted, RoundDecision
from shared.replay import Replayed, as_of, replay

MATCHING = RECORDS.service


class CannotRedecide(ValueError):
    """The logs, or this version, don't suffice to decide that round again."""


@dataclass(frozen=True)
class Hashes:
    """SHA-256 of one thing, hexadecimal, as it was recorded and as it came out again."""

    recorded: str
    again: str

    @property
    def equal(self) -> bool:
        """Whether it is the same thing."""
        return self.recorded == self.again


@dataclass(frozen=True)
class Redecided:
    """A round as it was recorded, and as it came out again."""

    round_id: str
    rule: str
    events: Mapping[str, int]
    """How many of each owner's log the round had seen."""
    offers: int
    asks: int
    matches: int
    problem_hash: Hashes
    solution_hash: Hashes

    @property
    def equal(self) -> bool:
        """Whether problem and solution are the same, byte for byte."""
        return self.problem_hash.equal and self.solution_hash.equal

    @property
    def verdict(self) -> str:
        """What it means, in a line."""
        if self.equal:
            return "equal: the logs give the decision that was recorded"
        if not self.problem_hash.equal:
            return "DIFFERENT: the round did not decide on what the logs say it had seen"
        return "DIFFERENT: the rule decides otherwise on what the round had seen"

    def as_json(self) -> dict[str, Any]:
        """The same, for a pipe."""
        return asdict(self) | {"equal": self.equal, "verdict": self.verdict}


async def redecide(places: Places, round_id: str) -> Redecided:
    """Read the logs from Kafka and decide a round again.

    Raises CannotRedecide, and LogBroken for a log with gaps.
    """
    owners = known(MATCHING).owners
    logs = {owner: await read_log(places.kafka, owner, places.security) for owner in owners}
    topics = {owner: await partitions(places.kafka, owner, places.security) for owner in owners}
    letters = await read_all(places.kafka, f"{MATCHING}.dead-letters", places.security)
    return await again(logs, topics, round_id, identities(letters))


def identities(letters: Sequence[Any]) -> set[str]:
    """Which events are among records of dead letters, as far as these name one."""
    found = set()
    for record in letters:
        try:
            attributes = read_headers(record.headers)
        except NotAnEvent:
            continue
        found.add(f"{attributes.get('source')} {attributes.get('id')}")
    return found


async def again(
    logs: Mapping[str, Sequence[Envelope]],
    topics: Mapping[str, int],
    round_id: str,
    set_aside: Collection[str] = (),
) -> Redecided:
    """Decide a round again from whole logs; nothing else is read.

    `topics` says how many partitions each owner's topic has, `set_aside` which events (source and
    id) matching could not handle. Raises CannotRedecide, and LogBroken for a log with gaps.
    """
    decision = recorded(logs[MATCHING], round_id)
    if decision.rule != RULE:
        raise CannotRedecide(
            f"round {round_id} was decided by {decision.rule}; this version has {RULE} only"
        )
    sublogs = as_of(logs, decision.seen, MATCHING, topics)
    if unseen := [e for log in sublogs.values() for e in log if e.identity in set_aside]:
        raise CannotRedecide(
            f"events that round {round_id} would have seen are among the dead letters, so whether "
            f"it saw them cannot be told: {len(unseen)}, {unseen[0].identity} for one"
        )
    market = await load(Replayed(replay(RECORDS, sublogs)))
    problem = market.problem(date.fromisoformat(decision.day))
    solution = decide(problem)
    return Redecided(
        round_id=round_id,
        rule=decision.rule,
        events={owner: len(log) for owner, log in sublogs.items()},
        offers=len(problem.offers),
        asks=len(problem.asks),
        matches=len(solution.awards),
        problem_hash=Hashes(decision.problem_hash, problem.hash()),
        solution_hash=Hashes(decision.solution_hash, solution.hash()),
    )


def recorded(log: Sequence[Envelope], round_id: str) -> RoundDecision:
    """What a round said of itself. Raises CannotRedecide."""
    subjects = [e for e in log if e.subject == round_id]
    for envelope in subjects:
        try:
            event = read_event(envelope)
        except UnknownEvent:
            continue
        if isinstance(event, MatchingRoundCompleted):
            return event.decision
    if subjects:
        raise CannotRedecide(f"round {round_id} was asked for and has decided nothing yet")
    raise CannotRedecide(f"there is no round {round_id} in the log of {MATCHING}")


def told(found: Redecided) -> Table:
    """What was done, and what came of it, as a table."""
    table = Table(show_header=False)
    counted = ", ".join(f"{number:,} of {owner}" for owner, number in sorted(found.events.items()))
    rows = {
        "round": found.round_id,
        "rule": found.rule,
        "events folded": f"{sum(found.events.values()):,} ({counted})",
        "offers": f"{found.offers:,}",
        "asks": f"{found.asks:,}",
        "matches decided": f"{found.matches:,}",
        "problem, recorded": found.problem_hash.recorded,
        "problem, again": found.problem_hash.again,
        "solution, recorded": found.solution_hash.recorded,
        "solution, again": found.solution_hash.again,
        "verdict": found.verdict,
    }
    for name, value in rows.items():
        table.add_row(name, value)
    return table
