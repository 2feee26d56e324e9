"""Who may be twinned with whom."""

import pytest

from services.members import commands, principles, twinning
from services.members.commands import Apply, Because, DeclarePartnership, Endorse, Found
from services.members.model import Member, NotAdmitted
from services.members.store import RECORDS
from services.members.twinning import Partnership, PartnershipClosed
from shared.errors import NotYours
from shared.events import Event, read_event
from shared.events.ids import MemberId, PartnershipId
from shared.events.members import PartnershipEnded
from tests.given import Notebook, an_id, given
from tests.members.samples import (
    CASCAIS,
    CITIES,
    IRPIN_MEMBER,
    admitted,
    cascais_applies,
    core_of_partners,
    core_of_ukraine,
    irpin_applies,
)

TWINNED = an_id(PartnershipId, "Cascais–Irpin")
IRPIN, CITY = admitted(irpin_applies()), admitted(cascais_applies())


@pytest.mark.parametrize(("by", "other"), [(IRPIN, CITY), (CITY, IRPIN)])
def test_either_of_the_two_declares_a_partnership_and_it_is_the_same(
    by: Member, other: Member
) -> None:
    """Whoever declares it, Irpin is its Ukrainian and Cascais its partner."""
    event = twinning.declare(TWINNED, by, other, "twinned on 23 June 2022")
    partnership = given(twinning.evolve_partnership, event)
    assert (partnership.ukrainian_id, partnership.partner_id) == (IRPIN_MEMBER, CASCAIS)
    assert partnership.declared_by == by.id


@pytest.mark.parametrize(
    ("by", "other"), [(IRPIN, core_of_ukraine()), (CITY, core_of_partners()), (IRPIN, IRPIN)]
)
def test_partnership_joins_the_two_sides(by: Member, other: Member) -> None:
    """Two of one side, or a member and itself, are not twinned."""
    with pytest.raises(NotYours):
        twinning.declare(TWINNED, by, other, "twinned")


@pytest.mark.parametrize("status", ["applied", "rejected", "suspended", "left"])
@pytest.mark.parametrize("declares", [True, False])
def test_partnership_is_between_admitted_members(status: str, declares: bool) -> None:
    """Neither an applicant nor a suspended member is twinned, whether it declares or is named."""
    outsider = IRPIN.model_copy(update={"status": status})
    pair = (outsider, CITY) if declares else (CITY, outsider)
    with pytest.raises(NotAdmitted):
        twinning.declare(TWINNED, *pair, "twinned")


def test_same_pair_declared_twice_is_one_partnership() -> None:
    """The second declaration, from either side, records nothing and answers with the first."""
    book = Notebook(RECORDS)
    book.do(commands.found, Found(), roles=["operator"])
    core = {m.organisation_id: m.id for m in book.states["members"].values()}
    city = book.do(
        commands.apply,
        Apply(
            side="partner",
            kind="city",
            organisation_id="PT-NIPPC-505187531",
            names={"pt": "Cascais"},
            country="PT",
            principles=principles.CODES,
            principles_version=principles.CURRENT,
        ),
    )
    eurocities, cities = core["XI-ALLIANCE-EUROCITIES"], core["XI-ALLIANCE-AUC"]
    book.do(commands.endorse, city.id, Endorse(reason="known to us"), by=eurocities)
    asked = DeclarePartnership(with_member=cities, statement="twinned")
    first = book.do(commands.declare_partnership, asked, by=city.id)
    recorded = book.recorded()
    back = DeclarePartnership(with_member=city.id, statement="twinned, we say too")
    assert book.do(commands.declare_partnership, back, by=cities) == first
    assert book.recorded() == recorded


def declared() -> Partnership:
    """Cascais has declared that it is twinned with Irpin."""
    return given(twinning.evolve_partnership, twinning.declare(TWINNED, CITY, IRPIN, "twinned"))


def after(partnership: Partnership, event: Event) -> Partnership:
    """The partnership after one more event."""
    return twinning.evolve_partnership(partnership, event)


def test_partnership_counts_once_the_other_side_confirms_it() -> None:
    """Cascais declares, Irpin confirms; the event names who did."""
    event = twinning.confirm(declared(), IRPIN, CITY)
    assert event.confirmed_by == IRPIN_MEMBER
    partnership = after(declared(), event)
    assert (partnership.status, partnership.living) == ("confirmed", True)


@pytest.mark.parametrize("by", [CITY, core_of_ukraine()], ids=["declarer", "third party"])
def test_nobody_but_the_other_side_confirms(by: Member) -> None:
    """Neither who declared it nor who has no part in it."""
    with pytest.raises(NotYours):
        twinning.confirm(declared(), by, CITY)


