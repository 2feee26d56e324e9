"""Which pledge line may serve which requirement line, and if not, why: one code per reason."""

from fractions import Fraction
from math import ceil

from services.matching.engine.money import exchange, substitute
from services.matching.engine.problem import FUNDING, Ask, Offer, Rates, ReasonCode


def reasons(
    offer: Offer,
    ask: Ask,
    *,
    today: str,
    rates: Rates | None = None,
    barred: bool = False,
    substituting: bool = False,
) -> list[ReasonCode]:
    """Every reason why not, in the order they are looked at; none where it may.

    `barred`: the pair has a live match, or was answered and neither side was amended since.
    `substituting`: money for goods or services, at the need's stated unit value.
    """
    found = [*_standing(offer, ask, today), *_earmark(offer, ask)]
    if barred:
        found.append("answered-before")
    measured = _measure(offer, ask, rates, substituting)
    return [*found, measured] if measured else [*found, *_amounts(offer, ask, rates, substituting)]


def _standing(offer: Offer, ask: Ask, today: str) -> list[ReasonCode]:
    found: list[ReasonCode] = []
    if offer.status != "open":
        found.append("pledge-not-open")
    if not ask.open:
        found.append("need-not-open")
    if offer.partner_status != "admitted":
        found.append("partner-not-in-good-standing")
    if ask.authority_status != "admitted":
        found.append("authority-not-in-good-standing")
    if offer.valid_from is not None and offer.valid_from > today:
        found.append("not-yet-valid")
    if offer.valid_until is not None and offer.valid_until < today:
        found.append("no-longer-valid")
    return found


def _earmark(offer: Offer, ask: Ask) -> list[ReasonCode]:
    found: list[ReasonCode] = []
    if offer.need_id not in (None, ask.need_id):
        found.append("earmarked-for-another-need")
    if offer.authority_id not in (None, ask.authority_id):
        found.append("earmarked-for-another-authority")
    if offer.territories and not set(offer.territories) & set(ask.territory):
        found.append("earmarked-for-other-places")
    if offer.sectors and not set(offer.sectors) & set(sectors_of(ask.sector)):
        found.append("earmarked-for-other-sectors")
    return found


def sectors_of(sector: str) -> tuple[str, ...]:
    """A sector and the one that holds it: an earmark for either serves it."""
    wider = sector.partition(".")[0]
    return (sector,) if wider == sector else (sector, wider)


def _measure(offer: Offer, ask: Ask, rates: Rates | None, substituting: bool) -> ReasonCode | None:
    if substituting:
        if offer.measure != FUNDING or ask.measure == FUNDING:
            return "other-kind"
        if not ask.unit_value:
            return "no-unit-value"
        return None if substitute(offer, ask, rates) is not None else "no-rate"
    kind, _, category = offer.measure.partition("/")
    other, _, asked = ask.measure.partition("/")
    if kind != other:
        return "other-kind"
    if category != asked:
        return "other-category"
    if exchange(offer.measure, offer.unit, ask.unit, rates) is None:
        return "no-rate" if kind == FUNDING else "other-unit"
    return None


def _amounts(offer: Offer, ask: Ask, rates: Rates | None, substituting: bool) -> list[ReasonCode]:
    found: list[ReasonCode] = []
    if offer.available <= 0:
        found.append("nothing-available")
    if ask.uncovered <= 0:
        found.append("nothing-uncovered")
    if found:
        return found
    reserved, covers = most(offer, ask, rates, substituting)
    if covers <= 0:
        return ["less-than-one-unit"]
    if offer.indivisible:
        whole = offer.available == offer.pledged and reserved == offer.pledged
        return [] if whole else ["indivisible-too-large"]
    return ["below-minimum"] if reserved < offer.minimum else []


def most(
    offer: Offer, ask: Ask, rates: Rates | None, substituting: bool = False
) -> tuple[int, int]:
    """(reserved, covers), the most of this pledge line that this requirement line can take.

    An indivisible line is reserved whole, and covers the whole units that it is worth.
    """
    if substituting:
        worth = substitute(offer, ask, rates)
        assert worth is not None
        return priced(worth, offer.available, ask.uncovered)
    found = exchange(offer.measure, offer.unit, ask.unit, rates)
    assert found is not None
    if offer.indivisible:
        covers = int(offer.available * found.ratio)
        return (offer.available, covers) if covers <= ask.uncovered else (0, covers)
    return found.most(offer.available, ask.uncovered)


def priced(worth: Fraction, available: int, uncovered: int) -> tuple[int, int]:
    """(reserved, whole units) that money buys at `worth` of its smallest unit for each."""
    units = min(uncovered, int(available / worth))
    return min(ceil(units * worth), available), units
