"""Posting many needs: several at a time, each once, however often the import is run again."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cli.acts import key_of
from cli.client import CannotAsk, Client, Problem
from cli.importing import Draft

HOPELESS = (401, 403)
"""Statuses after which no other need of the same member would be taken."""


@dataclass
class Outcome:
    """What became of an import so far."""

    posted: int = 0
    there_already: int = 0
    refused: list[tuple[Draft, Problem]] = field(default_factory=list)
    stopped: Exception | None = None

    @property
    def done(self) -> int:
        """How many needs have an answer."""
        return self.posted + self.there_already + len(self.refused)


def key(draft: Draft, member_id: str | None) -> str:
    """The Idempotency-Key of a need: who asks, what, and its ref or how many-th of its content.

    Rows may be added, left out and put in another order before the import is repeated.
    """
    return key_of("import", member_id, draft.name, draft.body)


async def post_all(
    client: Client,
    drafts: Sequence[Draft],
    member_id: str | None,
    outcome: Outcome,
    at_once: int,
    tell: Callable[[Outcome], None],
) -> None:
    """Post needs, `at_once` at a time; `tell` is called after each.

    Ends early, with `outcome.stopped`, where a service is away for good or takes none of them.
    """
    waiting = iter(drafts)

    async def work() -> None:
        for draft in waiting:
            try:
                answer = await client.post(
                    "projects", "needs", body=draft.body, key=key(draft, member_id)
                )
            except Problem as problem:
                outcome.refused.append((draft, problem))
                if problem.status in HOPELESS:
                    outcome.stopped = problem
            except CannotAsk as error:
                outcome.stopped = error
            else:
                if answer.headers.get("Idempotency-Replayed"):
                    outcome.there_already += 1
                else:
                    outcome.posted += 1
            tell(outcome)
            if outcome.stopped:
                return

    await asyncio.gather(*(work() for _ in range(at_once)))
