"""`make table-matching`: rules that everybody knows beside ours, on real needs, cities, twinnings.

The needs are 3,637 real titles of recovery projects with their hromadas (3,637 lines; amounts,
urgencies and sectors are seeded), the partners 129 real cities (pledges and earmarks are seeded),
the partnerships 194 real twinnings, from `../shared/data`. Every rule may match what ours may:
it takes the eligible pairs in its own order, each with as much as is left on both sides.
"""

import argparse
import csv
import json
import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from services.matching.engine import Ask, Offer, Problem, Solution, decide
from services.matching.engine.ledger import Ledger
from services.matching.engine.pairs import Pairs, Rows, find
from services.matching.engine.problem import FUNDING, Measure, Rates
from services.matching.engine.rule import levels_of
from services.matching.engine.transport import Ints
from shared.codelists import chain, oblast_of, places
from shared.events.facts import Urgency
from shared.events.ids import MemberId, NeedId, PledgeId, RatesId
from tests.bench.market import BEGIN, RATES, SECTORS, TODAY, YEAR, id_text

DATA = Path(__file__).parents[3] / "shared" / "data"
URGENCIES: tuple[Urgency, ...] = ("low", "normal", "high", "critical")
CURRENCIES = {"EUR": 1, "UAH": 48, "PLN": 4}
PLEDGES_EACH = 12
"""Pledges of each partner city: together a third of what is asked."""


