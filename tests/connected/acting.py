"""Acting on a running system by HTTP as its members, and reading what came of it."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar
from uuid import uuid4

import httpx
from pymongo import MongoClient

from cli.cast import PRINCIPLES
from cli.services import known
from cli.story import IRPIN
from deploy.local.system import System
from services.members import principles
from shared.events import Envelope, Event, read_event
from shared.log import INBOX, LOG, envelope
from shared.worker import LEASES
from tests.waiting import within

Json = dict[str, Any]
T = TypeVar("T")

THREE = ("members", "projects", "matching")
"""The services that hold the state; notify only listens."""


async def until(
    what: Callable[[], Awaitable[T]] | Callable[[], T],
    timeout: float = 30.0,
    say: str = "",
    every: float = 0.05,
) -> T:
    """What `what` gives, as soon as it is true. Raises TimeoutError."""
    timeout = within(timeout)
    deadline = time.monotonic() + timeout
    while True:
        given = what()
        found: T = await given if isinstance(given, Awaitable) else given
        if found:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"{say or 'it'} is still {found!r} after {timeout:g} s")
        await asyncio.sleep(every)


def euros(amount: int | str, line: int = 1) -> Json:
    """A funding line in euros."""
    money = {"amount": f"{amount}.00" if isinstance(amount, int) else amount, "currency": "EUR"}
    return {"kind": "funding", "line": line, "amount": money}


class Acting:
    """The members of a running system: who they are, what they ask by HTTP, what was recorded."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.ids: dict[str, str] = {}
        self._numbers = itertools.count(1)
        self._http = httpx.AsyncClient(
            timeout=60, limits=httpx.Limits(max_connections=None, max_keepalive_connections=0)
        )
        self.store: MongoClient[Json] = MongoClient(system.addresses.mongodb)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()
        self.store.close()

    # --- asking ---------------------------------------------------------------------------------

    async def ask(
        self,
        who: str,
        service: str,
        path: str,
        body: Json | None = None,
        *,
        key: str | None = None,
        method: str = "POST",
        roles: tuple[str, ...] | None = None,
        **headers: str,
    ) -> httpx.Response:
        """A POST as `who` ("operator", or a member's name) under a new Idempotency-Key or `key`.

        As every role that `who` may have, but where `roles` says it. Headers by name, `_` for `-`.
        """
        if roles is None:
            roles = ("operator",) if who == "operator" else ("core", "member", "monitor")
        return await self._http.request(
            method,
            self.system.url(service) + path,
            json=body,
            headers={
                **self.system.authorization(who, self.ids.get(who), roles),
                "Idempotency-Key": key or str(uuid4()),
                "If-Match": "*",
                **{name.replace("_", "-"): value for name, value in headers.items()},
            },
        )

    async def done(self, who: str, service: str, path: str, body: Json | None = None) -> Any:
        """The same where it must succeed: what was answered."""
        answer = await self.ask(who, service, path, body)
        assert answer.status_code == 201, f"{who} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def read(self, service: str, path: str) -> httpx.Response:
        """A GET without a token, as anyone may."""
        return await self._http.get(self.system.url(service) + path)

    async def got(self, service: str, path: str) -> Any:
        """The same where it must succeed: what was answered."""
        answer = await self.read(service, path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    # --- the usual acts -------------------------------------------------------------------------

    async def found(self) -> None:
        """The founding core members."""
        for member in await self.done("operator", "members", "/founding-members", {}):
            self.ids[member["organisation_id"].removeprefix("XI-ALLIANCE-").lower()] = member["id"]

    async def admit(self, who: str, side: str, place: str = IRPIN) -> str:
        """A body applies and a core member of its side vouches for it; its id."""
        member_id = await self.apply(who, side, place)
        endorser = "auc" if side == "ukraine" else "cemr"
        reason = {"reason": "known to us"}
        await self.done(endorser, "members", f"/members/{member_id}/endorsements", reason)
        return member_id

    async def apply(
        self, who: str, side: str, place: str = IRPIN, contact_ref: str | None = None
    ) -> str:
        """A body applies; its id."""
        body: Json = {
            "side": side,
            "kind": "hromada" if side == "ukraine" else "city",
            "country": "UA" if side == "ukraine" else "PT",
            "organisation_id": f"XI-TEST-{who.upper()}",
            "names": {"en": who.title()},
            "principles": PRINCIPLES,
            "principles_version": principles.CURRENT,
        }
        if side == "ukraine":
            body["territory"] = place
        if contact_ref:
            body["contact_ref"] = contact_ref
        member = await self.done("operator", "members", "/members", body)
        self.ids[who] = member["id"]
        return str(member["id"])

    async def open(self, *, authorities: int = 1, partners: int = 1) -> None:
        """The alliance with members who can act: `irpin`, `irpin2` …; `cascais`, `cascais2` …"""
        await self.found()
        for prefix, side, number in (
            ("irpin", "ukraine", authorities),
            ("cascais", "partner", partners),
        ):
            for n in range(1, number + 1):
                await self.admit(prefix if n == 1 else f"{prefix}{n}", side)
        await self.at_rest()

    def a_need(self, *lines: Json, title: str = "") -> Json:
        """What an authority posts."""
        return {
            "place": IRPIN,
            "sector": "education",
            "project_type": "rehabilitation",
            "title": {"en": title or f"Need {next(self._numbers)}"},
            "lines": list(lines or (euros(100),)),
        }

    async def post_need(self, who: str, *lines: Json) -> str:
        """A need of `who`'s; its id."""
        return str((await self.done(who, "projects", "/needs", self.a_need(*lines)))["id"])

    async def pledge(self, who: str, *lines: Json, need_id: str | None = None) -> str:
        """A pledge of `who`'s, for one need only if it is given; its id."""
        body: Json = {"title": {"en": "A pledge"}, "lines": list(lines or (euros(100),))}
        if need_id:
            body["earmark"] = {"need_id": need_id}

        async def taken() -> str:
            """Matching knows of a need a little later than projects."""
            answer = await self.ask(who, "matching", "/pledges", body)
            if answer.status_code == 422 and answer.json()["field"] == "/earmark/need_id":
                return ""
            assert answer.status_code == 201, answer.text
            return str(answer.json()["id"])

        return await until(taken, say=f"a pledge for {need_id}")

    async def proposals(self, need_id: str, number: int = 1) -> list[Json]:
        """The proposed matches of a need, as soon as there are `number`."""

        async def enough() -> list[Json]:
            found: list[Json] = await self.got(
                "matching", f"/matches?need_id={need_id}&status=proposed"
            )
            return found if len(found) >= number else []

        return await until(enough, say=f"proposals for {need_id}", every=0.15)

    # --- what came of it ------------------------------------------------------------------------

    def log(self, owner: str) -> list[Envelope]:
        """What a service recorded, in order of its positions; what has none yet is not there."""
        found = self.store[owner][LOG].find({"position": {"$ne": None}}).sort("position", 1)
        return [envelope(owner, document) for document in found]

    def events(self, owner: str) -> list[Event]:
        """The same, read."""
        return [read_event(e) for e in self.log(owner)]

    def recorded(self) -> dict[str, int]:
        """How many events each service has recorded."""
        return {s: self.store[s][LOG].count_documents({}) for s in self.system.services}

    def inbox(self, service: str) -> set[str]:
        """`/source id` of every event that a service has handled."""
        return {str(d["_id"]) for d in self.store[service][INBOX].find({}, {"_id": 1})}

    def unhandled(self) -> dict[str, list[str]]:
        """What was recorded and not handled yet, by the service that must; or not published."""
        found: dict[str, list[str]] = {}
        for service in self.system.services:
            if pending := [str(d["_id"]) for d in self.store[service][LOG].find({"pending": True})]:
                found[f"{service} has not sequenced"] = pending
            counters = self.store[service][LEASES].find_one({"_id": "relay"}) or {}
            if behind := counters.get("next", 0) - counters.get("published", 0):
                found[f"{service} has not published"] = [str(behind)]
            if (on := known(service).on) is None:
                continue
            wanted = {event.ce_type() for event in on.events()}
            have = self.inbox(service)
            for topic in on.topics():
                owner = topic.removesuffix(".events")
                if owner in self.system.services:
                    left = [e for e in self.log(owner) if e.type in wanted]
                    missing = [e.id for e in left if f"/{owner} {e.id}" not in have]
                    if missing:
                        found[f"{service} has not handled of {owner}"] = missing
        return found

    async def deciding(self) -> list[str]:
        """The instances of matching that are in a round now, or about to begin one."""
        found = []
        for name in [n for n in self.system.ports if n.partition("-")[0] == "matching"]:
            with suppress(httpx.TransportError):  # one that is down decides nothing
                if "rounds" in (await self.got(name, "/health/progress"))["at_work"]:
                    found.append(name)
        return found

    async def at_rest(self, timeout: float = 60.0) -> None:
        """Return when all that was recorded is published and handled, and nothing new follows.

        Raises TimeoutError with what is left.
        """
        timeout = within(timeout)
        deadline, before = time.monotonic() + timeout, None
        while True:
            now = self.recorded()
            left = self.unhandled()
            if not left and (deciding := await self.deciding()):
                left = {"in a round": deciding}
            if not left and now == before == self.recorded():
                return
            before = now if not left else None
            if time.monotonic() > deadline:
                told = {what: f"{len(ids)}, such as {ids[:3]}" for what, ids in left.items()}
                raise TimeoutError(f"not at rest after {timeout:g} s: {told}, {now}")
            await asyncio.sleep(0.25)
