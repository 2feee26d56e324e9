"""Published problems with known optima, solved to the unit (shared/data/matching)."""

import json
from math import asin, cos, radians, sin, sqrt

import numpy as np
import pytest

from services.matching.engine import solve as engine
from services.matching.engine.solve import solve
from services.matching.engine.transport import Ints, Transport, flow
from tests.matching.engine.problems import ints, transport
from tests.shared.data import DATA, needs

pytestmark = needs("matching")

ENOUGH = 10_000
"""More than any cost: what is moved scores this less its cost, so all is moved that can be."""

EARTH_KM = 6371.0088
"""The Earth's mean radius by the IUGG, 1980."""


def _all_pairs(costs: Ints, supply: list[int], demand: list[int], most: int) -> Transport:
    offers, asks = costs.shape
    offer, ask = (x.ravel() for x in np.indices(costs.shape))
    size = ints([most] * len(offer))
    return Transport(
        ints(supply), ints(demand), offer, ask, ENOUGH - costs[offer, ask],
        ints(range(offers)), ints(range(asks)), size * 0, size, size // size,
    )  # fmt: skip


@pytest.mark.parametrize(("name", "least"), [("c0515_1", 261), ("a05100", 1698), ("b05100", 1843)])
def test_generalised_assignment(name: str, least: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each job is done whole by one agent, and takes of the agent's capacity what it takes that
    agent: the published least cost, proven, and no capacity exceeded. Two of them have 500 pairs,
    more than a round would wait for."""
    monkeypatch.setattr(engine, "LIMIT", 500)
    numbers = ints((DATA / "matching" / name).read_text().split())
    agents, jobs = numbers[:2].tolist()
    table = numbers[2 : 2 + 2 * agents * jobs].reshape(2, agents, jobs)
    costs, resources = table[0].T, table[1].T
    capacity = numbers[2 + 2 * agents * jobs :]
    assert len(capacity) == agents
    t = _all_pairs(costs, [1] * jobs, capacity.tolist(), 1)
    one, takes = t.step, resources[t.offer, t.ask]
    t = Transport(
        t.supply, t.demand, t.offer, t.ask, t.score, t.offer_place, t.ask_place,
        one, one, one, takes,
    )  # fmt: skip

    found = solve(t)

    assert jobs * ENOUGH - found.score == least
    assert (found.bound, found.proven) == (found.score, True)
    assert np.bincount(t.offer, found.amount).tolist() == [1] * jobs
    assert (np.bincount(t.ask, found.amount * takes, agents) <= capacity).all()


def test_a_network_in_dimacs_form() -> None:
    """100 sources, 100 sinks, 20 nodes between and 1,300 arcs by NETGEN: 2,541,105.

    A node between is an ask and an offer of all there is, and may hand that to itself for nothing
    (Orden, The Transhipment Problem, 1956).
    """
    supply: dict[int, int] = {}
    arcs = []
    for line in (DATA / "matching" / "transp_200_1300.min").read_text().splitlines():
        kind, *rest = line.split() or [""]
        if kind == "n":
            supply[int(rest[0])] = int(rest[1])
        if kind == "a":
            tail, head, lowest, most, cost = (int(x) for x in rest)
            assert lowest == 0
            arcs.append((tail, head, most, cost))
    moved = sum(n for n in supply.values() if n > 0)
    between = [n for n in range(1, 221) if n not in supply]
    arcs += [(n, n, moved, 0) for n in between]
    offers = [n for n in range(1, 221) if supply.get(n, moved) > 0]
    asks = [n for n in range(1, 221) if n in between or supply[n] < 0]
    t = transport(
        [(supply.get(n, moved), n) for n in offers],
        [(-supply.get(n, -moved), n) for n in asks],
        [(offers.index(o), asks.index(a), ENOUGH - c, 0, most, 1) for o, a, most, c in arcs],
    )

    amount = flow(t).amount

    assert len(between) == 20
    assert amount.sum() == moved * (1 + len(between))
    assert (amount * (ENOUGH - t.score)).sum() == 2_541_105


def test_cities_and_hromadas() -> None:
    """129 cities move 3,391 units to 30 hromadas over the least distance: 5,568,178 unit-km, and
    distances are the haversine's on a sphere of the Earth's mean radius."""
    given = json.loads((DATA / "matching" / "geo_transport_s.json").read_text())
    costs = ints([_km(s, d) for d in given["demand"]] for s in given["supply"])
    assert costs.tolist() == given["cost_km"]
    supply = [s["units"] for s in given["supply"]]
    t = _all_pairs(costs, supply, [d["units"] for d in given["demand"]], sum(supply))

    amount = flow(t).amount

    assert amount.sum() == 3_391
    assert (amount * costs[t.offer, t.ask]).sum() == 5_568_178


def _km(here: dict[str, float], there: dict[str, float]) -> int:
    north, east, north_there, east_there = (
        radians(p[angle]) for p in (here, there) for angle in ("lat", "lon")
    )
    half = sin((north_there - north) / 2) ** 2
    half += cos(north) * cos(north_there) * sin((east_there - east) / 2) ** 2
    return round(2 * EARTH_KM * asin(sqrt(half)))
