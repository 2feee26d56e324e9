"""Synthetic markets for `make bench-matching`, seeded: the documents that a store would hold.

Needs lie in real hromadas, in ten sectors, three currencies and all urgencies; nine in ten pledges
name sectors and raions, as many as it takes for about a hundred needs each, and the rest name a
need, an authority, sectors or nothing, so that every tier is met. One line in twenty is goods.
"""

import random
from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

from services.matching.coverage import Coverage
from services.matching.histories import History
from services.matching.knowledge import Party, Requirement, Twinning
from services.matching.market import Market
from services.matching.model import Balance, Pledge, Rates
from services.matching.store import (
    all_matches,
    coverages,
    histories,
    parties,
    pledges,
    rates,
    requirements,
    twinnings,
)
from shared.codelists import chain, places
from shared.events.ids import MemberId, NeedId, PartnershipId, PledgeId, RatesId
from shared.log import Folded, Held, State, held

TODAY = date(2026, 1, 1)
YEAR = 365 * 86_400_000
BEGIN = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp() * 1000)
SECTORS = (
    "communications", "economy", "education", "energy", "governance", "health",
    "naturalResources", "socialHousing", "transport", "waterAndWaste",
)  # fmt: skip
GOODS = ("ambulance", "bus", "generator", "truck")
PER_EUR = {"EUR": 1, "UAH": 48, "PLN": 4}
RATES = {"UAH": "48.1234", "PLN": "4.2345"}
PARTNERS = 129
TWINNINGS = 194
EACH = 100
"""About how many needs a pledge is eligible for."""

Document = dict[str, Any]
Documents = dict[str, list[Document]]


def id_text(moment: int, number: int) -> str:
    """A UUIDv7's text: milliseconds since 1970, then a number."""
    time = f"{moment:012x}"
    return f"{time[:8]}-{time[8:]}-7000-8000-{number:012}"


def document(state: State) -> Document:
    """A state as the store would give it."""
    key = str(state.model_dump()["id"])
    return Held(state, 1, 1, id_text(BEGIN, 0)).document(key)


