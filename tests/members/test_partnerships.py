"""Who may be twinned with whom."""

import pytest

from services.members import commands, model
from services.members.commands import Apply, DeclarePartnership, Endorse, Found
from services.members.model import Member, NotAdmitted
from services.members.store import RECORDS
from shared.errors import NotYours
from shared.events.ids import PartnershipId
from shared.events.members import MemberRejected
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
    event = model.declare(TWINNED, by, other, "twinned on 23 June 2022")
    partnership = given(model.evolve_partnership, event)
    assert (partnership.ukrainian_id, partnership.partner_id) == (IRPIN_MEMBER, CASCAIS)
    assert partnership.declared_by == by.id


@pytest.mark.parametrize(
    ("by", "other"), [(IRPIN, core_of_ukraine()), (CITY, core_of_partners()), (IRPIN, IRPIN)]
)
def test_partnership_joins_the_two_sides(by: Member, other: Member) -> None:
    """Two of one side, or a member and itself, are not twinned."""
    with pytest.raises(NotYours):
        model.declare(TWINNED, by, other, "twinned")


@pytest.mark.parametrize("status", ["applied", "rejected"])
@pytest.mark.parametrize("declares", [True, False])
def test_partnership_is_between_admitted_members(status: str, declares: bool) -> None:
    """Neither an applicant nor a rejected body is twinned, whether it declares or is named."""
    rejection = MemberRejected(member_id=IRPIN_MEMBER, rejected_by=CITIES, reason="unknown")
    events = [irpin_applies(), rejection] if status == "rejected" else [irpin_applies()]
    outsider = given(model.evolve_member, *events)
    pair = (outsider, CITY) if declares else (CITY, outsider)
    with pytest.raises(NotAdmitted):
        model.declare(TWINNED, *pair, "twinned")


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
            principles=model.PRINCIPLES,
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


def test_partnership_is_declared_once_and_follows_nothing() -> None:
    """A second declaration of the same partnership cannot be folded."""
    event = model.declare(TWINNED, IRPIN, CITY, "twinned")
    with pytest.raises(TypeError):
        given(model.evolve_partnership, event, event)
