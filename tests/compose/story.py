"""Irpin's and Cascais's story, played on a deployment through its gateway; and its logs."""

import asyncio
from dataclasses import dataclass
from typing import Any

from cli import story
from cli.timeline import Entry
from shared.events import Envelope
from tests.compose.acting import Company, Tokens
from tests.compose.deployment import Deployment
from tests.compose.following import Followed
from tests.waiting import within


@dataclass(frozen=True)
class Played:
    """The events in the order they were shown, the members by their short names."""

    entries: list[Entry]
    members: dict[str, str]


PARTS = (story.alliance, story.irpin)


def play(deployment: Deployment, tokens: Tokens, parts: Any = PARTS) -> Played:
    """Play these parts of the demo's stories. Raises what the story raises."""
    return asyncio.run(_play(deployment, tokens, parts))


async def _play(deployment: Deployment, tokens: Tokens, parts: Any) -> Played:
    timeline = Followed(deployment)
    following = asyncio.create_task(timeline.follow())
    cast = Company(deployment, timeline, tokens)
    try:
        for part in parts:
            playing = asyncio.ensure_future(part(cast))
            await asyncio.wait({playing, following}, return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                playing.cancel()
                following.result()
            await playing
        await cast.at_rest()
    finally:
        await cast.close()
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    return Played(timeline.entries, cast.ids)


def logs(deployment: Deployment) -> dict[str, list[Envelope]]:
    """Every owner's log as the bus has it now, in its order; each is gapless from 0."""
    return asyncio.run(_logs(deployment))


async def _logs(deployment: Deployment) -> dict[str, list[Envelope]]:
    timeline = Followed(deployment)
    following = asyncio.create_task(timeline.follow())
    try:
        async with asyncio.timeout(within(60)):
            while not timeline.entries:
                await asyncio.wait({following}, timeout=0.2)
                if following.done():
                    following.result()
        await timeline.quiet(2.0, within(60))
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    found: dict[str, list[Envelope]] = {}
    for entry in timeline.entries:
        found.setdefault(entry.envelope.source.removeprefix("/"), []).append(entry.envelope)
    for owner, log in found.items():
        assert [e.sequence for e in log] == list(range(len(log))), f"{owner}'s log has a gap"
    return found
