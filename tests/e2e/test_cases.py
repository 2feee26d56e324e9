"""The real cases of domain.md, from the need to the verified completion, on the whole system.

1 Cascais for Irpin and Bucha, 2 Lithuania for Irpin's "Ruta", 3 Borodianka's "Pinocchio" (played by
the demo, tests/e2e/test_demo.py), 4 trucks for Sumy and Mykolaiv, 5 the codes of their places.
"""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from cli.story import BORODIANKA, IRPIN
from shared.codelists import chain, places
from shared.events.matches import ContributionDelivered, MatchAgreed, NeedCovered
from shared.events.projects import ProjectCompleted
from tests.connected.acting import Acting, Json
from tests.system import TestBuild, running

CODES = {
    "irpin": IRPIN,
    "bucha": "UA32080070010087821",
    "borodianka": BORODIANKA,
    "chernihiv": "UA74100390010054825",
    "izium": "UA63040090010029555",
    "kharkiv": "UA63120270010096107",
    "mykolaiv": "UA48060150010035747",
    "kherson": "UA65100150010064384",
    "trostianets": "UA59040130010060037",
    "sumy": "UA59080270010036634",
}
MYKOLAIV_OF_LVIV_OBLAST = "UA46100110010094231"


@pytest.fixture(scope="module")
def system() -> Iterator[TestBuild]:
    """The whole system."""
    with running() as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def acting(system: TestBuild) -> AsyncIterator[Acting]:
    """The alliance with those who take part in the cases."""
    found = Acting(system)
    await found.found()
    for who in ("irpin", "bucha", "sumy", "mykolaiv"):
        await found.admit(who, "ukraine", CODES[who])
    for who in ("cascais", "lithuania", "celle", "dortmund"):
        await found.admit(who, "partner")
    await found.at_rest()
    yield found
    await found.close()


def euros(amount: str) -> Json:
    """Money in euros."""
    return {"amount": amount, "currency": "EUR"}


def funding(amount: str) -> Json:
    """One line of euros."""
    return {"kind": "funding", "line": 1, "amount": euros(amount)}


def trucks(category: str) -> Json:
    """One line of three trucks."""
    pieces = {"quantity": 3, "unit": "piece"}
    return {"kind": "goods", "line": 1, "category": category, "amount": pieces}


async def asks(acting: Acting, who: str, title: str, line: Json, **more: object) -> str:
    """An authority posts a need; its id, when matching knows of it."""
    body = acting.a_need(line, title=title) | {"place": CODES[who]} | more
    need = await acting.done(who, "projects", "/needs", body)
    await acting.at_rest()
    return str(need["id"])


async def gives(acting: Acting, who: str, need: str, line: Json) -> None:
    """A partner pledges for the need; both sides accept what is proposed."""
    await acting.pledge(who, line, need_id=need)
    (match,) = await acting.proposals(need)
    owner = next(w for w, i in acting.ids.items() if i == match["authority_id"])
    for side in (who, owner):
        await acting.done(side, "matching", f"/matches/{match['id']}/acceptances")
    await acting.at_rest()


async def arrives(acting: Acting, owner: str, need: str, day: str, scope: str) -> None:
    """The owner confirms that all has arrived."""
    for match in await acting.got("matching", f"/matches?need_id={need}&status=agreed"):
        body = {"date": day, "scope": scope}
        await acting.done(owner, "matching", f"/matches/{match['id']}/deliveries", body)


async def builds(
    acting: Acting, owner: str, need: str, planned: str, began: str, outcome: Json
) -> Json:
    """Work begins, ends, and is verified by the Committee of the Regions; the need then."""
    start = {"start_date": began, "planned_scope": planned}
    await acting.done(owner, "projects", f"/needs/{need}/start", start)
    await arrives(acting, owner, need, outcome["end_date"], outcome["final_scope"])
    await acting.done(owner, "projects", f"/needs/{need}/completion", outcome)
    seen = {"finding": "confirmed", "report": "visited"}
    await acting.done("cor", "projects", f"/needs/{need}/verification", seen)
    await acting.at_rest()
    found: Json = await acting.got("projects", f"/needs/{need}")
    assert found["status"] == "completed"
    return found


