"""The founding core members: data, loaded once."""

from services.members import commands, founding, principles
from services.members.commands import Found
from services.members.store import RECORDS
from shared.events.ids import ContactRef
from tests.given import Notebook, an_id
from tests.members.samples import core_of_ukraine

PARTNERS = {"COR", "CEMR", "EUROCITIES", "CALRE", "CPMR", "AER", "AEBR", "COVENANT"}
UKRAINIANS = {"AUC", "UARC", "ARVC", "AUATC"}


def test_founding_members_are_the_twelve_of_the_declaration_each_on_its_side() -> None:
    """Eight European associations and four Ukrainian ones, as domain.md names them."""
    found = {(m.side, m.organisation_id.removeprefix("XI-ALLIANCE-")) for m in founding.MEMBERS}
    expected = {("partner", m) for m in PARTNERS} | {("ukraine", m) for m in UKRAINIANS}
    assert found == expected
    assert len(founding.MEMBERS) == 12


def test_founding_member_is_core_without_an_endorser() -> None:
    """There was nobody before it to vouch for it."""
    member = core_of_ukraine()
    assert (member.status, member.role, member.endorsed_by) == ("admitted", "core", None)


def test_founding_members_are_recorded_once_however_often_they_are_loaded() -> None:
    """Loading again records nothing and gives the same ids, also in a new installation."""
    book, elsewhere = Notebook(RECORDS), Notebook(RECORDS)
    first = book.do(commands.found, Found(), roles=["operator"])
    recorded = book.recorded()
    again = book.do(commands.found, Found(), roles=["operator"])
    other = elsewhere.do(commands.found, Found(), roles=["operator"])
    assert [m.id for m in first] == [m.id for m in again] == [m.id for m in other]
    assert recorded == book.recorded() == 24
    assert {m.role for m in first} == {"core"}
    assert len(first) == 12


def test_founding_members_accept_the_principles_themselves() -> None:
    """Acceptance is a condition of admission for them too."""
    book = Notebook(RECORDS)
    book.do(commands.found, Found(), roles=["operator"])
    applications = [e for e in book.logs["members"] if e.name == "member-applied"]
    assert len(applications) == 12
    assert all(p in e.data for e in applications for p in principles.CODES)


def test_contact_of_a_founding_member_is_found_by_its_organisation_id() -> None:
    """Contacts are given beside the data; who has none has none."""
    contact = an_id(ContactRef, "Association of Ukrainian Cities")
    book = Notebook(RECORDS)
    members = book.do(
        commands.found, Found(contacts={"XI-ALLIANCE-AUC": contact}), roles=["operator"]
    )
    assert {m.contact_ref for m in members} == {contact, None}
