"""What a partner may offer, change and take back, and where each amount is."""

from datetime import date

import pytest
from pydantic import ValidationError

from services.matching import model
from services.matching.knowledge import Party, Requirement
from services.matching.matches import release
from services.matching.model import (
    Balance,
    NotAPartner,
    Pledge,
    PledgeClosed,
    PledgeCommitted,
    check_rates,
)
from shared.codelists import currencies
from shared.errors import InvalidInput, NotYours
from shared.events.facts import DecimalRate, PledgeLine
from shared.events.matches import MatchDeclined
from shared.events.pledges import Earmark, PledgeMade
from shared.events.registry import Event
from shared.lines import Line
from tests.given import TODAY, funding, given, goods, money, offered, services
from tests.matching.samples import (
    CASCAIS,
    IRPIN,
    LITHUANIA,
    a_match,
    a_need,
    a_pledge,
    agreed,
    agreed_event,
    pledge_made,
    proposed,
    rates_set,
)

PARTNER = Party(id=CASCAIS, side="partner", status="admitted")
OFFER = funding(1, "500000.00")


def where(pledge: Pledge, line: int = 1) -> tuple[int, int, int, int]:
    """(available, reserved, delivered, withdrawn) of one line, and that they are all of it,
    with what has expired."""
    b = pledge.balance(line)
    assert b.pledged == b.available + b.reserved + b.delivered + b.withdrawn + b.expired
    return b.available, b.reserved, b.delivered, b.withdrawn


def test_pledge_that_was_made_is_all_available() -> None:
    """Nothing of it is reserved, delivered or withdrawn."""
    event = model.make(pledge_made(OFFER, goods(2, "truck", 3)), PARTNER, TODAY)
    pledge = given(model.evolve_pledge, event)
    assert (where(pledge, 1), where(pledge, 2)) == ((50_000_000, 0, 0, 0), (3, 0, 0, 0))
    with pytest.raises(LookupError):
        pledge.balance(3)


@pytest.mark.parametrize(
    "party",
    [
        Party(id=CASCAIS, side="ukraine", status="admitted"),
        Party(id=CASCAIS, side="partner", status="applied"),
        Party(id=CASCAIS, side="partner", status="rejected"),
    ],
)
def test_only_an_admitted_partner_pledges(party: Party) -> None:
    """The Ukrainian side asks; applicants and rejected bodies do neither."""
    with pytest.raises(NotAPartner):
        model.make(pledge_made(OFFER), party, TODAY)


@pytest.mark.parametrize(
    "line",
    [
        funding(1, "0.00"),
        funding(1, "1.001"),
        funding(1, "100.5", "JPY"),
        funding(1, "100.00", "HRK"),
        goods(1, "truck", 0),
        goods(1, "truck", 1, "person-day"),
        services(1, "engineer", 1, "piece"),
    ],
)
def test_amount_that_nobody_can_give_is_no_pledge(line: PledgeLine) -> None:
    """Nothing, parts of a cent or of a yen, a retired currency, a unit of something else."""
    with pytest.raises(InvalidInput):
        model.make(pledge_made(line), PARTNER, TODAY)


def test_pledge_is_valid_until_today_at_least() -> None:
    """Its last day may be today, not yesterday."""
    model.make(pledge_made(OFFER, valid_until="2023-09-01"), PARTNER, TODAY)
    with pytest.raises(InvalidInput):
        model.make(pledge_made(OFFER, valid_until="2023-08-31"), PARTNER, TODAY)


@pytest.mark.parametrize("day", ["2027-02-30", "2024-13-01"])
def test_pledge_is_not_valid_until_a_day_that_is_in_no_calendar(day: str) -> None:
    """Digits in the right places are not a day."""
    with pytest.raises(ValidationError):
        pledge_made(OFFER, valid_until=day)


