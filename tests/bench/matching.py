"""`make bench-matching`: a round's stages beside bare OR-Tools on the same pairs.

Markets of so many needs and as many pledges (`--sizes`), about a hundred eligible pairs each,
seeded (market.py), each in a process of its own. Seconds are of processor time, so that what else
runs on the machine counts little; a round runs in one thread. The bare solver gets the
same pairs and capacities, and as costs tier × 2,000 + score in one number: an easier problem than
tier by tier, since costs that kept tiers apart exactly would not fit 64 bits.

Goals: solving at most 1.2 × bare, the whole round at most 3 × bare; growth no worse than pairs ×
log pairs; one new pledge in a settled market decided in at most 5 % of a round and 300 ms (p99);
at most 2 GiB at 10,000 and 6 GiB at 30,000.
"""

import argparse
import asyncio
import gc
import importlib
import json
import multiprocessing
import os
import pickle
import resource
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from math import log
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

import numpy as np
from ortools.graph.python import min_cost_flow

from deploy.local.ports import free_port
from deploy.local.store import Store as LocalStore
from services.matching import matches, model
from services.matching.coverage import evolve_coverage
from services.matching.engine import Problem, Solution
from services.matching.engine.explain import Explained
from services.matching.engine.ledger import Ledger
from services.matching.engine.pairs import Pairs, Rows, find
from services.matching.engine.solve import Solved
from services.matching.engine.transport import Transport
from services.matching.loading import load
from services.matching.market import Market
from services.matching.proposing import Proposal, Writer, lost_line
from services.matching.rounds import Stock, completed
from services.matching.solving import collect_seldom, decided
from services.matching.store import RECORDS
from shared.actor import Actor, Cause
from shared.events.ids import MatchId, RoundId
from shared.events.matches import MatchProposed
from shared.events.rounds import PledgePassedOver
from shared.events.seen import Seen
from shared.mongo import Session, Store
from shared.uow import UnitOfWork
from tests.bench.market import BEGIN, TODAY, YEAR, Documents, Markets, id_text, parsed

deciding = importlib.import_module("services.matching.engine.decide")  # its function hides it

SIZES = (1_000, 3_000, 10_000, 30_000)
SETTLED = 10_000
"""The size at which new pledges are measured too, where it is among those asked for."""

NEW_PLEDGES = 50
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROUND = RoundId(id_text(BEGIN + YEAR, 0))
Figures = dict[str, Any]