@pytest.mark.parametrize("suspended", ["declarer", "other side"])
def test_suspended_member_is_not_confirmed_with(suspended: str) -> None:
    """Both are admitted members at that moment."""
    by, declarer = IRPIN, CITY
    if suspended == "declarer":
        declarer = declarer.model_copy(update={"status": "suspended"})
    else:
        by = by.model_copy(update={"status": "suspended"})
    with pytest.raises(NotAdmitted):
        twinning.confirm(declared(), by, declarer)


@pytest.mark.parametrize("by", [IRPIN_MEMBER, CASCAIS])
@pytest.mark.parametrize("confirmed", [True, False])
def test_either_ends_a_partnership_or_declines_one_that_is_not_confirmed(
    by: MemberId, confirmed: bool
) -> None:
    """With the reason, and what it had been."""
    partnership = declared()
    if confirmed:
        partnership = after(partnership, twinning.confirm(partnership, IRPIN, CITY))
    event = twinning.end(partnership, by, "nothing came of it")
    assert (event.ended_by, event.cause) == (by, "decision")
    assert event.was == ("confirmed" if confirmed else "declared")
    ended = after(partnership, event)
    assert (ended.status, ended.living) == ("ended", False)


def test_third_party_ends_no_partnership() -> None:
    """Not even a core member of one of the sides."""
    with pytest.raises(NotYours):
        twinning.end(declared(), CITIES, "not wanted")


def test_partnership_that_ended_is_neither_confirmed_nor_ended_again() -> None:
    """The refusal says what it is; and one that is confirmed is not confirmed twice."""
    confirmed = after(declared(), twinning.confirm(declared(), IRPIN, CITY))
    ended = after(confirmed, twinning.end(confirmed, CASCAIS, "over"))
    for partnership in (confirmed, ended):
        with pytest.raises(PartnershipClosed) as refused:
            twinning.confirm(partnership, IRPIN, CITY)
        assert refused.value.facts["given"] == partnership.status
    with pytest.raises(PartnershipClosed):
        twinning.end(ended, CASCAIS, "over, we say too")


def twinned_city() -> tuple[Notebook, MemberId, MemberId, PartnershipId]:
    """A city, a Ukrainian member, and their confirmed partnership."""
    book = Notebook(RECORDS)
    book.do(commands.found, Found(), roles=["operator"])
    core = {m.organisation_id: m.id for m in book.states["members"].values()}
    city, cities = core["XI-ALLIANCE-EUROCITIES"], core["XI-ALLIANCE-AUC"]
    asked = DeclarePartnership(with_member=cities, statement="twinned")
    partnership = book.do(commands.declare_partnership, asked, by=city)
    book.do(commands.confirm_partnership, partnership.id, by=cities)
    return book, city, cities, partnership.id


def test_partnership_that_ended_is_declared_anew_as_another_one() -> None:
    """The old one stays as it was, under its own id."""
    book, city, cities, first = twinned_city()
    book.do(commands.end_partnership, first, Because(reason="over"), by=cities)
    asked = DeclarePartnership(with_member=city, statement="twinned again")
    second = book.do(commands.declare_partnership, asked, by=cities)
    assert second.id != first
    assert (second.status, second.declared_by) == ("declared", cities)
    assert book.states["partnerships"][first].status == "ended"


def test_suspension_ends_no_partnership_and_leaving_ends_them_all() -> None:
    """In the same transaction, after the member's own event, with the cause."""
    book, city, _, partnership = twinned_city()
    villages = next(
        m.id for m in book.states["members"].values() if m.organisation_id == "XI-ALLIANCE-ARVC"
    )
    asked = DeclarePartnership(with_member=villages, statement="twinned")
    other = book.do(commands.declare_partnership, asked, by=city)
    book.do(commands.suspend_member, city, Because(reason="no answers"), roles=["operator"])
    assert book.states["partnerships"][partnership].status == "confirmed"
    recorded = book.recorded()
    member = book.do(commands.leave, city, Because(reason="elections"), by=city)
    assert member.status == "left"
    events = [read_event(e) for e in book.logs["members"][recorded:]]
    assert [e.type for e in events] == ["member-left", "partnership-ended", "partnership-ended"]
    ended = {e.partnership_id: e for e in events if isinstance(e, PartnershipEnded)}
    assert {i: e.was for i, e in ended.items()} == {partnership: "confirmed", other.id: "declared"}
    assert {(e.ended_by, e.cause, e.reason) for e in ended.values()} == {
        (city, "member-left", "elections")
    }


def test_partnership_is_declared_once_and_follows_nothing() -> None:
    """A second declaration of the same partnership cannot be folded."""
    event = twinning.declare(TWINNED, IRPIN, CITY, "twinned")
    with pytest.raises(TypeError):
        given(twinning.evolve_partnership, event, event)
