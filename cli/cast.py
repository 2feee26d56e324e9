"""Who acts in the demo's stories: clients over HTTP, who wait for what follows from each act."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx

from cli.timeline import Entry, Timeline
from deploy.local.mailbox import Unread, verification_link
from deploy.local.system import System
from services.members import principles
from shared.events import Event
from shared.events.ids import ContactRef
from shared.events.matches import ContributionDelivered, MatchAgreed
from shared.events.members import MemberAdmitted

TODAY = datetime.now(UTC).date().isoformat()
PRINCIPLES = list(principles.CODES)

FOLLOWING = {"rounds", "verifier"}
"""Workers that may record something about what was handled before."""

Json = dict[str, Any]


class Refusal(RuntimeError):
    """A step of the story was refused; the message holds the problem."""


class Cast:
    """Who acts: HTTP clients by service, and the members' ids by a short name."""

    def __init__(self, system: System, timeline: Timeline, say: Callable[[str], None]) -> None:
        self._system = system
        self._http = httpx.AsyncClient(timeout=30)
        self._timeline = timeline
        self._say = say
        self._inbox = Unread(system.addresses.maildir)
        self._contacts: dict[str, str] = {}
        self.ids: dict[str, str] = {}
        self._shown = -1

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def step(self, words: str) -> None:
        """Announce the next step, once all that followed from the last one was shown."""
        await self.at_rest()
        self._say(f"\n▶ {words}")

    async def at_rest(self, timeout: float = 60.0) -> None:
        """Return when nothing is on its way: no backlog, no lag, no round, no mail to be sent, all
        shown.

        Raises TimeoutError with what is left.
        """
        deadline = time.monotonic() + timeout
        while True:
            found = [await self.get(s, "/health/progress") for s in self._system.services]
            queued = await self.get("notify", "/notices?status=queued")
            waits = sum(p["backlog"] + sum(p["lag"].values()) for p in found) + len(queued)
            waits += sum(len(FOLLOWING & set(p["at_work"])) for p in found)
            recorded = sum(p["recorded"] for p in found)
            if not waits and self._shown == recorded == len(self._timeline.entries):
                return  # twice the same, so nothing was recorded in between
            self._shown = len(self._timeline.entries) if not waits else -1
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"not at rest after {timeout:g} s: {found}, {len(queued)} queued"
                )
            await asyncio.sleep(0.05)

    async def post(
        self, who: str, service: str, path: str, body: Json | None = None, method: str = "POST"
    ) -> Any:
        """A request as `who` ("operator", or a member's short name). Raises Refusal."""
        member_id = self.ids.get(who)
        roles = ("operator",) if who == "operator" else ("core", "member", "monitor")
        answer = await self._http.request(
            method,
            self._system.url(service) + path,
            json=body,
            headers={
                **self._system.authorization(who, member_id, roles),
                "Idempotency-Key": str(uuid4()),
                "If-Match": "*",
            },
        )
        if answer.is_error:
            raise Refusal(f"{who}: {method} {path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None

    async def get(self, service: str, path: str) -> Any:
        """What a service tells anyone."""
        answer = await self._http.get(self._system.url(service) + path)
        answer.raise_for_status()
        return answer.json()

    async def until(
        self, what: str, wanted: Callable[[Event], bool], times: int = 1
    ) -> list[Event]:
        """Wait until `times` events that are wanted were shown; they."""

        def happened(entries: list[Entry]) -> bool:
            return sum(wanted(e.event) for e in entries) >= times

        await self._timeline.until(happened, what)
        return [e.event for e in self._timeline.entries if wanted(e.event)]

    async def reach(self, side: str, language: str, *who: str) -> dict[str, str]:
        """Addresses in notify's vault, which those who read them verify; what points to each."""
        zone = "Europe/Kyiv" if side == "ukraine" else "Europe/Brussels"

        async def write(each: str) -> str:
            contact = str(ContactRef.new())
            address = {"email": f"{each}@example.org", "language": language, "timezone": zone}
            await self.post("operator", "notify", f"/contacts/{contact}", address, "PUT")
            return contact

        found = await asyncio.gather(*map(write, who))
        await self._verify(*who)
        self._contacts |= dict(zip(who, found, strict=True))
        return self._contacts

    async def _verify(self, *who: str, timeout: float = 60.0) -> None:
        """Each reads its mail and follows the link that verifies its address, once.

        Raises TimeoutError with those that got none.
        """
        missing, deadline = {f"{each}@example.org" for each in who}, time.monotonic() + timeout
        while missing:
            found = {str(m["To"]): verification_link(m) for m in self._inbox.unread()}
            links = [link for to, link in found.items() if link and to in missing]
            for answer in await asyncio.gather(*map(self._http.post, links)):
                answer.raise_for_status()
            missing -= found.keys()
            if missing and time.monotonic() > deadline:
                raise TimeoutError(f"no mail to verify {', '.join(sorted(missing))}")
            await asyncio.sleep(0.02 if missing else 0)

    async def join(self, who: str, endorser: str, language: str, body: Json) -> None:
        """A body gets a contact in the vault, if it has none, applies, and is admitted."""
        if who not in self._contacts:
            await self.reach(body["side"], language, who)
        application = body | {
            "organisation_id": f"XI-ALLIANCE-{who.upper()}",
            "contact_ref": self._contacts[who],
            "principles": PRINCIPLES,
            "principles_version": principles.CURRENT,
        }
        member = await self.post("operator", "members", "/members", application)
        self.ids[who] = member["id"]
        reason = {"reason": "known to us, and committed to the principles"}
        await self.post(endorser, "members", f"/members/{member['id']}/endorsements", reason)
        await self.until(
            f"admission of {who}",
            lambda e: isinstance(e, MemberAdmitted) and e.member_id == member["id"],
        )

    async def agree(self, need_id: str, parties: dict[str, str], owner: str) -> list[str]:
        """Both sides of every proposal for a need accept it; the matches' ids."""
        proposals = await self.get("matching", f"/matches?need_id={need_id}&status=proposed")
        short = {member_id: who for who, member_id in self.ids.items()}
        for match in proposals:
            path = f"/matches/{match['id']}/acceptances"
            await self.post(short[match["partner_id"]], "matching", path)
            await self.post(owner, "matching", path)
        await self.until(
            "agreement of all proposals",
            lambda e: isinstance(e, MatchAgreed) and e.need_id == need_id,
            len(proposals),
        )
        return [match["id"] for match in proposals]

    async def deliver(self, owner: str, match_ids: list[str], scopes: dict[str, str]) -> None:
        """The owner confirms that each match has arrived, whole."""
        for match_id in match_ids:
            match = await self.get("matching", f"/matches/{match_id}")
            scope = scopes.get(str(match["need_line"]), "as agreed")
            body = {"date": TODAY, "scope": scope}
            await self.post(owner, "matching", f"/matches/{match_id}/deliveries", body)
        await self.until(
            "delivery",
            lambda e: isinstance(e, ContributionDelivered) and e.match_id in match_ids,
            len(match_ids),
        )
