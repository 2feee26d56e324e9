"""Who may join the alliance, and who says so."""

from collections.abc import Callable

import pytest
from pydantic import ValidationError

from services.members import applying, commands, model, principles, twinning
from services.members.applying import AlreadyAMember, PrinciplesNotAccepted
from services.members.commands import Apply
from services.members.model import NotACoreMember, NotApplied
from services.members.store import RECORDS
from shared.errors import InvalidInput, NotFound, NotYours
from shared.events.ids import PartnershipId
from shared.events.members import MemberAdmitted, MemberKind, MemberRejected, PrincipleCode, Sector
from tests.given import (
    BORODIANKA,
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
    (event,) = applying.apply(irpin_applies())
    member = given(model.evolve_member, event)
    assert (member.status, member.role, member.territory) == ("applied", None, IRPIN_CHAIN)


def test_alliance_has_eight_principles() -> None:
    """The principles are the eight that domain.md names."""
    assert len(set(principles.CODES)) == len(principles.CODES) == 8


@pytest.mark.parametrize("missing", principles.CODES)
def test_application_without_one_of_the_principles_is_refused(missing: PrincipleCode) -> None:
    """Each principle is a condition of admission, and the refusal names the one that is missing."""
    accepted = tuple(p for p in principles.CODES if p != missing)
    with pytest.raises(PrinciplesNotAccepted) as refused:
        applying.apply(irpin_applies(principles=accepted))
    assert refused.value.facts["missing"] == [missing]


def test_principle_accepted_twice_does_not_stand_for_another() -> None:
    """Eight acceptances of which two are of one principle leave one principle open."""
    accepted = (*principles.CODES[1:], principles.CODES[1])
    with pytest.raises(PrinciplesNotAccepted):
        applying.apply(irpin_applies(principles=accepted))


@pytest.mark.parametrize("version", ["2022-06-29", "", "2022-06-30 "])
def test_application_accepts_the_principles_in_force_and_no_other_version(version: str) -> None:
    """The refusal says which version that is."""
    with pytest.raises(InvalidInput) as refused:
        applying.apply(irpin_applies(principles_version=version))
    assert refused.value.facts["field"] == "/principles_version"
    assert refused.value.facts["allowed"] == [principles.CURRENT]
    assert principles.CURRENT in refused.value.detail()


def test_each_version_of_the_principles_states_all_eight_in_both_languages() -> None:
    """The text of the current version is there, and no principle lacks a word of either."""
    assert principles.stated(principles.CURRENT).version == principles.CURRENT
    for name, version in principles.versions().items():
        assert version.version == name
        assert tuple(p.code for p in version.principles) == principles.CODES
        for principle in version.principles:
            for said in (principle.title, principle.text):
                assert set(said) == {"uk", "en"}
                assert all(text.strip() for text in said.values())


def test_version_of_the_principles_that_never_was_is_not_found() -> None:
    """Neither a later one nor a path to another file."""
    for version in ("2099-01-01", "../principles/2022-06-30"):
        with pytest.raises(NotFound):
            principles.stated(version)


@pytest.mark.parametrize(
    ("kind", "sector", "refused"),
    [
        ("institution", "public", False),
        ("institution", "private", False),
        ("institution", None, True),
        ("association", "public", True),
        ("association", None, False),
    ],
)
def test_institution_says_whether_it_is_public_or_private_and_nobody_else_does(
    kind: MemberKind, sector: Sector | None, refused: bool
) -> None:
    """A university or a company: its sector is stated."""
    application = irpin_applies(kind=kind, sector=sector, territory=())
    if refused:
        with pytest.raises(InvalidInput) as error:
            applying.apply(application)
        assert error.value.facts["field"] == "/sector"
    else:
        assert applying.apply(application) == [application]


@pytest.mark.parametrize(
    ("field", "code", "wrong"), [("nuts", "PT1A0", "PL911"), ("lau", "PT_1105", "PL_1465011")]
)
def test_european_codes_of_places_are_for_partners(field: str, code: str, wrong: str) -> None:
    """Ukraine's places have their own codifier; a partner's code is of its own country."""
    assert applying.apply(cascais_applies(**{field: code}))
    for application in (irpin_applies(**{field: code}), cascais_applies(**{field: wrong})):
        with pytest.raises(InvalidInput) as refused:
            applying.apply(application)
        assert refused.value.facts["field"] == f"/{field}"


def test_member_names_the_associations_of_its_side_that_it_belongs_to() -> None:
    """They are kept with the member, in the order they were given."""
    application = irpin_applies(associations=(CITIES,))
    (event,) = applying.apply(application, [core_of_ukraine()])
    assert given(model.evolve_member, event).associations == (CITIES,)


@pytest.mark.parametrize(
    "named",
    [
        None,
        core_of_partners(),
        core_of_ukraine().model_copy(update={"status": "suspended"}),
        admitted(irpin_applies(member_id=CITIES)),
    ],
    ids=["unknown", "of the other side", "suspended", "no association"],
)
def test_named_association_is_an_admitted_one_of_the_same_side(named: model.Member | None) -> None:
    """The refusal points to the one that is not."""
    application = irpin_applies(associations=(CITIES, CITIES))
    with pytest.raises(InvalidInput) as refused:
        applying.apply(application, [core_of_ukraine(), named])
    assert refused.value.facts["field"] == "/associations/1"


def test_association_that_nobody_knows_is_refused_when_an_application_names_it() -> None:
    """The command looks each of them up."""
    book = Notebook(RECORDS)
    applies = Apply(
        side="partner",
        kind="city",
        organisation_id="PT-NIPPC-505187531",
        names={"pt": "Cascais"},
        country="PT",
        associations=(CITIES,),
        principles=principles.CODES,
        principles_version=principles.CURRENT,
    )
    with pytest.raises(InvalidInput) as refused:
        book.do(commands.apply, applies)
    assert refused.value.facts["given"] == CITIES


def test_ukrainian_side_is_in_ukraine_and_partners_are_elsewhere() -> None:
    """Side and country say the same."""
    with pytest.raises(InvalidInput) as of_ukraine:
        applying.apply(irpin_applies(country="PL"))
    with pytest.raises(InvalidInput) as of_partner:
        applying.apply(cascais_applies(country="UA"))
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
        "principles": principles.CODES,
        "principles_version": principles.CURRENT,
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
            principles=principles.CODES,
            principles_version=principles.CURRENT,
        ),
    )
    with pytest.raises(NotYours):
        book.do(commands.endorse, applied.id, commands.Endorse(reason="please"), roles=["operator"])


