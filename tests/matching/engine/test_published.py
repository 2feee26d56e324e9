"""Published problems with known optima, solved to the unit (shared/data/matching)."""

import json
from math import asin, cos, radians, sin, sqrt

import numpy as np
import pytest

from services.matching.engine.solve import solve
from services.matching.engine.transport import Transport, flow
from tests.matching.engine.problems import ints
from tests.shared.data import DATA, needs

pytestmark = needs("matching")

ENOUGH = 10_000
"""More than any cost: what is moved scores this less its cost, so all is moved that can be."""

EARTH_KM = 6371.0088
"""The Earth's mean radius by the IUGG, 1980."""


def _all_pairs(costs: np.ndarray, supply: list[int], demand: list[int], most: int) -> Transport:
    offers, asks = costs.shape
    offer, ask = (x.ravel() for x in np.indices(costs.shape))
    size = ints([most] * len(offer))
    return Transport(
        ints(supply), ints(demand), offer, ask, ENOUGH - costs[offer, ask],
        ints(range(offers)), ints(range(asks)), size * 0, size, size // size,
    )  # fmt: skip


@pytest.mark.parametrize(("name", "least"), [("c0515_1", 261), ("a05100", 1698), ("b05100", 1843)])
def test_generalised_assignment(name: str, least: int) -> None:
    """Each job is done whole by one agent, and takes of the agent's capacity what it takes that
    agent: the published least cost, proven, and no capacity exceeded."""
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


def test_a_transportation_problem_in_dimacs_form() -> None:
    """100 sources, 100 sinks, 1,300 arcs by NETGEN: 2,541,105."""
    nodes: dict[int, int] = {}
    arcs = []
    for line in (DATA / "matching" / "transp_200_1300.min").read_text().splitlines():
        kind, *rest = line.split() or [""]
        if kind == "n":
            nodes[int(rest[0])] = int(rest[1])
        if kind == "a":
            arcs.append([int(x) for x in rest])
    sources = [n for n in sorted(nodes) if nodes[n] > 0]
    sinks = [n for n in sorted(nodes) if nodes[n] < 0]
    tails, heads, lowest, highest, costs = (ints(column) for column in zip(*arcs, strict=True))
    assert not lowest.any()
    t = Transport(
        ints(nodes[n] for n in sources), ints(-nodes[n] for n in sinks),
        ints(sources.index(n) for n in tails), ints(sinks.index(n) for n in heads),
        ENOUGH - costs, ints(sources), ints(sinks),
        lowest, highest, np.ones_like(costs),
    )  # fmt: skip

    amount = flow(t).amount

    assert amount.sum() == sum(nodes[n] for n in sources)
    assert (amount * costs).sum() == 2_541_105


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