class Stages:
    """Processor seconds of each stage, and the most memory (MiB) there had been by its end."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.mebibytes: dict[str, int] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what is done meanwhile."""
        begun = time.process_time()
        yield
        self.seconds[name] += time.process_time() - begun
        self.mebibytes[name] = peak()

    def counted(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function whose calls count as a stage."""

        def call(*args: Any, **more: Any) -> Any:
            with self.stage(name):
                return function(*args, **more)

        return call


def peak() -> int:
    """The most memory that this process ever had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def decided_in_stages(problem: Problem, stages: Stages) -> Solution:
    """The solution of a problem; what of it is not eligibility, solving or explaining is `book`."""
    awards, passed_over = Explained.awards, Explained.passed_over

    def all_at_once(function: Callable[..., Any]) -> Callable[..., Any]:
        return stages.counted("explain", lambda *args: list(function(*args)))

    inside = ("pairs", "solve", "solve in kind", "explain")
    plain, in_kind = (stages.counted(name, deciding.solve) for name in inside[1:3])

    def solve(transport: Transport) -> Solved:
        stage = in_kind if (transport.step > 1).any() else plain
        return cast(Solved, stage(transport))

    with (
        patch.object(deciding, "find", stages.counted("pairs", find)),
        patch.object(deciding, "solve", solve),
        patch.object(Explained, "add", stages.counted("explain", Explained.add)),
        patch.object(Explained, "awards", all_at_once(awards)),
        patch.object(Explained, "passed_over", all_at_once(passed_over)),
        stages.stage("book"),
    ):
        solution = decided(problem)
    stages.seconds["book"] -= sum(stages.seconds[name] for name in inside)
    return solution


def events(market: Market, problem: Problem, solution: Solution, problem_hash: str) -> list[str]:
    """The canonical data of all that a round records."""
    stock = Stock(ROUND, market, problem, problem_hash, Seen(own_through=-1), requested=False)
    found = [completed(stock, solution, 0).data()]
    found += [proposed.data() for proposed in proposals(market, solution)]
    for passed in solution.passed_over:
        told = PledgePassedOver(
            pledge_id=passed.pledge_id,
            partner_id=passed.partner_id,
            round_id=ROUND,
            lines=tuple(lost_line(lost) for lost in passed.lost),
        )
        found.append(told.data())
    return found


def proposals(market: Market, solution: Solution) -> Iterator[MatchProposed]:
    """The proposals of a round, as its writer makes them."""
    writer = Writer(cast(UnitOfWork, SimpleNamespace(now=NOW)), market, ROUND, 14.0)
    for number, award in enumerate(solution.awards):
        pledge, need = market.pledges[award.pledge_id], market.needs[award.need_id]
        proposal = Proposal(award, (), MatchId(id_text(BEGIN + YEAR, number)))
        yield writer.proposed(proposal, pledge, need, market.coverage(need.id))


def settled(market: Market, solution: Solution) -> Market:
    """The market after a round: everything that it decided stands as proposals."""
    pledges, coverages, found = dict(market.pledges), dict(market.coverages), []
    for event in proposals(market, solution):
        pledges[event.pledge_id] = model.evolve_pledge(pledges[event.pledge_id], event)
        coverages[event.need_id] = evolve_coverage(coverages.get(event.need_id), event)
        found.append(matches.evolve_match(None, event))
    return replace(market, pledges=pledges, coverages=coverages, matches=found)


def bare(problem: Problem) -> float:
    """Processor seconds of OR-Tools alone, the median of three: building the graph of all direct
    pairs, and solving."""
    rows = Rows.of(problem)
    ledger = Ledger(rows)
    pairs = find(rows, range(len(rows.offers)), range(len(rows.asks)))
    pairs = pairs.of((ledger.supply[pairs.offer] > 0) & (ledger.demand[pairs.ask] > 0))
    found = []
    for _ in range(3):
        begun = time.process_time()
        _solve_bare(pairs, ledger)
        found.append(time.process_time() - begun)
    return median(found)


def _solve_bare(pairs: Pairs, ledger: Ledger) -> None:
    offers, asks = len(ledger.supply), len(ledger.demand)
    source, sink = offers + asks, offers + asks + 1
    solver = min_cost_flow.SimpleMinCostFlow()
    room = np.minimum(ledger.supply[pairs.offer], ledger.demand[pairs.ask])
    cost = -(pairs.tier * 2_000 + pairs.score)
    solver.add_arcs_with_capacity_and_unit_cost(pairs.offer, pairs.ask + offers, room, cost)
    solver.add_arcs_with_capacity_and_unit_cost(
        np.full(offers, source), np.arange(offers), ledger.supply, np.zeros(offers, np.int64)
    )
    solver.add_arcs_with_capacity_and_unit_cost(
        np.arange(asks) + offers, np.full(asks, sink), ledger.demand, np.zeros(asks, np.int64)
    )
    total = min(int(ledger.supply.sum()), int(ledger.demand.sum()))
    solver.add_arc_with_capacity_and_unit_cost(source, sink, total, 0)
    solver.set_node_supply(source, total)
    solver.set_node_supply(sink, -total)
    if solver.solve() != solver.OPTIMAL:
        raise SystemExit("the bare solver failed")


def one_round(size: int, terms: int = 0, new_pledges: int = 0, store: bool = False) -> Figures:
    """A whole round over a market of this size, stage by stage, and beside the bare solver.

    `crossing`: what goes to the solver's process and comes back, as it goes.
    """
    markets = Markets(size, terms=terms)
    documents = markets.documents()
    gc.collect()
    gc.freeze()  # the market's making is not the round's
    collect_seldom()
    stages = Stages()
    with stages.stage("load"):
        market = parsed(documents)
    with stages.stage("problem"):
        problem = market.problem(TODAY)
    solution = decided_in_stages(problem, stages)
    with stages.stage("crossing"):
        for part in (problem, solution):
            pickle.loads(pickle.dumps(part))
    with stages.stage("hashes"):
        problem_hash = problem.hash()
        solution_hash = solution.hash()
    with patch.object(Solution, "hash", lambda _: solution_hash), stages.stage("events"):
        recorded = len(events(market, problem, solution, problem_hash))
    whole, most = sum(stages.seconds.values()), peak()
    found: Figures = {
        "size": size,
        "pairs": solution.pairs,
        "matches": len(solution.awards),
        "passed_over": len(solution.passed_over),
        "proven": solution.proven,
        "events": recorded,
        "seconds": {k: round(v, 3) for k, v in stages.seconds.items()},
        "mebibytes": stages.mebibytes,
        "whole": round(whole, 3),
        "most_mebibytes": most,
        "bare": round(bare(problem), 3),
    }
    if store:
        found["store"] = round(asyncio.run(loaded_from_store(documents)), 3)
    if new_pledges:
        later = settled(market, solution)
        found["new_pledge"] = arrivals(markets, later, new_pledges)
    return found


def arrivals(markets: Markets, market: Market, number: int) -> Figures:
    """Milliseconds for one new pledge in a settled market, each by itself."""
    deciding_only, with_problem, matched = [], [], 0
    gc.collect()
    gc.freeze()
    for n in range(number):
        pledge = markets.pledge(800_000 + n, moment=BEGIN + 2 * YEAR)
        arrived = replace(market, pledges={**market.pledges, pledge.id: pledge})
        begun = time.process_time()
        problem = arrived.problem(TODAY)
        built = time.process_time()
        solution = decided(problem)
        ended = time.process_time()
        deciding_only.append(1000 * (ended - built))
        with_problem.append(1000 * (ended - begun))
        matched += any(a.pledge_id == pledge.id for a in solution.awards)

    def part(values: list[float], share: float) -> float:
        return round(sorted(values)[min(len(values) - 1, int(share * len(values)))], 1)

    return {
        "pledges": number,
        "matched": matched,
        "decide_p50_ms": part(deciding_only, 0.5),
        "decide_p99_ms": part(deciding_only, 0.99),
        "with_problem_p50_ms": part(with_problem, 0.5),
        "with_problem_p99_ms": part(with_problem, 0.99),
    }


async def loaded_from_store(documents: Documents) -> float:
    """Seconds by the clock for loading these documents from a local store, in one transaction."""
    with tempfile.TemporaryDirectory(prefix="alliance-bench-") as root:
        server = LocalStore(Path(root), free_port())
        server.start()
        store = Store(server.uri, "bench_matching", patience=60)
        try:
            await store.ensure(RECORDS.indexes())
            for name, every in documents.items():
                for start in range(0, len(every), 1000):
                    await store[name].insert_many(every[start : start + 1000])
            actor, cause = Actor("service:bench"), Cause(id_text(BEGIN, 0))

            async def work(session: Session) -> None:
                await load(UnitOfWork(store, session, RECORDS, actor=actor, cause=cause, now=NOW))

            begun = time.perf_counter()
            await store.transaction(work)
            return time.perf_counter() - begun
        finally:
            store.close()
            server.stop()


STAGES = (
    "load", "problem", "pairs", "solve", "solve in kind", "book", "explain", "crossing", "hashes",
    "events",
)  # fmt: skip


def table(every: list[Figures]) -> str:
    """The figures as a table in Markdown, the goals beside."""
    lines = ["| | " + " | ".join(f"{f['size']:,} × {f['size']:,}" for f in every) + " | goal |"]
    lines.append("|---|" + "---:|" * len(every) + "---|")

    def row(name: str, value: Callable[[Figures], str], goal: str = "") -> None:
        lines.append(f"| {name} | " + " | ".join(value(f) for f in every) + f" | {goal} |")

    row("eligible pairs", lambda f: f"{f['pairs']:,}")
    row("matches", lambda f: f"{f['matches']:,}")
    for stage in STAGES:
        row(
            f"{stage}, s",
            lambda f, s=stage: f"{f['seconds'].get(s, 0):.2f} ({f['mebibytes'].get(s, 0)} MiB)",  # type: ignore[misc]
        )
    if any("store" in f for f in every):
        row("really loading it, s", lambda f: f"{f['store']:.2f}", "wall clock")
    row("whole round, s", lambda f: f"{f['whole']:.2f}")
    row("bare OR-Tools, s", lambda f: f"{f['bare']:.2f}")
    row("solve / bare", lambda f: f"{f['seconds']['solve'] / f['bare']:.2f}", "≤ 1.2")
    row("whole round / bare", lambda f: f"{f['whole'] / f['bare']:.2f}", "≤ 3")
    row("whole round, µs / (pairs × log₂ pairs)", _growth, "no growth")
    row("most memory, MiB", lambda f: f"{f['most_mebibytes']:,}", "2,048 at 10k, 6,144 at 30k")
    for f in every:
        if "new_pledge" in f:
            n = f["new_pledge"]
            share = n["decide_p50_ms"] / f["whole"] / 10
            lines.append("")
            lines.append(
                f"One new pledge into the settled market of {f['size']:,} × {f['size']:,} "
                f"({n['pledges']} of them, one at a time): decided in {n['decide_p50_ms']:.0f} ms "
                f"(p50), {n['decide_p99_ms']:.0f} ms (p99), goal ≤ 300; {share:.1f} % of the whole "
                f"round, goal ≤ 5; with building the problem {n['with_problem_p50_ms']:.0f} and "
                f"{n['with_problem_p99_ms']:.0f} ms."
            )
    return "\n".join(lines)


def _growth(f: Figures) -> str:
    return f"{1e6 * f['whole'] / (f['pairs'] * log(f['pairs'], 2)):.3f}"


def _quiet() -> None:
    """What a solver says of itself is no figure: it goes to standard error."""
    os.dup2(2, 1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--terms", type=int, default=0, help="%% of lines with a minimum or whole")
    parser.add_argument("--new-pledges", type=int, default=NEW_PLEDGES)
    parser.add_argument("--store", action="store_true", help="load from a real store, too")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = []
    for size in options.sizes:
        new = options.new_pledges if size == SETTLED else 0
        with multiprocessing.get_context("spawn").Pool(1, _quiet) as alone:
            found.append(alone.apply(one_round, (size, options.terms, new, options.store)))
        print(f"{size:,} × {size:,}: {found[-1]['whole']} s", file=sys.stderr)
    if options.terms:
        print(f"{options.terms} % of the pledge lines are indivisible or have a minimum.\n")
    print(json.dumps(found, indent=2) if options.json else table(found))


if __name__ == "__main__":
    main()
