"""The two stories that the demo plays: Cascais and Irpin, and Borodianka's kindergarten.

What is known of them is played as it was (docs/demo.md gives the sources and names what is the
demo's own: who endorsed whom, who verified, the days of the steps, the split between Borodianka's
two equipment donors, whom the sources do not name, and the rate of the hryvnia).
"""

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
from services.members import founding, principles
from shared.events import Event
from shared.events.ids import ContactRef
from shared.events.matching import (
    ContributionDelivered,
    MatchAgreed,
    MatchProposed,
    NeedCovered,
    PledgeMade,
    RatesSet,
)
from shared.events.members import MemberAdmitted, PartnershipConfirmed, PartnershipDeclared

TODAY = datetime.now(UTC).date().isoformat()
PRINCIPLES = list(principles.CODES)
IRPIN, BORODIANKA = "UA32080150010049888", "UA32080030010080493"

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

    async def _verify(self, *who: str, timeout: float = 30.0) -> None:
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


async def alliance(cast: Cast) -> None:
    """The founding core members, and the exchange rates."""
    await cast.step("The operator records the twelve founding core members and the exchange rates")
    short = {m.organisation_id.removeprefix("XI-ALLIANCE-").lower(): m for m in founding.MEMBERS}
    for side, language in (("ukraine", "uk"), ("partner", "en")):
        reached = await cast.reach(side, language, *(w for w, m in short.items() if m.side == side))
    contacts = {m.organisation_id: reached[who] for who, m in short.items()}
    found = await cast.post("operator", "members", "/founding-members", {"contacts": contacts})
    for member in found:
        cast.ids[member["organisation_id"].removeprefix("XI-ALLIANCE-").lower()] = member["id"]
    rates = {
        "date": TODAY,
        "source": "a round rate for the demo, no quotation",
        "per_eur": {"UAH": "40.0000"},
    }
    await cast.post("operator", "matching", "/rates", rates)
    await cast.until("founding members", lambda e: isinstance(e, MemberAdmitted), 12)
    await cast.until("rates", lambda e: isinstance(e, RatesSet))


async def irpin(cast: Cast) -> None:
    """Cascais and Irpin: EUR 500,000 for a crèche, delivered as a restored kindergarten."""
    await cast.step("Irpin and Cascais join, each endorsed by a core member of its side")
    names = {"uk": "Ірпінь", "en": "Irpin"}
    hromada = {"side": "ukraine", "kind": "hromada", "country": "UA"}
    await cast.join("irpin", "auc", "uk", hromada | {"names": names, "territory": IRPIN})
    city = {"side": "partner", "kind": "city", "country": "PT"}
    cascais = {"names": {"pt": "Cascais", "en": "Cascais", "uk": "Кашкайш"}}
    await cast.join("cascais", "cemr", "en", city | cascais)

    await cast.step("Cascais declares its partnership with Irpin (signed 23 June 2022)")
    twinning = {"with_member": cast.ids["irpin"], "statement": "Twinned since 23 June 2022."}
    partnership = await cast.post("cascais", "members", "/partnerships", twinning)
    await cast.until("partnership", lambda e: isinstance(e, PartnershipDeclared))

    await cast.step("Irpin confirms it")
    await cast.post("irpin", "members", f"/partnerships/{partnership['id']}/confirmation")
    await cast.until("confirmation", lambda e: isinstance(e, PartnershipConfirmed))

    await cast.step("Irpin posts a need: a crèche")
    need = {
        "place": IRPIN,
        "sector": "education",
        "project_type": "construction",
        "title": {"uk": "Ясла в Ірпені", "en": "A crèche in Irpin"},
        "lines": [_money(1, "500000.00", "EUR", "building a crèche")],
        "urgency": "high",
        "urgency_reason": "Families are coming back and the kindergartens are damaged.",
    }
    need_id = (await cast.post("irpin", "projects", "/needs", need))["id"]

    await cast.step("Cascais pledges EUR 500,000 for Irpin (announced 22 June 2022)")
    pledge = {
        "title": {"en": "A crèche for Irpin", "uk": "Ясла для Ірпеня"},
        "lines": [_money(1, "500000.00", "EUR", "a crèche")],
        "earmark": {"territories": [IRPIN]},
    }
    await cast.post("cascais", "matching", "/pledges", pledge)
    await cast.until("proposal", lambda e: isinstance(e, MatchProposed) and e.need_id == need_id)

    await cast.step("Both sides accept")
    match_ids = await cast.agree(need_id, cast.ids, "irpin")
    await cast.until("coverage", lambda e: isinstance(e, NeedCovered) and e.need_id == need_id)

    await cast.step("Work begins, and its first milestone is met")
    start = {"start_date": TODAY, "planned_scope": "a new crèche"}
    await cast.post("irpin", "projects", f"/needs/{need_id}/start", start)
    milestone = {
        "milestone": 1,
        "title": {"uk": "Дах відновлено", "en": "The roof is restored"},
        "status": "met",
        "date": TODAY,
    }
    await cast.post("irpin", "projects", f"/needs/{need_id}/milestones", milestone)

    await cast.step(
        "Cascais's contribution arrives, with a changed scope; the project is completed"
    )
    scope = "the restored kindergarten “Chervona Kalyna”"
    await cast.deliver("irpin", match_ids, {"1": scope})
    completion = {
        "end_date": TODAY,
        "final_value": [{"amount": "500000.00", "currency": "EUR"}],
        "final_scope": scope,
        "scope_reason": "A damaged kindergarten could be restored sooner than a crèche be built.",
    }
    await cast.post("irpin", "projects", f"/needs/{need_id}/completion", completion)
    await _verify(cast, need_id, "Visited: the kindergarten “Chervona Kalyna” is open.")


