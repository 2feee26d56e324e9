"""The two stories that the demo plays: Cascais and Irpin, and Borodianka's kindergarten.

What is known of them is played as it was (docs/demo.md gives the sources and names what is the
demo's own: who endorsed whom, who verified, the days of the steps, the split between Borodianka's
two equipment donors, whom the sources do not name, and the rate of the hryvnia).
"""

from cli.cast import TODAY, Cast, Json
from services.members import founding
from shared.events.matches import MatchProposed, NeedCovered
from shared.events.members import MemberAdmitted, PartnershipConfirmed, PartnershipDeclared
from shared.events.pledges import PledgeMade
from shared.events.rounds import RatesSet

IRPIN, BORODIANKA = "UA32080150010049888", "UA32080030010080493"


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