def rows_of(file: str) -> list[dict[str, str]]:
    """The rows of one of the data's files."""
    with (DATA / file).open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def real_market(seed: int = 1) -> Problem:
    """The problem of one round over the real needs, cities and twinnings."""
    chance = random.Random(seed)
    titles = [r for r in rows_of("needs/dream_need_titles.csv") if r["katottg"] in places()]
    cities = rows_of("places/partner_cities_geo.csv")
    twins = rows_of("places/twinning_pairs.csv")
    hromadas = sorted({r["katottg"] for r in [*titles, *twins]})
    authority = {code: MemberId(id_text(BEGIN, n)) for n, code in enumerate(hromadas)}
    partner = {
        (c["country"], c["partner_name"]): MemberId(id_text(BEGIN, 500_000 + n))
        for n, c in enumerate(cities)
    }

    def amount(most: int) -> tuple[str, int]:
        currency = chance.choice(sorted(CURRENCIES))
        return currency, int(1000 * most ** chance.random()) * CURRENCIES[currency] * 100

    asks = []
    for number, title in enumerate(titles):
        currency, asked = amount(2_000)
        moment = BEGIN + number * (YEAR // len(titles))
        asks.append(
            Ask(
                NeedId(id_text(moment, number)), 1, authority[title["katottg"]], number, moment,
                Measure(FUNDING), currency, asked, asked,
                urgency=chance.choices(URGENCIES, (1, 4, 3, 2))[0],
                territory=chain(title["katottg"]), sector=chance.choice(SECTORS),
                begun=chance.choice((0, 0, 0, chance.randrange(1000))),
                had=chance.randrange(1000), waiting=(BEGIN + YEAR - moment) // 86_400_000,
            )
        )  # fmt: skip
    offers = []
    sizes = {key: int(c["population"] or 0) for key, c in zip(partner, cities, strict=True)}
    for number in range(PLEDGES_EACH * len(cities)):
        key = chance.choice(sorted(partner))
        currency, pledged = amount(2_000 if sizes[key] > 200_000 else 800)
        moment = BEGIN + chance.randrange(YEAR)
        offers.append(
            Offer(
                PledgeId(id_text(moment, number)), 1, partner[key], number, moment,
                Measure(FUNDING), currency, pledged, pledged,
                **_earmark(chance, asks),
            )
        )  # fmt: skip
    offers.sort(key=lambda o: o.since)
    return Problem(
        tuple(replace(o, place=n) for n, o in enumerate(offers)),
        tuple(asks),
        TODAY.isoformat(),
        Rates(RatesId(id_text(BEGIN, 1)), {c: _ratio(r) for c, r in RATES.items()}),
        twinned={
            (authority[t["katottg"]], partner[t["partner_country"], t["partner_name"]]): BEGIN
            for t in twins
            if (t["partner_country"], t["partner_name"]) in partner
        },
    )


def _ratio(rate: str) -> tuple[int, int]:
    return int(rate.replace(".", "")), 10_000


def _earmark(chance: random.Random, asks: list[Ask]) -> dict[str, Any]:
    """What a pledge is for: in one of eight a need; places, sectors, an authority, or anything."""
    ask, kind = chance.choice(asks), chance.randrange(16)
    if kind < 2:
        return {"need_id": ask.need_id}
    if kind < 4:
        return {"authority_id": ask.authority_id}
    if kind < 7:
        return {"territories": (chance.choice(ask.territory),)}
    if kind < 10:
        return {"sectors": (ask.sector,)}
    if kind < 13:
        return {"territories": ask.territory[-1:], "sectors": (ask.sector,)}
    return {}


MANY = 20
"""Needs that an oblast has at least, to be looked at as the least covered one."""

Order = Callable[[Rows, Pairs, Ints], Ints]
"""Keys by which a rule takes the pairs, the least first; of each pair, the most it can move."""


def first_come(rows: Rows, pairs: Pairs, most: Ints) -> Ints:
    """The oldest pledge first, for the oldest need that it may serve."""
    return np.lexsort((pairs.ask, pairs.offer))


def by_score(rows: Rows, pairs: Pairs, most: Ints) -> Ints:
    """The pair that scores highest first, tier before score, as much as there is."""
    return np.lexsort((pairs.ask, pairs.offer, -pairs.score, -pairs.tier))


def largest_first(rows: Rows, pairs: Pairs, most: Ints) -> Ints:
    """The pair that moves most value first."""
    return np.lexsort((pairs.ask, pairs.offer, -most))


POLICIES: dict[str, Order] = {
    "first come, first served": first_come,
    "greedy by score": by_score,
    "largest first": largest_first,
}
OURS = "optimal (ours)"


class Matched(NamedTuple):
    """Value that moved between two rows, in euro cents, and what the rule says of the pair."""

    offer: int
    ask: int
    cents: int
    tier: int
    score: int


def greedy(problem: Problem, order: Order) -> list[Matched]:
    """What a simple rule matches: pair after pair, as much as is left."""
    rows = Rows.of(problem)
    ledger = Ledger(rows)
    pairs = find(rows, range(len(rows.offers)), range(len(rows.asks)))
    most = np.minimum(ledger.supply[pairs.offer], ledger.demand[pairs.ask])
    taken = order(rows, pairs, most)
    found = []
    columns = (pairs.offer, pairs.ask, pairs.tier, pairs.score)
    for offer, ask, tier, score in zip(*(c[taken].tolist() for c in columns), strict=True):
        cents = int(min(ledger.supply[offer], ledger.demand[ask]))
        # amounts are computed to the last unit of each currency, as in a round of ours
        if cents > 0 and ledger.take(offer, ask, cents, last=True):
            found.append(Matched(offer, ask, cents, tier, score))
    return found


def ours(problem: Problem, solution: Solution) -> list[Matched]:
    """What a round matches."""
    rows = Rows.of(problem)
    ledger = Ledger(rows)
    found = []
    for a in solution.awards:
        offer, ask = (
            rows.offer_row[a.pledge_id, a.pledge_line],
            rows.ask_row[a.need_id, a.need_line],
        )
        # what is covered counts, so nothing is counted that a rate's rounding gives the pledge
        cents = min(ledger.offered(offer, a.reserved), ledger.asked(ask, a.covers))
        found.append(Matched(offer, ask, cents, a.tier, a.score))
    return found


class Outcome(NamedTuple):
    """What a rule did: value in euro cents, counts, and total score by tier, highest first."""

    value: int
    covered: int
    earmarked: int
    partnerships: int
    partnership_value: int
    least_oblast: float
    tiers: dict[int, int]


def outcome(problem: Problem, matched: Iterable[Matched]) -> Outcome:
    """What came of a rule's matches."""
    rows, every = Rows.of(problem), list(matched)
    ledger = Ledger(rows)
    got: Counter[int] = Counter()
    for m in every:
        got[m.ask] += m.cents
    lines: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    covered: Counter[str] = Counter()
    for row, ask in enumerate(rows.asks):
        oblast = oblast_of(ask.territory) or "unknown"
        lines[oblast] += 1
        asked[oblast] += int(ledger.demand[row])
        covered[oblast] += got[row]
    tiers: Counter[int] = Counter()
    for m in every:
        tiers[m.tier] += m.cents * m.score
    twinned = [m for m in every if levels_of(m.tier)["partnership"]]
    # a cent at most is lost to the rounding of two currencies for each match
    full = sum(got[r] + 1 >= int(ledger.demand[r]) for r in got)
    return Outcome(
        sum(got.values()),
        full,
        sum(m.cents for m in every if levels_of(m.tier)["earmarked-for-this-need"]),
        len({(rows.asks[m.ask].authority_id, rows.offers[m.offer].partner_id) for m in twinned}),
        sum(m.cents for m in twinned),
        min(covered[o] / asked[o] for o in asked if lines[o] >= MANY),
        dict(sorted(tiers.items(), reverse=True)),
    )


def outcomes(problem: Problem) -> dict[str, Outcome]:
    """What each rule does with the same problem, ours last."""
    found = {n: outcome(problem, greedy(problem, order)) for n, order in POLICIES.items()}
    solution = decide(problem)
    tiers: Counter[int] = Counter()
    for step in solution.steps:
        tiers[step.tier] += step.score
    # as decided in euro cents, like the others: the amounts that are proposed are then computed
    # in each side's currency, and counting those back would lose up to a cent of each
    return found | {OURS: outcome(problem, ours(problem, solution))._replace(tiers=dict(tiers))}


def first_difference(one: Outcome, other: Outcome) -> tuple[int, int] | None:
    """The highest tier in which two rules' total scores differ, and by how much the first leads."""
    for tier in sorted({*one.tiers, *other.tiers}, reverse=True):
        lead = one.tiers.get(tier, 0) - other.tiers.get(tier, 0)
        if lead:
            return tier, lead
    return None


def table(found: dict[str, Outcome]) -> str:
    """The outcomes as two tables in Markdown."""
    lines = [
        "| rule | matched value | needs fully covered | earmarked for the need | partnerships "
        "honoured | their value | least covered oblast of 20 needs or more |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, o in found.items():
        lines.append(
            f"| {name} | {_euro(o.value)} | {o.covered:,} | {_euro(o.earmarked)} | "
            f"{o.partnerships} | {_euro(o.partnership_value)} | {100 * o.least_oblast:.1f} % |"
        )
    names = list(found)
    lines += ["", "| tier | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    for tier in sorted({t for o in found.values() for t in o.tiers}, reverse=True):
        levels = ", ".join(f"{k} {v}" for k, v in levels_of(tier).items() if v) or "none"
        scores = " | ".join(f"{o.tiers.get(tier, 0) / 1e11:,.6f}" for o in found.values())
        lines.append(f"| {tier}: {levels} | {scores} |")
    lines.append("")
    lines.append("Scores by tier are in millions of euro × 1,000 points.")
    for name in POLICIES:
        if difference := first_difference(found[OURS], found[name]):
            compared = "greater" if difference[1] > 0 else "less"
            lines.append(
                f"Ours first differs from {name} in tier {difference[0]}, and is {compared} there."
            )
    return "\n".join(lines)


def _euro(cents: int) -> str:
    return f"€ {cents / 1e8:,.2f} m"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    problem = real_market(options.seed)
    found = outcomes(problem)
    told = json.dumps({k: v._asdict() for k, v in found.items()}, indent=2)
    if not options.json:
        print(f"{len(problem.asks):,} needs, {len(problem.offers):,} pledges, ", end="")
        print(f"{len(problem.twinned)} partnerships, seed {options.seed}.\n")
    print(told if options.json else table(found))


if __name__ == "__main__":
    main()