class Markets:
    """One market of `size` needs and as many pledges, and pledges that arrive in it later.

    `terms`: how many of a hundred pledge lines are indivisible or have a minimum.
    """

    def __init__(self, size: int, seed: int = 1, terms: int = 0) -> None:
        self._random = random.Random(seed)
        self._size, self._terms = size, terms
        hromadas = sorted(p.code for p in places().values() if p.category == "H")
        self._chains = [chain(code) for code in hromadas]
        self._authorities = [MemberId(id_text(BEGIN, n)) for n in range(len(hromadas))]
        self._partners = [MemberId(id_text(BEGIN, 500_000 + n)) for n in range(PARTNERS)]
        self.needs = [self._need(n) for n in range(size)]
        self._in_raion: Counter[tuple[str, str]] = Counter()
        for need in self.needs:
            if need.lines[0].kind == "funding":
                self._in_raion[need.territory[1], need.sector] += 1
        self._raions = sorted({c[1] for c in self._chains})
        self.pledges = [self.pledge(n) for n in range(size)]

    def _moment(self) -> int:
        return BEGIN + self._random.randrange(YEAR)

    def _amount(self, kind: str) -> Document:
        chance = self._random
        if kind == "goods":
            return {"quantity": chance.randint(1, 40), "unit": "piece"}
        currency = chance.choice(sorted(PER_EUR))
        whole = int(1000 * 10 ** (3 * chance.random())) * PER_EUR[currency]
        return {"amount": f"{whole}.00", "currency": currency}

    def _line(self) -> Document:
        kind = "goods" if self._random.random() < 0.05 else "funding"
        line: Document = {"line": 1, "kind": kind, "amount": self._amount(kind)}
        if kind == "goods":
            line["category"] = self._random.choice(GOODS)
        return line

    def _need(self, number: int) -> Requirement:
        chance = self._random
        where = chance.randrange(len(self._chains))
        line = self._line()
        if line["kind"] == "goods" and chance.random() < 0.5:
            line["unit_value"] = {"amount": f"{chance.randint(10, 90)}000.00", "currency": "EUR"}
        return Requirement.model_validate(
            {
                "id": NeedId(id_text(self._moment(), number)),
                "authority_id": self._authorities[where],
                "open": True,
                "territory": self._chains[where],
                "sector": chance.choice(SECTORS),
                "urgency": chance.choices(("low", "normal", "high", "critical"), (1, 4, 3, 2))[0],
                "lines": [line],
            }
        )

    def pledge(self, number: int, moment: int | None = None) -> Pledge:
        """The `number`-th pledge, made at a moment (milliseconds) or some day of the year."""
        line = self._line()
        if self._random.randrange(100) < self._terms:
            if line["kind"] == "goods" or self._random.random() < 0.5:
                line["indivisible"] = True
            else:
                line["minimum"] = line["amount"] | {"amount": f"{1000 * PER_EUR['UAH']}.00"}
                if float(line["amount"]["amount"]) < 1000 * PER_EUR["UAH"]:
                    line["minimum"] = line["amount"]
        return Pledge.model_validate(
            {
                "id": PledgeId(id_text(moment or self._moment(), number)),
                "partner_id": self._random.choice(self._partners),
                "status": "open",
                "title": {"en": "A pledge"},
                "balances": [Balance.model_validate({"line": line})],
                "earmark": self._earmark(),
            }
        )

    def _earmark(self) -> Document:
        chance = self._random
        kind = chance.random()
        if kind < 0.03:
            return {"need_id": chance.choice(self.needs).id}
        if kind < 0.05:
            return {"authority_id": chance.choice(self.needs).authority_id}
        if kind < 0.05 + 10 / self._size:
            return {}
        if kind < 0.05 + 60 / self._size:
            return {"sectors": [chance.choice(SECTORS)]}
        sectors = SECTORS if kind > 0.9 else chance.sample(SECTORS, chance.randint(1, 3))
        earmark: Document = {"territories": self._territories(sectors)}
        return earmark if kind > 0.9 else earmark | {"sectors": sectors}

    def _territories(self, sectors: tuple[str, ...] | list[str]) -> list[str]:
        """As many raions as hold about a hundred needs of some sectors."""
        chance, found, needs = self._random, [], 0
        wanted = chance.randint(EACH // 2, EACH + EACH // 2) * 9 // 10
        for raion in chance.sample(self._raions, len(self._raions)):
            here = sum(self._in_raion[raion, s] for s in sectors)
            if here and needs + here <= max(wanted, here):
                found.append(raion)
                needs += here
            if needs >= wanted * 9 // 10:
                break
        return found

    def documents(self) -> Documents:
        """All that the store holds, by collection."""
        chance = self._random
        members = [Party(id=m, side="ukraine", status="admitted") for m in self._authorities]
        members += [Party(id=m, side="partner", status="admitted") for m in self._partners]
        twins = [
            Twinning(
                id=PartnershipId(id_text(BEGIN, 900_000 + n)),
                ukrainian_id=chance.choice(self._authorities),
                partner_id=chance.choice(self._partners),
                status="confirmed",
            )
            for n in range(TWINNINGS)
        ]
        records = [
            History(id=m.id, delivered=chance.randrange(9), declined=chance.randrange(5))
            for m in members
            if chance.random() < 0.5
        ]
        begun = [self._begun(n) for n in self.needs if chance.random() < 0.2]
        recorded = Rates.model_validate(
            {"id": RatesId(id_text(BEGIN, 1)), "date": "2025-12-31", "source": "x"}
            | {"per_eur": RATES}
        )
        return {
            "pledges": [document(p) for p in self.pledges],
            "requirements": [document(n) for n in self.needs],
            "coverages": [document(c) for c in begun],
            "histories": [document(h) for h in records],
            "parties": [document(p) for p in members],
            "twinnings": [document(t) for t in twins],
            "rates": [document(recorded)],
            "matches": [],
        }

    def _begun(self, need: Requirement) -> Coverage:
        amount = need.lines[0].amount.model_dump(mode="json")
        most = amount["quantity"] if "quantity" in amount else int(float(amount["amount"])) * 100
        part = self._random.randrange(most)
        return Coverage.model_validate({"id": need.id, "lines": {"1": {"agreed": part}}})


def parsed(documents: Documents) -> Market:
    """The market that a store's documents hold, as `loading.load` makes it of them."""

    def states(collection: Folded[Any]) -> list[Any]:
        return [held(collection, d).state for d in documents[collection.name]]

    return Market(
        pledges={p.id: p for p in states(pledges)},
        needs={n.id: n for n in states(requirements)},
        coverages={c.id: c for c in states(coverages)},
        matches=states(all_matches),
        parties={p.id: p for p in states(parties)},
        histories={h.id: h for h in states(histories)},
        twinnings=states(twinnings),
        rates=states(rates)[0],
    )