def test_reserved_amount_is_free_again_when_the_match_is_declined_or_released() -> None:
    """It moves to reserved and back, to the cent."""
    match = a_match(money("300000.00"))
    pledge = given(model.evolve_pledge, pledge_made(OFFER), proposed(money("300000.00")))
    assert where(pledge) == (20_000_000, 30_000_000, 0, 0)
    declined = MatchDeclined.model_validate(
        match.of() | {"side": "ukraine", "declined_by": IRPIN, "reason": "too late"}
    )
    for end in (declined, release(match, "need-amended", "less")):
        assert where(model.evolve_pledge(pledge, end)) == (50_000_000, 0, 0, 0)


def test_pledge_expires_on_the_day_after_its_last() -> None:
    """What is available ends; what is reserved stays, and ends when it comes free."""
    last = "2023-09-01"
    pledge = given(
        model.evolve_pledge, pledge_made(OFFER, valid_until=last), proposed(money("200000.00"))
    )
    assert model.expire(pledge, date(2023, 9, 1)) == []
    (event,) = model.expire(pledge, date(2023, 9, 2))
    assert [str(e.amount) for e in event.expired] == ["EUR 300,000.00"]
    pledge = model.evolve_pledge(pledge, event)
    assert (pledge.status, pledge.balance(1).expired) == ("expired", 30_000_000)
    assert where(pledge) == (0, 20_000_000, 0, 0)
    assert model.expire(pledge, date(2023, 9, 3)) == []
    freed = release(a_match(money("200000.00")), "need-amended", "less")
    assert model.evolve_pledge(pledge, freed).balance(1).expired == 50_000_000


def test_pledge_without_a_last_day_never_expires() -> None:
    """None was given, none is assumed."""
    assert model.expire(a_pledge(OFFER), date(2999, 1, 1)) == []


def test_more_than_is_available_can_never_be_reserved() -> None:
    """A balance below zero is a defect, not a state: one cent too much is refused."""
    with pytest.raises(ArithmeticError):
        given(model.evolve_pledge, pledge_made(OFFER), proposed(money("500000.01")))
    with pytest.raises(ArithmeticError):
        given(
            model.evolve_pledge,
            pledge_made(OFFER),
            proposed(money("500000.00")),
            proposed(money("0.01"), number=2),
        )


def amend(pledge: Pledge, *lines: Line, agreed: int = 0) -> Pledge:
    """The pledge after Cascais amended it; `agreed` cents of line 1 must stay."""
    return model.evolve_pledge(
        pledge, model.amend(pledge, CASCAIS, offered(*lines), {1: agreed}, "council decided")
    )


def test_pledge_may_grow_shrink_or_gain_a_line_while_nothing_is_reserved() -> None:
    """The new amounts are all available."""
    pledge = amend(a_pledge(OFFER), funding(1, "0.01"), goods(2, "truck", 3))
    assert (where(pledge, 1), where(pledge, 2)) == ((1, 0, 0, 0), (3, 0, 0, 0))


def test_amendment_says_what_was_and_what_is() -> None:
    """Both are whole."""
    less = offered(funding(1, "1.00"))
    event = model.amend(a_pledge(OFFER), CASCAIS, less, {}, "less")
    assert (event.lines_before, event.lines) == (offered(OFFER), less)


def test_what_is_agreed_delivered_or_withdrawn_cannot_be_amended_away() -> None:
    """200,000 agreed and 100,000 delivered: 300,000 is the least."""
    balance = Balance(line=offered(OFFER)[0], reserved=20_000_000, delivered=10_000_000)
    pledge = a_pledge(OFFER).model_copy(update={"balances": (balance,)})
    assert where(amend(pledge, funding(1, "300000.00"), agreed=20_000_000))[0] == 0
    with pytest.raises(PledgeCommitted) as refused:
        amend(pledge, funding(1, "299999.99"), agreed=20_000_000)
    assert refused.value.facts["allowed"] == {"minimum": "EUR 300,000.00"}


