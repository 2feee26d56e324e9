"""A market of forty members who ask, pledge and change their minds at random, by HTTP."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import islice
from uuid import uuid4

import httpx

from shared.codelists import places
from shared.events.rounds import MatchingRoundCompleted
from shared.log import LOG
from tests.connected.acting import Acting, Json, until

WHY = {"reason": "it turned out otherwise"}
SECTORS = ("education", "health", "energy", "waterAndWaste")
ITEMS = (("truck", "piece"), ("boiler", "piece"), ("pipe", "kilometre"))
RATES = {"UAH": "40.1234", "PLN": "4.6590"}
SIDE = 20
"""Authorities, and as many partners."""

REFUSED = {
    403: ("not-admitted", "not-an-authority", "not-a-partner"),
    404: ("not-found",),
    409: (
        "already-matched",
        "match-closed",
        "need-closed",
        "need-committed",
        "not-admitted",
        "not-eligible",
        "pledge-closed",
        "pledge-committed",
        "version-conflict",
    ),
    422: ("invalid-input",),
}
"""Which refusals may be right here: others changed what a member acts on since it looked."""

REPEATS = 5
"""How often a member repeats what was answered 503, where forty of them change the same things and
the machine is slow; under its Idempotency-Key, so it counts once whatever became of the first."""

FIELDS = ("/reserved", "/earmark/need_id", "/amount")
"""What of a body may be wrong meanwhile: how much fits, whether matching has heard of a need, and
how much of a match is still to come."""


@dataclass
class Answers:
    """What all that was asked came to."""

    counted: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def note(self, act: str, answer: httpx.Response) -> None:
        """One answer; it is wrong unless it is a yes or a refusal that can be right."""
        if answer.is_success:
            self.counted[f"{act} {answer.status_code}"] += 1
            return
        problem = answer.json() if "json" in answer.headers.get("content-type", "") else {}
        kind = str(problem.get("type", "")).rpartition(":")[2]
        self.counted[f"{act} {answer.status_code} {kind}"] += 1
        right = kind in REFUSED.get(answer.status_code, ())
        if answer.status_code == 422:
            right &= problem.get("field") in FIELDS
        if not right:
            self.wrong.append(f"{act}: {answer.status_code} {answer.text}")


class Market:
    """Members who act for so many seconds, each one thing after the other; on a machine on which
    that is not enough for so many rounds, four times as long at most."""

    def __init__(
        self, acting: Acting, seed: int, seconds: float, rounds: int, pause: float = 0.3
    ) -> None:
        self.answers = Answers()
        self.authorities = [f"hromada{n}" for n in range(1, SIDE + 1)]
        self.partners = [f"city{n}" for n in range(1, SIDE + 1)]
        self._acting = acting
        self._random = random.Random(seed)
        self._open = True
        self._seconds = seconds
        self._rounds = rounds
        self._pause = pause
        self._places: dict[str, str] = {}
        self._needs: dict[str, list[Json]] = {who: [] for who in self.authorities}
        self._pledges: dict[str, list[Json]] = {who: [] for who in self.partners}

    async def open(self) -> None:
        """The members join, some are twinned, and there are rates."""
        a = self._acting
        await a.found()
        hromadas = (p.code for p in places().values() if p.category == "H")
        codes = list(islice(hromadas, 0, 1400, 70))
        await asyncio.gather(
            *(a.admit(w, "ukraine", c) for w, c in zip(self.authorities, codes, strict=True)),
            *(a.admit(w, "partner") for w in self.partners),
        )
        self._places = dict(zip(self.authorities, codes, strict=True))
        rates = {"date": "2023-08-31", "source": "an example, no quotation", "per_eur": RATES}
        await a.done("operator", "matching", "/rates", rates)
        for authority, partner in zip(self.authorities[:5], self.partners[:5], strict=True):
            body = {"with_member": a.ids[partner], "statement": "twinned"}
            declared = await a.done(authority, "members", "/partnerships", body)
            path = f"/partnerships/{declared['id']}/confirmation"
            await a.done(partner, "members", path)
        asked = await a.done("operator", "matching", "/rounds", {"reason": "the solver starts"})

        async def completed() -> bool:
            found: Json = await a.got("matching", f"/rounds/{asked['id']}")
            return bool(found["status"] == "completed")

        ready: bool = await until(completed, 60, "whether the first round is completed")
        assert ready
        await a.at_rest()

    async def go_on(self) -> None:
        """All members act; one of each side is suspended in between, and reinstated."""
        await asyncio.gather(
            self._closes(),
            *(self._live(who, self._an_authority) for who in self.authorities),
            *(self._live(who, self._a_partner) for who in self.partners),
            self._suspends(self.authorities[0], 0.3),
            self._suspends(self.partners[0], 0.5),
        )

    async def _closes(self) -> None:
        began = time.monotonic()
        await asyncio.sleep(self._seconds)
        decided = {"type": MatchingRoundCompleted.type}
        log = self._acting.store["matching"][LOG]
        while time.monotonic() < began + 4 * self._seconds:
            if await asyncio.to_thread(log.count_documents, decided) >= self._rounds:
                break
            await asyncio.sleep(1)
        self._open = False

    async def _live(self, who: str, acts: Callable[[str], Awaitable[None]]) -> None:
        while self._open:
            await asyncio.sleep(self._random.uniform(0.5, 1.5) * self._pause)
            await acts(who)

    async def _suspends(self, who: str, share: float) -> None:
        """A member is barred for a fifth of the time."""
        await asyncio.sleep(share * self._seconds)
        for what in ("suspension", "reinstatement"):
            path = f"/members/{self._acting.ids[who]}/{what}"
            await self._acting.done("operator", "members", path, WHY)
            await asyncio.sleep(0.2 * self._seconds)

    async def _ask(self, act: str, who: str, service: str, path: str, body: Json | None) -> Json:
        key = str(uuid4())
        for _ in range(REPEATS):
            answer = await self._acting.ask(who, service, path, body, key=key)
            if answer.status_code != 503:
                break
            self.answers.counted[f"{act} 503, repeated as it says"] += 1
            await asyncio.sleep(float(answer.headers["Retry-After"]))
        self.answers.note(act, answer)
        return answer.json() if answer.is_success else {}

    # --- what each side does --------------------------------------------------------------------

    async def _an_authority(self, who: str) -> None:
        mine, r = self._needs[who], self._random
        act = r.choices(
            ("post", "amend", "withdraw", "answer", "deliver", "propose"), (4, 2, 1, 8, 4, 4)
        )[0]
        if act == "post" or not mine:
            if body := await self._ask("post need", who, "projects", "/needs", self._a_need(who)):
                mine.append(body)
        elif act == "amend":
            need = r.choice(mine)
            lines = [self._changed(line) for line in need["lines"]]
            body = WHY | ({"urgency": "normal"} if r.random() < 0.2 else {"lines": lines})
            path = f"/needs/{need['id']}/amendments"
            await self._ask("amend need", who, "projects", path, body)
        elif act == "withdraw":
            path = f"/needs/{r.choice(mine)['id']}/withdrawal"
            await self._ask("withdraw need", who, "projects", path, WHY)
        elif act == "propose":
            await self._propose(who)
        else:
            await self._answer_or_deliver(who, act)

    async def _a_partner(self, who: str) -> None:
        mine, r = self._pledges[who], self._random
        act = r.choices(("pledge", "amend", "withdraw", "answer", "propose"), (4, 2, 1, 8, 4))[0]
        if act == "pledge" or not mine:
            if body := await self._ask("pledge", who, "matching", "/pledges", self._a_pledge()):
                mine.append(body)
        elif act == "amend":
            pledge = r.choice(mine)
            lines = [self._changed(b["line"]) for b in pledge["balances"]]
            path = f"/pledges/{pledge['id']}/amendments"
            await self._ask("amend pledge", who, "matching", path, WHY | {"lines": lines})
        elif act == "withdraw":
            path = f"/pledges/{r.choice(mine)['id']}/withdrawal"
            await self._ask("withdraw pledge", who, "matching", path, WHY)
        elif act == "propose":
            await self._propose(who)
        else:
            await self._answer_or_deliver(who, act)

    async def _answer_or_deliver(self, who: str, act: str) -> None:
        """A yes or a no to a proposal, or word of what has arrived of a match."""
        side = "authority_id" if who in self._needs else "partner_id"
        status = "agreed" if act == "deliver" else "proposed"
        path = f"/matches?{side}={self._acting.ids[who]}&status={status}"
        open_: list[Json] = await self._acting.got("matching", path)
        if not open_:
            return
        waited_for = [m for m in open_ if m["accepted"]]
        match = self._random.choice(waited_for or open_)
        if act == "deliver":
            body: Json = {"date": "2023-08-31", "scope": "what was asked for"}
            if self._random.random() < 0.3:
                body["amount"] = _part(match["reserved"])
            path = f"/matches/{match['id']}/deliveries"
            await self._ask("deliver", who, "matching", path, body)
        elif self._random.random() < 0.8:
            await self._ask("accept", who, "matching", f"/matches/{match['id']}/acceptances", None)
        else:
            await self._ask("decline", who, "matching", f"/matches/{match['id']}/declines", WHY)

    async def _propose(self, who: str) -> None:
        """One of the other side's lines for one of one's own, mostly of the same kind of thing."""
        need, pledge = self._any(self._needs, who), self._any(self._pledges, who)
        if not need or not pledge:
            return
        lines = [(b["line"], n) for b in pledge["balances"] for n in need["lines"]]
        alike = [(p, n) for p, n in lines if p.get("category") == n.get("category")]
        if not alike and self._random.random() < 0.8:
            return
        line, asked = self._random.choice(alike or lines)
        body: Json = WHY | {
            "pledge_id": pledge["id"],
            "pledge_line": line["line"],
            "need_id": need["id"],
            "need_line": asked["line"],
        }
        if self._random.random() < 0.3:
            body["reserved"] = _part(line["amount"])
        await self._ask("propose", who, "matching", "/matches", body)

    # --- what they ask for and offer ------------------------------------------------------------

    def _any(self, of: dict[str, list[Json]], who: str) -> Json | None:
        """One of one's own, or of anybody's where that is the other side."""
        found = of[who] if who in of else [one for all_ in of.values() for one in all_]
        return self._random.choice(found) if found else None

    def _a_need(self, who: str) -> Json:
        urgency = self._random.choice(("low", "normal", "high", "critical"))
        return {
            **self._acting.a_need(*(line | self._value(line) for line in self._lines())),
            "place": self._places[who],
            "sector": self._random.choice(SECTORS),
            "urgency": urgency,
            "urgency_reason": "winter is near",
        }

    def _a_pledge(self) -> Json:
        r = self._random
        lines = [line | self._terms(line) for line in self._lines()]
        body: Json = {"title": {"en": "A pledge"}, "lines": lines}
        need, authority = self._any(self._needs, ""), r.choice(self.authorities)
        earmarks: list[Json] = [
            {},
            {"sectors": [r.choice(SECTORS)]},
            {"territories": [self._places[authority]]},
            {"authority_id": self._acting.ids[authority]},
            {"need_id": need["id"]} if need else {},
        ]
        body["earmark"] = r.choices(earmarks, (10, 2, 1, 1, 1))[0]
        return body

    def _lines(self) -> list[Json]:
        """Money, goods, or both."""
        lines: list[Json] = []
        if (kind := self._random.randrange(3)) != 1:
            currency = self._random.choice(("EUR", "EUR", "UAH", "PLN"))
            money = {"amount": f"{self._random.randrange(10_000, 90_000)}.50", "currency": currency}
            lines.append({"kind": "funding", "line": 1, "amount": money})
        if kind:
            category, unit = self._random.choice(ITEMS)
            amount = {"quantity": self._random.randrange(1, 9), "unit": unit}
            lines.append({"kind": "goods", "line": 2, "category": category, "amount": amount})
        return lines

    def _terms(self, line: Json) -> Json:
        """One in five lines is given as a whole, one in five in parts that are not too small."""
        chosen = self._random.randrange(5)
        if chosen == 0:
            return {"indivisible": True}
        return {"minimum": _part(line["amount"])} if chosen == 1 else {}

    def _value(self, line: Json) -> Json:
        """Half of the goods may be replaced by money, at a value that is known."""
        if line["kind"] == "funding" or self._random.random() < 0.5:
            return {}
        return {"unit_value": {"amount": "7000.00", "currency": "EUR"}}

    def _changed(self, line: Json) -> Json:
        """A line with more or less of the same; a minimum stays below it."""
        amount, factor = dict(line["amount"]), self._random.choice((0.5, 0.8, 1.3))
        if "quantity" in amount:
            amount["quantity"] = max(2, round(amount["quantity"] * factor))
        else:
            amount["amount"] = f"{max(2, round(float(amount['amount']) * factor))}.00"
        changed = line | {"amount": amount}
        return changed | ({"minimum": _part(amount)} if line.get("minimum") else {})


def _part(amount: Json) -> Json:
    """About a third of an amount, and not nothing."""
    if "quantity" in amount:
        return amount | {"quantity": max(1, amount["quantity"] // 3)}
    return amount | {"amount": f"{max(1, int(float(amount['amount']) / 3))}.00"}
