"""Why a match, why none yet, and what a pledge would bring, asked of the running system."""

from typing import Any

from shared.log import LOG
from tests.connected.acting import Acting, Json, euros, until

TRUCK = {
    "kind": "goods",
    "line": 1,
    "category": "truck",
    "amount": {"quantity": 2, "unit": "piece"},
}
BUS = TRUCK | {"category": "bus"}


def stored(acting: Acting) -> dict[str, list[Any]]:
    """Every document of matching's, but for what its workers note of themselves."""
    database = acting.store["matching"]
    names = set(database.list_collection_names()) - {"leases"}
    return {name: sorted(database[name].find({}), key=lambda d: str(d["_id"])) for name in names}


def a_pledge(*lines: Json, **more: Any) -> Json:
    """The body of a pledge."""
    return {"title": {"en": "Supposed", "uk": "Припущений"}, "lines": list(lines), **more}


async def test_match_is_explained_by_its_round_in_both_languages(acting: Acting) -> None:
    """Tier, score, what the round had seen; the hashes are the round's."""
    need = await acting.post_need("irpin", euros(300))
    await acting.at_rest()
    await acting.pledge("cascais", euros(300), need_id=need)
    (match,) = await acting.proposals(need)
    found = await acting.got("matching", f"/matches/{match['id']}/explanation")
    round_ = await acting.got("matching", f"/rounds/{match['round_id']}")
    for name in ("problem_hash", "solution_hash", "seen", "rule", "day"):
        assert found["round"][name] == round_["decision"][name]
    assert found["tier"][0] | {"means": ""} == {
        "name": "earmarked-for-this-need",
        "level": 1,
        "highest": 1,
        "means": "",
    }
    assert found["score"] == found["base"] + sum(p["points"] for p in found["parts"])
    assert "The pledge names this very need." in found["sentences"]["en"]
    assert "Внесок призначено саме для цієї потреби." in found["sentences"]["uk"]


async def test_need_without_a_match_has_an_outlook(acting: Acting) -> None:
    """Nobody offers a bus; a truck is of another category; a need that is withdrawn says so."""
    need = await acting.post_need("irpin", BUS)
    await acting.pledge("cascais2", TRUCK)
    await acting.at_rest()

    async def known() -> Json:
        answer = await acting.read("matching", f"/needs/{need}/outlook")
        outlook: Json = answer.json() if answer.is_success else {}
        return outlook

    found: Json = await until(known)
    (line,) = found["lines"]
    assert found["status"] == "uncovered"
    assert line["reasons"]["other-category"] >= 1
    assert line["reasons"]["other-kind"] >= 1
    assert all("no-unit-value" in near["reasons"] for near in line["nearest"])
    await acting.done("irpin", "projects", f"/needs/{need}/withdrawal", {"reason": "found one"})
    await acting.at_rest()
    found = await acting.got("matching", f"/needs/{need}/outlook")
    assert (found["status"], len(found["sentences"]["uk"])) == ("closed", 1)


async def test_preview_tells_what_a_pledge_would_bring_and_changes_nothing(acting: Acting) -> None:
    """Log and collections are the same before and after; then it is made, and comes true."""
    need = await acting.post_need("irpin2", euros(700))
    await acting.at_rest()
    body = a_pledge(euros(1000), earmark={"need_id": need})
    before, length = stored(acting), acting.store["matching"][LOG].count_documents({})
    answer = await acting.ask("cascais", "matching", "/matches/previews", body)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert stored(acting) == before
    assert acting.store["matching"][LOG].count_documents({}) == length
    (match,) = found["matches"]
    assert (match["need_id"], match["reserved"]["amount"]) == (need, "700.00")
    assert [n["left"]["amount"] for n in found["left"]] == ["300.00"]
    assert found["sentences"]["uk"][0].startswith("Якби цей внесок")
    await acting.done("cascais", "matching", "/pledges", body)
    (made,) = await acting.proposals(need)
    for name in ("reserved", "covers"):
        assert made[name] == match[name]
    assert made["explanation"]["score"] == match["explanation"]["score"]


async def test_preview_is_for_partners_and_for_operators_on_their_behalf(acting: Acting) -> None:
    """Judged as the pledge would be; without an Idempotency-Key, since nothing is done."""
    path, mine = "/matches/previews", {"partner_id": acting.ids["cascais"]}
    asked = [
        await acting.ask("operator", "matching", path, a_pledge(euros(1)) | mine),
        await acting.ask("operator", "matching", path, a_pledge(euros(1))),
        await acting.ask("cascais2", "matching", path, a_pledge(euros(1)) | mine),
        await acting.ask("irpin", "matching", path, a_pledge(euros(1))),
        await acting.ask("cascais", "matching", path, a_pledge(euros(1)), roles=("core",)),
        await acting.ask("cascais", "matching", path, a_pledge(euros(0))),
    ]
    kinds = [a.json().get("type", "").removeprefix("urn:alliance:problem:") for a in asked]
    assert [a.status_code for a in asked] == [200, 422, 403, 403, 403, 422]
    refused = ["invalid-input", "not-yours", "not-a-partner", "forbidden", "invalid-input"]
    assert kinds[1:] == refused
    assert (await acting.read("matching", path)).status_code in (404, 405, 422)