@pytest.mark.parametrize(
    "line", [funding(1, "500000.00", "UAH"), goods(1, "truck", 3), funding(2, "500000.00")]
)
def test_line_of_a_pledge_neither_vanishes_nor_changes_what_it_counts(line: Line) -> None:
    """A match names its line by number."""
    with pytest.raises(InvalidInput):
        amend(a_pledge(OFFER), line)


def test_withdrawal_takes_back_what_is_available_and_leaves_what_is_reserved() -> None:
    """200,000 are matched: 300,000 are withdrawn, and the sum stays."""
    pledge = given(model.evolve_pledge, pledge_made(OFFER), proposed(money("200000.00")))
    pledge = model.evolve_pledge(pledge, model.withdraw(pledge, CASCAIS, "budget cut"))
    assert (pledge.status, where(pledge)) == ("withdrawn", (0, 20_000_000, 0, 30_000_000))


def test_withdrawal_of_a_pledge_that_is_all_reserved_takes_back_nothing() -> None:
    """The pledge is closed to new matches all the same."""
    pledge = given(model.evolve_pledge, pledge_made(OFFER), proposed())
    event = model.withdraw(pledge, CASCAIS, "budget cut")
    assert event.withdrawn == ()
    assert model.evolve_pledge(pledge, event).status == "withdrawn"


def test_what_comes_free_of_a_withdrawn_pledge_is_withdrawn() -> None:
    """The partner took it all back: a match that ends gives it nothing to offer again."""
    match = a_match(money("200000.00"))
    pledge = given(model.evolve_pledge, pledge_made(OFFER), proposed(money("200000.00")))
    pledge = model.evolve_pledge(pledge, model.withdraw(pledge, CASCAIS, "budget cut"))
    end = release(agreed(match), "need-withdrawn", "built elsewhere")
    assert where(model.evolve_pledge(pledge, end)) == (0, 0, 0, 50_000_000)


def test_withdrawn_pledge_is_neither_amended_nor_withdrawn_again() -> None:
    """It is closed."""
    pledge = a_pledge(OFFER)
    pledge = model.evolve_pledge(pledge, model.withdraw(pledge, CASCAIS, "budget cut"))
    with pytest.raises(PledgeClosed):
        model.withdraw(pledge, CASCAIS, "again")
    with pytest.raises(PledgeClosed):
        amend(pledge, OFFER)


def test_only_its_partner_changes_a_pledge() -> None:
    """Lithuania neither amends nor withdraws what Cascais pledged."""
    with pytest.raises(NotYours):
        model.withdraw(a_pledge(OFFER), LITHUANIA, "not ours")
    with pytest.raises(NotYours):
        model.amend(a_pledge(OFFER), LITHUANIA, (OFFER,), {}, "not ours")


@pytest.mark.parametrize(
    "event", [agreed_event(a_match()), rates_set(UAH="40")], ids=["match-agreed", "rates-set"]
)
def test_pledge_is_folded_from_its_own_events_only(event: Event) -> None:
    """What moves no amount of it is refused, and so is a second beginning or none."""
    with pytest.raises(TypeError):
        model.evolve_pledge(a_pledge(OFFER), event)
    with pytest.raises(TypeError):
        model.evolve_pledge(None, proposed())
    with pytest.raises(TypeError):
        model.evolve_pledge(a_pledge(OFFER), pledge_made(OFFER))


def test_rates_are_above_zero_and_of_active_currencies() -> None:
    """Rates of zero, of retired currencies or of the euro itself, which is what they count in, are
    refused, and the pointer names which."""
    known = tuple(currencies())
    event = rates_set(UAH="39.5", JPY="158.12", HRK="7.5345", KWD="0", EUR="1")
    per_eur: dict[str, DecimalRate] = event.per_eur
    check_rates({"UAH": per_eur["UAH"], "JPY": per_eur["JPY"]}, known)
    for code in ("HRK", "KWD", "EUR"):
        with pytest.raises(InvalidInput) as refused:
            check_rates({code: per_eur[code]}, known)
        assert refused.value.facts["field"] == f"/per_eur/{code}"


