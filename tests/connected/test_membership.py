"""A member is suspended, comes back, and leaves: what the other services make of it."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.connected.acting import Acting, Json, euros, until
from tests.system import running

WHY = {"reason": "for the test"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def acting() -> AsyncIterator[Acting]:
    """The whole system, notify included; one authority and two partners."""
    with running() as system:
        found = Acting(system)
        await found.open(partners=2)
        yield found
        await found.close()


async def matches(acting: Acting, who: str) -> list[Json]:
    """A partner's matches, in the order they were proposed."""
    found: list[Json] = await acting.got("matching", f"/matches?partner_id={acting.ids[who]}")
    return found


async def test_suspension_reinstatement_and_leaving_reach_every_service(acting: Acting) -> None:
    """Proposals end and agreements are flagged, both come back; who leaves offers no more."""
    cascais = f"/members/{acting.ids['cascais']}"
    agreed, proposed = [await acting.post_need("irpin", euros(100)) for _ in range(2)]
    await acting.at_rest()
    pledge = await acting.pledge("cascais", euros(250))
    (first,) = await acting.proposals(agreed)
    for who in ("cascais", "irpin"):
        await acting.done(who, "matching", f"/matches/{first['id']}/acceptances")
    (second,) = await acting.proposals(proposed)

    await acting.done("cemr", "members", f"{cascais}/suspension", WHY)
    await acting.at_rest()
    assert [(m["status"], len(m["flags"])) for m in await matches(acting, "cascais")] == [
        ("agreed", 1),
        ("released", 0),
    ]
    refused = await acting.ask(
        "cascais", "matching", "/pledges", {"title": {"en": "More"}, "lines": [euros(1)]}
    )
    assert (refused.status_code, refused.json()["state"]) == (403, "suspended")

    await acting.done("operator", "members", f"{cascais}/reinstatement", WHY)
    (third,) = await acting.proposals(proposed)
    await acting.at_rest()
    assert (third["pledge_id"], third["id"] != second["id"]) == (pledge, True)
    assert (await matches(acting, "cascais"))[0]["flags"] == []
    reinstated = acting.log("members")[-1]
    again = next(e for e in acting.log("matching") if e.subject == third["id"])
    assert (reinstated.name, again.causation_id) == ("member-reinstated", reinstated.id)

    await acting.done("cascais", "members", f"{cascais}/departure", WHY)
    await acting.at_rest()
    assert (await acting.got("matching", f"/pledges/{pledge}"))["status"] == "withdrawn"
    assert [m["status"] for m in await matches(acting, "cascais")] == [
        "agreed",
        "released",
        "released",
    ]


async def test_needs_of_an_authority_that_leaves_are_withdrawn_but_what_is_agreed_goes_on(
    acting: Acting,
) -> None:
    """Projects withdraws what nobody is committed to; partnerships end in members."""
    irpin = acting.ids["irpin"]
    statement = {"with_member": irpin, "statement": "twinned"}
    twinned = await acting.done("cascais2", "members", "/partnerships", statement)
    path = f"/partnerships/{twinned['id']}/confirmation"
    confirmed = await acting.done("irpin", "members", path)
    assert confirmed["status"] == "confirmed"
    before = await acting.got("projects", f"/needs?authority_id={irpin}")
    assert {n["status"] for n in before} == {"identification"}

    await acting.done("irpin", "members", f"/members/{irpin}/departure", WHY)

    async def gone() -> bool:
        needs = await acting.got("projects", f"/needs?authority_id={irpin}")
        return sorted(n["status"] for n in needs) == ["cancelled", "identification"]

    withdrawn: bool = await until(gone, say="whether the need without an agreement is withdrawn")
    assert withdrawn
    await acting.at_rest()
    partnerships = await acting.got("members", f"/partnerships?member_id={irpin}")
    assert [p["status"] for p in partnerships] == ["ended"]
    back = await acting.apply("irpin", "ukraine")
    assert back == irpin
