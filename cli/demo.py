"""`alliance demo`: plays the stories on a system of its own, and checks what it shows."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from cli import story
from cli.cast import Cast
from cli.checks import Check, check_all
from cli.timeline import Entry, Timeline
from deploy.local.mailbox import messages
from deploy.local.system import System
from shared.events.facts import Amount
from shared.events.matches import MatchProposed
from shared.events.notify import NoticeQueued, NoticeSent
from shared.lines import minor_units, of_minor_units

Say = Callable[[str], None]

SETTINGS = {"ALLIANCE_ROUND_DEBOUNCE_SECONDS": "0.2", "ALLIANCE_DOMAIN_RATE": "1000"}
"""A demo's matching rounds do not wait for more to arrive for long, and its one mail domain, which
is its own, takes all that comes."""


async def play(system: System, say: Say) -> tuple[list[Entry], list[Check]]:
    """Play both stories on a system that runs; the timeline, and what the checks said."""
    timeline = Timeline(system.addresses.kafka, lambda entry: _show(entry, say))
    following = asyncio.create_task(timeline.follow())
    cast = Cast(system, timeline, say)
    try:
        for part in (story.alliance, story.irpin, story.borodianka):
            await _unless_ended(part(cast), following)
        await cast.at_rest()
        await _summary(cast, timeline, system, say)
    finally:
        await cast.close()
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    say("\nChecks")
    checks = await check_all(system.addresses)
    for check in checks:
        say(f"  {'ok    ' if check.held else 'FAILED'}  {check.claim}: {check.detail}")
    return timeline.entries, checks


async def _unless_ended(part: Any, following: "asyncio.Task[None]") -> None:
    """Play a part; if the timeline breaks, say so at once instead of waiting for it."""
    playing = asyncio.ensure_future(part)
    await asyncio.wait({playing, following}, return_when=asyncio.FIRST_COMPLETED)
    if following.done() and not playing.done():
        playing.cancel()
        following.result()
    await playing


def _show(entry: Entry, say: Say) -> None:
    """One line for each event; that a notice was decided shows as the e-mail that follows."""
    if not isinstance(entry.event, NoticeQueued):
        say(_line(entry))


def _line(entry: Entry) -> str:
    at = entry.envelope.time[11:23]
    owner = entry.envelope.source.removeprefix("/")
    indent = "  " * min(entry.depth, 6) + ("└ " if entry.depth else "")
    by = "" if entry.actor.startswith("service:") else f"  [{entry.actor}]"
    return (
        f"  {at}  {owner:<9}#{entry.envelope.sequence:<4}{indent}{entry.envelope.name}: "
        f"{entry.words}{by}"
    )


async def _summary(cast: Cast, timeline: Timeline, system: System, say: Say) -> None:
    say("\nEvents by topic")
    for owner, number in sorted(Counter(e.envelope.source[1:] for e in timeline.entries).items()):
        kinds = Counter(e.envelope.name for e in timeline.entries if e.envelope.source[1:] == owner)
        told = ", ".join(f"{n} {kind}" for kind, n in kinds.most_common())
        say(f"  {owner + '.events':<16} {number:>4}   {told}")
    say("\nMatches and coverage")
    for match in await cast.get("matching", "/matches"):
        amount, covers = _amount(match["reserved"]), _amount(match["covers"])
        words = f"{amount} from {timeline.names[match['partner_id']]}"
        counted = "" if amount == covers else f", counted as {covers}"
        say(f"  {match['status']:<10} {words}{counted}")
    for need in await cast.get("projects", "/needs"):
        coverage = await cast.get("matching", f"/coverages/{need['id']}")
        say(f"  {timeline.names[need['id']]} is {need['status']}:")
        for line in need["lines"]:
            taken = coverage["lines"].get(str(line["line"]), {})
            say(f"    line {line['line']}: {_amount(line['amount'])} asked, {_parts(line, taken)}")
    _explanation(timeline, say)
    inbox = messages(system.addresses.maildir)
    say(f"\nInbox: {len(inbox)} e-mails")
    for message in inbox[-6:]:
        say(f"  to {message['To']}: {message['Subject']}")
    say(f"  … all of them: {system.addresses.maildir}")
    _one_mail(timeline, inbox, say)


def _one_mail(timeline: Timeline, inbox: list[EmailMessage], say: Say) -> None:
    """One e-mail as it was received: the first that tells an authority of a proposal."""
    sent = [e.event for e in timeline.entries if isinstance(e.event, NoticeSent)]
    wanted = {e.message_id for e in sent if e.message == "match-proposed" and e.language == "uk"}
    for message in inbox:
        body = message.get_body(("plain",))
        if str(message["Message-ID"]) in wanted and body is not None:
            say(f"\nOne of them, to {message['To']}\n  {message['Subject']}")
            for line in body.get_content().splitlines():
                say(f"  │ {line}")
            break


def _explanation(timeline: Timeline, say: Say) -> None:
    proposals = [e.event for e in timeline.entries if isinstance(e.event, MatchProposed)]
    say("\nWhy the first match")
    first = proposals[0].explanation
    tier = ", ".join(f"{name} {value}" for name, value in first.tier.items())
    parts = ", ".join(f"{name} {value}" for name, value in first.parts.items())
    say(f"  rule {first.rule}")
    say(f"  tier: {tier}")
    say(f"  score {first.score}: {parts}")
    say(f"  alternatives that lost: {len(first.alternatives) + len(first.other_needs)}")


def _amount(amount: dict[str, Any]) -> str:
    return str(TypeAdapter[Amount](Amount).validate_python(amount))


def _parts(line: dict[str, Any], taken: dict[str, int]) -> str:
    asked = TypeAdapter[Amount](Amount).validate_python(line["amount"])
    shares = [
        f"{of_minor_units(taken[k], asked)} {k}"
        for k in ("proposed", "agreed", "delivered")
        if taken.get(k)
    ]
    rest = minor_units(asked) - sum(taken.get(k, 0) for k in ("proposed", "agreed", "delivered"))
    return ", ".join(shares or ["nothing covered"]) + (
        f", {of_minor_units(rest, asked)} open" if rest else ""
    )


def run(root: Path, json_file: Path | None, say: Say, keep: bool = False) -> bool:
    """Start a system from a clean state, play, check, stop it; whether every check held."""
    started = time.monotonic()
    system = System(root, settings=SETTINGS)
    system.wipe()
    try:
        system.start(say)
        say(f"ready after {time.monotonic() - started:.1f} s")
        entries, checks = asyncio.run(play(system, say))
    finally:
        if not keep:
            with suppress(Exception):
                system.stop()
    if json_file is not None:
        result = {
            "timeline": [e.as_data() for e in entries],
            "checks": [vars(c) for c in checks],
            "seconds": round(time.monotonic() - started, 1),
        }
        json_file.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n")
    held = sum(c.held for c in checks)
    say(
        f"\n{held} of {len(checks)} checks held, {len(entries)} events, "
        f"{time.monotonic() - started:.1f} s"
    )
    return held == len(checks)
