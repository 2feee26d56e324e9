"""Who may join the alliance, and who says so."""

from collections.abc import Callable

import pytest
from pydantic import ValidationError

from services.members import commands, model
from services.members.commands import AlreadyAMember, Apply
from services.members.model import NotACoreMember, NotApplied, PrinciplesNotAccepted
from services.members.store import RECORDS
from shared.errors import InvalidInput, NotYours
from shared.events.ids import PartnershipId
from shared.events.members import MemberAdmitted, MemberKind, MemberRejected, PrincipleCode
from tests.given import (
    IRPIN,
    IRPIN_CHAIN,
    MYKOLAIV,
    MYKOLAIV_OF_LVIV_OBLAST,
    SUMY_OBLAST,
    Notebook,
    an_id,
    given,
)
from tests.members.samples import (
    CITIES,
    IRPIN_MEMBER,
    admitted,
    cascais_applies,
    core_of_partners,
    core_of_ukraine,
    irpin_applies,
)

APPLIED = given(model.evolve_member, irpin_applies())
REJECTED = given(
    model.evolve_member,
    irpin_applies(),
    MemberRejected(member_id=IRPIN_MEMBER, rejected_by=CITIES, reason="unknown"),
)


def test_applicant_that_accepts_all_principles_has_applied_and_has_no_role() -> None:
    """An application that accepts every principle is recorded; nobody has decided on it yet."""
    (event,) = model.apply(irpin_applies())
    member = given(model.evolve_member, event)
    assert (member.status, member.role, member.territory) == ("applied", None, IRPIN_CHAIN)


def test_alliance_has_eight_principles() -> None:
    """The principles are the eight that domain.md names."""
    assert len(set(model.PRINCIPLES)) == len(model.PRINCIPLES) == 8


@pytest.mark.parametrize("missing", model.PRINCIPLES)
def test_application_without_one_of_the_principles_is_refused(missing: PrincipleCode) -> None:
    """Each principle is a condition of admission, and the refusal names the one that is missing."""
    accepted = tuple(p for p in model.PRINCIPLES if p != missing)
    with pytest.raises(PrinciplesNotAccepted) as refused:
        model.apply(irpin_applies(principles=accepted))
    assert refused.value.facts["missing"] == [missing]


def test_principle_accepted_twice_does_not_stand_for_another() -> None:
    """Eight acceptances of which two are of one principle leave one principle open."""
    accepted = (*model.PRINCIPLES[1:], model.PRINCIPLES[1])
    with pytest.raises(PrinciplesNotAccepted):
        model.apply(irpin_applies(principles=accepted))


def test_ukrainian_side_is_in_ukraine_and_partners_are_elsewhere() -> None:
    """Side and country say the same."""
    with pytest.raises(InvalidInput) as of_ukraine:
        model.apply(irpin_applies(country="PL"))
    with pytest.raises(InvalidInput) as of_partner:
        model.apply(cascais_applies(country="UA"))
    assert of_ukraine.value.facts["field"] == of_partner.value.facts["field"] == "/country"


def test_core_member_of_the_same_side_admits_an_applicant_by_its_endorsement() -> None:
    """The endorsement admits, as an ordinary member, and names who vouched."""
    event = model.endorse(APPLIED, core_of_ukraine(), "a hromada we know")
    member = model.evolve_member(APPLIED, event)
    assert (member.status, member.role, member.endorsed_by) == ("admitted", "member", CITIES)


def test_core_member_of_the_same_side_rejects_an_applicant_with_the_reason() -> None:
    """A rejection names who decided and why, and the member has no role."""
    event = model.reject(APPLIED, core_of_ukraine(), "no such council")
    assert (event.rejected_by, event.reason) == (CITIES, "no such council")
    member = model.evolve_member(APPLIED, event)
    assert (member.status, member.role) == ("rejected", None)


@pytest.mark.parametrize("decide", [model.endorse, model.reject])
@pytest.mark.parametrize(
    "by",
    [
        core_of_partners(),
        core_of_ukraine().model_copy(update={"status": "rejected"}),
        admitted(irpin_applies(member_id=CITIES)),
        given(model.evolve_member, irpin_applies(member_id=CITIES)),
        REJECTED,
        APPLIED,
    ],
    ids=[
        "core of the other side",
        "core no more",
        "ordinary member",
        "applicant",
        "rejected",
        "itself",
    ],
)
def test_only_an_admitted_core_member_of_the_same_side_decides(
    decide: Callable[..., object], by: model.Member
) -> None:
    """Neither the other side's core members, nor ordinary members, nor applicants decide."""
    with pytest.raises(NotACoreMember):
        decide(APPLIED, by, "please")


@pytest.mark.parametrize("decide", [model.endorse, model.reject])
@pytest.mark.parametrize(
    "decided", [admitted(irpin_applies()), REJECTED], ids=["admitted", "rejected"]
)
def test_application_is_decided_once(decide: Callable[..., object], decided: model.Member) -> None:
    """Who was admitted or rejected is neither endorsed nor rejected again."""
    with pytest.raises(NotApplied):
        decide(decided, core_of_ukraine(), "again")