async def borodianka(cast: Cast) -> None:
    """Borodianka's kindergarten “Pinocchio”: one need, six donors, two currencies."""
    await cast.step("Borodianka and six donors join")
    names = {"uk": "Бородянка", "en": "Borodianka"}
    hromada = {"side": "ukraine", "kind": "hromada", "country": "UA"}
    await cast.join("borodianka", "auc", "uk", hromada | {"names": names, "territory": BORODIANKA})
    donors = {
        "repairs": "the donor of the repairs",
        "equipment1": "the first donor of equipment",
        "equipment2": "the second donor of equipment",
        "shelter": "the donor of the shelter",
        "water": "the donor of the water system",
        "hryvnias": "the donor of one million hryvnias",
    }
    await cast.reach("partner", "en", *donors)
    for who, name in donors.items():
        body = {"side": "partner", "kind": "donor", "country": "BE", "names": {"en": name}}
        await cast.join(who, "eurocities", "en", body)

    await cast.step("Borodianka posts one need with four lines")
    need = {
        "place": BORODIANKA,
        "sector": "education",
        "project_type": "rehabilitation",
        "title": {"uk": "Дитячий садок «Піноккіо»", "en": "Kindergarten “Pinocchio”"},
        "lines": [
            _goods(1, "building-repairs", "set", "repairs of the building"),
            _money(2, "525000.00", "EUR", "equipment"),
            _goods(3, "shelter", "piece", "a shelter"),
            _goods(4, "water-system", "set", "a water system"),
        ],
        "urgency": "critical",
        "urgency_reason": "The building is damaged and the children have no shelter.",
    }
    need_id = (await cast.post("borodianka", "projects", "/needs", need))["id"]

    await cast.step("Six partners pledge parts of it, in kind, in euros and in hryvnias")
    lines = {
        "repairs": _goods(1, "building-repairs", "set", "repairs"),
        "equipment1": _money(1, "250000.00", "EUR", "equipment"),
        "equipment2": _money(1, "250000.00", "EUR", "equipment"),
        "shelter": _goods(1, "shelter", "piece", "a shelter"),
        "water": _goods(1, "water-system", "set", "a water system"),
        "hryvnias": _money(1, "1000000.00", "UAH", "equipment"),
    }
    for who, line in lines.items():
        pledge = {
            "title": {"en": f"For “Pinocchio”: {line['purpose']}"},
            "lines": [line],
            "earmark": {"need_id": need_id},
        }
        await cast.post(who, "matching", "/pledges", pledge)
    await cast.until("pledges", lambda e: isinstance(e, PledgeMade), 7)
    await cast.until(
        "proposals", lambda e: isinstance(e, MatchProposed) and e.need_id == need_id, 6
    )

    await cast.step("Borodianka and each of the six accept")
    match_ids = await cast.agree(need_id, cast.ids, "borodianka")
    await cast.until("coverage", lambda e: isinstance(e, NeedCovered) and e.need_id == need_id)

    await cast.step(
        "Work begins; all six contributions arrive; the project is completed as planned"
    )
    scope = "the repaired kindergarten with equipment, shelter and water"
    start = {"start_date": TODAY, "planned_scope": scope}
    await cast.post("borodianka", "projects", f"/needs/{need_id}/start", start)
    await cast.deliver("borodianka", match_ids, {})
    completion = {
        "end_date": TODAY,
        "final_value": [
            {"amount": "500000.00", "currency": "EUR"},
            {"amount": "1000000.00", "currency": "UAH"},
        ],
        "final_scope": scope,
    }
    await cast.post("borodianka", "projects", f"/needs/{need_id}/completion", completion)
    await _verify(cast, need_id, "Visited: the kindergarten works, with shelter and water.")


async def _verify(cast: Cast, need_id: str, report: str) -> None:
    await cast.step("The European Committee of the Regions verifies it, as an independent monitor")
    body = {"finding": "confirmed", "report": report}
    await cast.post("cor", "projects", f"/needs/{need_id}/verification", body)


def _money(line: int, amount: str, currency: str, purpose: str) -> Json:
    money = {"amount": amount, "currency": currency}
    return {"kind": "funding", "line": line, "amount": money, "purpose": purpose}


def _goods(line: int, category: str, unit: str, purpose: str) -> Json:
    quantity = {"quantity": 1, "unit": unit}
    return {
        "kind": "goods",
        "line": line,
        "category": category,
        "amount": quantity,
        "purpose": purpose,
    }
