"""Needs, pledges and matches for tests: the alliance's real cases, as matching knows them."""

from typing import Any

from services.matching import matches, model
from services.matching.knowledge import Requirement
from services.matching.matches import Match
from services.matching.model import Pledge, Rates
from shared.codelists import chain
from shared.events.facts import Amount, RequirementLine
from shared.events.ids import MatchId, MemberId, NeedId, PledgeId, RatesId, RoundId
from shared.events.matches import ContributionDelivered, Explanation, MatchAgreed, MatchProposed
from shared.events.pledges import PledgeMade
from shared.events.rounds import RatesSet
from shared.lines import Line
from tests.given import IRPIN_CHAIN, an_id, given, money, numbered, offered

IRPIN = an_id(MemberId, "Irpin")
CASCAIS = an_id(MemberId, "Cascais")
LITHUANIA = an_id(MemberId, "Lithuania")
NEED = numbered(NeedId, 1)
PLEDGE = numbered(PledgeId, 1)
RATES = numbered(RatesId, 1)


def a_need(*lines: RequirementLine, number: int = 1, place: str = "", **more: Any) -> Requirement:
    """A need that is open, the `number`-th that was posted; Irpin's, where nothing else is said."""
    facts: dict[str, Any] = {
        "id": numbered(NeedId, number),
        "authority_id": IRPIN,
        "open": True,
        "territory": chain(place) if place else IRPIN_CHAIN,
        "sector": "education",
        "urgency": "normal",
        "lines": lines,
    }
    return Requirement(**facts | more)


def pledge_made(*lines: Line, number: int = 1, **more: Any) -> PledgeMade:
    """A pledge, the `number`-th that was made; Cascais's, where nothing else is said."""
    facts: dict[str, Any] = {
        "pledge_id": numbered(PledgeId, number),
        "partner_id": CASCAIS,
        "title": {"en": "A crèche for Irpin"},
        "lines": offered(*lines),
    }
    return PledgeMade(**facts | more)


def a_pledge(*lines: Line, number: int = 1, **more: Any) -> Pledge:
    """The pledge after it was made."""
    return given(model.evolve_pledge, pledge_made(*lines, number=number, **more))


def rates_set(**per_eur: str) -> RatesSet:
    """Rates of one day: units of each currency for one euro."""
    return RatesSet.model_validate(
        {"rates_id": RATES, "date": "2023-08-31", "source": "ECB", "per_eur": per_eur}
    )


def rates(**per_eur: str) -> Rates:
    """The rates, as recorded."""
    return given(model.evolve_rates, rates_set(**per_eur))


def proposed(
    reserved: Amount | None = None, covers: Amount | None = None, number: int = 1, **more: Any
) -> MatchProposed:
    """Cascais's money for Irpin's first line, the `number`-th match."""
    facts: dict[str, Any] = {
        "match_id": numbered(MatchId, number),
        "pledge_id": PLEDGE,
        "pledge_line": 1,
        "partner_id": CASCAIS,
        "need_id": NEED,
        "need_line": 1,
        "authority_id": IRPIN,
        "reserved": reserved or money("500000.00"),
        "covers": covers or reserved or money("500000.00"),
        "round_id": numbered(RoundId, 1),
        "explanation": Explanation(rule="first-come.v1", parts={}),
    }
    return MatchProposed(**facts | more)


def a_match(
    reserved: Amount | None = None, covers: Amount | None = None, number: int = 1, **more: Any
) -> Match:
    """The match after it was proposed."""
    return given(matches.evolve_match, proposed(reserved, covers, number, **more))


def after(match: Match, *events: Any) -> Match:
    """The match after more events."""
    for event in events:
        match = matches.evolve_match(match, event)
    return match


def agreed(match: Match) -> Match:
    """The match after both sides accepted it."""
    for by in (match.partner_id, match.authority_id):
        match = after(match, *matches.accept(match, by))
    assert match.status == "agreed"
    return match


def agreed_event(match: Match) -> MatchAgreed:
    """What is recorded of it then."""
    return MatchAgreed.model_validate(match.of())


def deliver(match: Match, amount: Amount | None = None) -> ContributionDelivered:
    """Irpin confirms that a part arrived, or all the rest."""
    return matches.deliver(match, IRPIN, amount, "2023-08-31", "windows")