def test_rates_are_recorded_once() -> None:
    """A set of rates never changes; new rates are a new set."""
    with pytest.raises(TypeError):
        given(model.evolve_rates, rates_set(UAH="40"), rates_set(UAH="41"))


def test_earmark_and_validity_are_kept_with_the_pledge() -> None:
    """What the partner said is what rounds read."""
    event: PledgeMade = pledge_made(OFFER, valid_until="2024-01-01", conditions="a plaque")
    need: Requirement = a_need(OFFER)
    event = event.model_copy(
        update={"earmark": event.earmark.model_copy(update={"need_id": need.id})}
    )
    pledge = given(model.evolve_pledge, event)
    assert (pledge.earmark.need_id, pledge.valid_until) == (need.id, "2024-01-01")
    assert pledge.conditions == "a plaque"


@pytest.mark.parametrize(
    ("line", "pointer"),
    [
        (offered(funding(1, "10.00"), minimum=money("10.01"))[0], "/lines/0/minimum"),
        (offered(funding(1, "10.00"), minimum=money("1.00", "UAH"))[0], "/lines/0/minimum"),
        (offered(funding(1, "10.00"), minimum=money("0.00"))[0], "/lines/0/minimum/amount"),
        (offered(goods(1, "truck", 3), minimum=money("1.00"))[0], "/lines/0/minimum"),
        (
            offered(funding(1, "10.00"), minimum=money("1.00"), indivisible=True)[0],
            "/lines/0/minimum",
        ),
    ],
    ids=["more than the line", "another currency", "nothing", "money for trucks", "indivisible"],
)
def test_minimum_is_a_part_of_its_line(line: PledgeLine, pointer: str) -> None:
    """Counted as the line is, more than nothing and not more than it; none where indivisible."""
    made = pledge_made(line)
    with pytest.raises(InvalidInput) as refused:
        model.make(made, Party(id=CASCAIS, side="partner", status="admitted"), TODAY)
    assert refused.value.facts["field"] == pointer


def test_line_in_a_currency_that_was_retired_since_does_not_stop_an_amendment() -> None:
    """Kuna lines stay as they are or shrink; nothing new is pledged in kuna."""
    pledge = a_pledge(funding(1, "100.00", "HRK"), goods(2, "truck", 3))
    pledge = amend(pledge, funding(1, "100.00", "HRK"), goods(2, "truck", 4))
    assert where(pledge, 2) == (4, 0, 0, 0)
    assert where(amend(pledge, funding(1, "50.00", "HRK"), goods(2, "truck", 4)))[0] == 5_000
    with pytest.raises(InvalidInput) as refused:
        amend(
            pledge,
            funding(1, "100.00", "HRK"),
            goods(2, "truck", 4),
            funding(3, "1.00", "HRK"),
        )
    assert refused.value.facts["field"] == "/lines/2/amount/currency"


def test_pledge_is_for_places_that_exist_and_ends_after_it_begins() -> None:
    """The pointers name what is wrong."""
    partner = Party(id=CASCAIS, side="partner", status="admitted")
    for more, pointer in (
        ({"earmark": Earmark(territories=("UA00000000000000000",))}, "/earmark/territories/0"),
        ({"valid_from": "2023-10-02", "valid_until": "2023-10-01"}, "/valid_until"),
        ({"valid_until": "2023-08-31"}, "/valid_until"),
    ):
        with pytest.raises(InvalidInput) as refused:
            model.make(pledge_made(OFFER, **more), partner, TODAY)
        assert refused.value.facts["field"] == pointer
    model.make(
        pledge_made(OFFER, valid_from="2023-10-01", valid_until="2023-10-01"), partner, TODAY
    )