def test_place_of_a_member_is_its_whole_chain_up_to_the_oblast() -> None:
    """Irpin lies in its hromada, in Bucha raion, in Kyiv oblast: none follows from the code."""
    assert applying.territory_of("ukraine", "association", IRPIN) == IRPIN_CHAIN


def test_member_without_a_place_has_no_chain() -> None:
    """An association names no place."""
    assert applying.territory_of("ukraine", "association", None) == ()


def test_code_that_is_invented_is_refused() -> None:
    """Seventeen digits are not enough: the codifier must know them."""
    with pytest.raises(InvalidInput) as refused:
        applying.territory_of("ukraine", "association", "UA32080150010049889")
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
    assert applying.territory_of("ukraine", "association", "UA85000000000065278") == (
        "UA85000000000065278",
    )
    assert applying.territory_of("ukraine", "association", "UA01000000000013043") == (
        "UA01000000000013043",
    )


def test_partner_has_no_katottg_code() -> None:
    """The codifier is for the Ukrainian side only."""
    with pytest.raises(InvalidInput):
        applying.territory_of("partner", "association", IRPIN)


@pytest.mark.parametrize("kind", ["hromada", "city"])
@pytest.mark.parametrize("code", ["UA32080000000084076", SUMY_OBLAST], ids=["raion", "oblast"])
def test_hromada_or_city_needs_the_code_of_its_hromada_or_settlement(
    kind: MemberKind, code: str
) -> None:
    """A raion, an oblast or nothing is too wide for either; the settlement's own is right."""
    with pytest.raises(InvalidInput) as refused:
        applying.territory_of("ukraine", kind, code)
    assert refused.value.facts["field"] == "/territory"
    assert applying.territory_of("ukraine", kind, IRPIN) == IRPIN_CHAIN
    with pytest.raises(InvalidInput) as refused:
        applying.apply(irpin_applies(kind=kind, territory=()))
    assert refused.value.facts["field"] == "/territory"


def test_place_may_be_given_by_its_name() -> None:
    """A name that one place has is its code; of a homonym the candidates are named."""
    assert applying.territory_of("ukraine", "city", "Бородянка")[0] == BORODIANKA
    with pytest.raises(InvalidInput) as refused:
        applying.territory_of("ukraine", "city", "Миколаїв")
    assert {c["code"] for c in refused.value.facts["allowed"]} >= {
        MYKOLAIV,
        MYKOLAIV_OF_LVIV_OBLAST,
    }


def test_region_needs_the_code_of_its_place_and_who_governs_none_needs_none() -> None:
    """A region names its oblast; an association, or a city of the other side, has no code."""
    with pytest.raises(InvalidInput) as refused:
        applying.apply(irpin_applies(kind="region", territory=()))
    assert refused.value.facts["field"] == "/territory"
    assert applying.apply(irpin_applies(kind="association", territory=()))
    assert applying.apply(cascais_applies(kind="city", territory=()))


def test_oblast_may_join_as_a_region() -> None:
    """What is too wide for a hromada is right for a region."""
    chain = applying.territory_of("ukraine", "association", SUMY_OBLAST)
    assert applying.apply(irpin_applies(kind="region", territory=chain))


def test_two_places_called_mykolaiv_are_different_places() -> None:
    """Mykolaiv and the Mykolaiv of Lviv oblast share a name and nothing of their chains."""
    one = applying.territory_of("ukraine", "association", MYKOLAIV)
    other = applying.territory_of("ukraine", "association", MYKOLAIV_OF_LVIV_OBLAST)
    assert not set(one) & set(other)


def test_events_of_a_member_follow_its_application_only() -> None:
    """Nothing is admitted that did not apply, nobody applies twice, and no foreign event counts."""
    admission = MemberAdmitted(member_id=IRPIN_MEMBER, role="member", reason="known")
    twinned = twinning.declare(
        an_id(PartnershipId, "twinned"),
        admitted(irpin_applies()),
        admitted(cascais_applies()),
        "twinned",
    )
    events: list[tuple[model.Member | None, object]] = [
        (None, admission),
        (APPLIED, irpin_applies()),
        (APPLIED, twinned),
    ]
    for state, event in events:
        with pytest.raises(TypeError):
            model.evolve_member(state, event)