def test_organisation_that_applied_before_cannot_apply_again() -> None:
    """The organisation id is one body's: a second application under it is refused."""
    book = Notebook(RECORDS)
    facts = {
        "side": "ukraine",
        "kind": "hromada",
        "organisation_id": "UA-EDR-04054628",
        "names": {"uk": "Ірпінь"},
        "country": "UA",
        "territory": IRPIN,
        "principles": model.PRINCIPLES,
    }
    member = book.do(commands.apply, Apply.model_validate(facts))
    assert member.territory == IRPIN_CHAIN
    with pytest.raises(AlreadyAMember):
        book.do(commands.apply, Apply.model_validate(facts | {"names": {"uk": "Ірпень"}}))
    assert book.recorded() == 1


def test_caller_that_acts_for_no_member_endorses_nobody() -> None:
    """An operator is no member: it can vouch for nobody."""
    book = Notebook(RECORDS)
    applied = book.do(
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
    with pytest.raises(NotYours):
        book.do(commands.endorse, applied.id, commands.Endorse(reason="please"), roles=["operator"])


def test_place_of_a_member_is_its_whole_chain_up_to_the_oblast() -> None:
    """Irpin lies in its hromada, in Bucha raion, in Kyiv oblast: none follows from the code."""
    assert model.territory_of("ukraine", IRPIN) == IRPIN_CHAIN


def test_member_without_a_place_has_no_chain() -> None:
    """An association names no place."""
    assert model.territory_of("ukraine", None) == ()


def test_code_that_is_invented_is_refused() -> None:
    """Seventeen digits are not enough: the codifier must know them."""
    with pytest.raises(InvalidInput) as refused:
        model.territory_of("ukraine", "UA32080150010049889")
    assert refused.value.facts["given"] == "UA32080150010049889"


@pytest.mark.parametrize(
    "code", ["RU35000000000000001", "35000000000", "UA3208015001004988", "UA32080150010049888 "]
)
def test_code_that_is_not_of_the_codifiers_form_is_not_even_an_application(code: str) -> None:
    """A Russian-looking code, a bare number, one digit less, a blank: none is KATOTTG."""
    with pytest.raises(ValidationError):
        irpin_applies(territory=(code,))


def test_occupied_and_annexed_places_are_ukraine() -> None:
    """Crimea and Sevastopol have their codes like any other place."""
    assert model.territory_of("ukraine", "UA85000000000065278") == ("UA85000000000065278",)
    assert model.territory_of("ukraine", "UA01000000000013043") == ("UA01000000000013043",)


def test_partner_has_no_katottg_code() -> None:
    """The codifier is for the Ukrainian side only."""
    with pytest.raises(InvalidInput):
        model.territory_of("partner", IRPIN)


@pytest.mark.parametrize("kind", ["hromada", "city"])
@pytest.mark.parametrize(
    "territory",
    [("UA32080000000084076", "UA32000000000030281"), (SUMY_OBLAST,), ()],
    ids=["raion", "oblast", "none"],
)
def test_hromada_or_city_needs_the_code_of_its_hromada_or_settlement(
    kind: MemberKind, territory: tuple[str, ...]
) -> None:
    """A raion, an oblast or nothing is too wide for either; the settlement's own is right."""
    with pytest.raises(InvalidInput) as refused:
        model.apply(irpin_applies(kind=kind, territory=territory))
    assert refused.value.facts["field"] == "/territory"
    assert model.apply(irpin_applies(kind=kind))


def test_region_needs_the_code_of_its_place_and_who_governs_none_needs_none() -> None:
    """A region names its oblast; an association, or a city of the other side, has no code."""
    with pytest.raises(InvalidInput) as refused:
        model.apply(irpin_applies(kind="region", territory=()))
    assert refused.value.facts["field"] == "/territory"
    assert model.apply(irpin_applies(kind="association", territory=()))
    assert model.apply(cascais_applies(kind="city", territory=()))


def test_oblast_may_join_as_a_region() -> None:
    """What is too wide for a hromada is right for a region."""
    chain = model.territory_of("ukraine", SUMY_OBLAST)
    assert model.apply(irpin_applies(kind="region", territory=chain))


def test_two_places_called_mykolaiv_are_different_places() -> None:
    """Mykolaiv and the Mykolaiv of Lviv oblast share a name and nothing of their chains."""
    one = model.territory_of("ukraine", MYKOLAIV)
    other = model.territory_of("ukraine", MYKOLAIV_OF_LVIV_OBLAST)
    assert not set(one) & set(other)


def test_events_of_a_member_follow_its_application_only() -> None:
    """Nothing is admitted that did not apply, nobody applies twice, and no foreign event counts."""
    admission = MemberAdmitted(member_id=IRPIN_MEMBER, role="member", reason="known")
    twinning = model.declare(
        an_id(PartnershipId, "twinned"),
        admitted(irpin_applies()),
        admitted(cascais_applies()),
        "twinned",
    )
    events: list[tuple[model.Member | None, object]] = [
        (None, admission),
        (APPLIED, irpin_applies()),
        (APPLIED, twinning),
    ]
    for state, event in events:
        with pytest.raises(TypeError):
            model.evolve_member(state, event)