async def test_cascais_gives_half_a_million_to_irpin_and_as_much_to_bucha(acting: Acting) -> None:
    """Twinned on 23 June 2022; Irpin's crèche became the restored kindergarten Chervona Kalyna."""
    irpin = await asks(acting, "irpin", "A crèche", funding("500000.00"))
    bucha = await asks(acting, "bucha", "Rebuilding in Bucha", funding("500000.00"))
    for need in (irpin, bucha):
        await gives(acting, "cascais", need, funding("500000.00"))
    scope = "the restored kindergarten Chervona Kalyna"
    outcome = {
        "end_date": "2023-09-01",
        "final_value": [euros("500000.00")],
        "final_scope": scope,
        "scope_reason": "a damaged kindergarten could be restored sooner",
    }
    await builds(acting, "irpin", irpin, "a new crèche", "2022-07-01", outcome)
    (done,) = [e for e in acting.events("projects") if isinstance(e, ProjectCompleted)]
    assert done.scope_change is not None
    assert (done.scope_change.planned, done.scope_change.final) == ("a new crèche", scope)
    agreed = [e for e in acting.events("matching") if isinstance(e, MatchAgreed)]
    given = [(e.need_id, str(e.reserved)) for e in agreed]
    assert given == [(irpin, "EUR 500,000.00"), (bucha, "EUR 500,000.00")]
    state = (await acting.got("projects", f"/needs/{bucha}"))["status"]
    assert state == "identification"


async def test_lithuania_rebuilds_ruta_for_four_million_four_hundred_thousand(
    acting: Acting,
) -> None:
    """75 % damaged, chosen in August 2022, opened in August 2023 with 500 places."""
    need = await asks(
        acting,
        "irpin",
        "Kindergarten “Ruta”, 500 places",
        funding("4400000.00"),
        urgency="high",
        urgency_reason="75 % of the building is damaged",
        damage_date="2022-03-15",
    )
    await gives(acting, "lithuania", need, funding("4400000.00"))
    outcome = {
        "end_date": "2023-08-31",
        "final_value": [euros("4400000.00")],
        "final_scope": "a kindergarten of 500 places",
    }
    scope = "a kindergarten of 500 places"
    found = await builds(acting, "irpin", need, scope, "2022-08-15", outcome)
    assert found["final_value"] == [euros("4400000.00")]
    coverage = await acting.got("matching", f"/coverages/{need}")
    assert coverage["lines"]["1"] == {"proposed": 0, "agreed": 0, "delivered": 440_000_000}


@pytest.mark.parametrize(
    ("giver", "asker", "category"),
    [("celle", "sumy", "aid-truck"), ("dortmund", "mykolaiv", "municipal-truck")],
)
async def test_three_trucks_go_where_they_are_asked_for(
    acting: Acting, giver: str, asker: str, category: str
) -> None:
    """In kind: pieces are counted, no money is; no truck goes to the other town."""
    need = await asks(acting, asker, "Trucks", trucks(category))
    await gives(acting, giver, need, trucks(category))
    await arrives(acting, asker, need, "2023-03-01", "three trucks")
    await acting.at_rest()
    (delivered,) = [
        e
        for e in acting.events("matching")
        if isinstance(e, ContributionDelivered) and e.need_id == need
    ]
    assert delivered.partner_id == acting.ids[giver]
    assert str(delivered.delivered) == "3 × piece"
    covered = [e for e in acting.events("matching") if isinstance(e, NeedCovered)]
    assert sum(e.need_id == need for e in covered) == 1


async def test_mykolaiv_does_not_ask_for_its_namesake_in_lviv_oblast(acting: Acting) -> None:
    """The code is the key: the other Mykolaiv is not in its territory."""
    body = acting.a_need(trucks("municipal-truck")) | {"place": MYKOLAIV_OF_LVIV_OBLAST}
    answer = await acting.ask("mykolaiv", "projects", "/needs", body)
    assert answer.status_code == 422
    assert answer.json()["field"] == "/place"


@pytest.mark.parametrize(
    ("name", "oblast"),
    [
        ("irpin", "Київська"),
        ("bucha", "Київська"),
        ("borodianka", "Київська"),
        ("chernihiv", "Чернігівська"),
        ("izium", "Харківська"),
        ("kharkiv", "Харківська"),
        ("mykolaiv", "Миколаївська"),
        ("kherson", "Херсонська"),
        ("trostianets", "Сумська"),
        ("sumy", "Сумська"),
    ],
)
def test_codes_of_the_cases_lie_in_their_oblasts(name: str, oblast: str) -> None:
    """The chain ends in the oblast that everybody knows them in."""
    assert places()[chain(CODES[name])[-1]].name == oblast
