"""Members for tests: Irpin applies, Cascais applies, and who may vouch for them."""

from typing import Any

from services.members import applying, model, principles
from services.members.model import Member
from shared.events.ids import MemberId
from shared.events.members import MemberAdmitted, MemberApplied
from tests.given import IRPIN_CHAIN, an_id, given

IRPIN_MEMBER = an_id(MemberId, "Irpin")
CASCAIS = an_id(MemberId, "Cascais")
CITIES = an_id(MemberId, "Association of Ukrainian Cities")
EUROCITIES = an_id(MemberId, "Eurocities")


def irpin_applies(**more: Any) -> MemberApplied:
    """The hromada of Irpin asks to join."""
    facts: dict[str, Any] = {
        "member_id": IRPIN_MEMBER,
        "side": "ukraine",
        "kind": "hromada",
        "organisation_id": "UA-EDR-04054628",
        "names": {"uk": "Ірпінь", "en": "Irpin"},
        "country": "UA",
        "territory": IRPIN_CHAIN,
        "principles": principles.CODES,
        "principles_version": principles.CURRENT,
    }
    return MemberApplied(**facts | more)


def cascais_applies(**more: Any) -> MemberApplied:
    """The city of Cascais asks to join."""
    facts: dict[str, Any] = {
        "member_id": CASCAIS,
        "side": "partner",
        "kind": "city",
        "organisation_id": "PT-NIPPC-505187531",
        "names": {"pt": "Cascais", "en": "Cascais"},
        "country": "PT",
        "nuts": "PT1A0",
        "principles": principles.CODES,
        "principles_version": principles.CURRENT,
    }
    return MemberApplied(**facts | more)


def core_of_ukraine() -> Member:
    """A founding core member of the Ukrainian side."""
    application = irpin_applies(
        member_id=CITIES, kind="association", organisation_id="XI-ALLIANCE-AUC", territory=()
    )
    return given(model.evolve_member, *applying.found(application))


def core_of_partners() -> Member:
    """A founding core member of the partners' side."""
    application = cascais_applies(
        member_id=EUROCITIES, kind="association", organisation_id="XI-ALLIANCE-EUROCITIES"
    )
    return given(model.evolve_member, *applying.found(application))


def admitted(application: MemberApplied) -> Member:
    """An ordinary member."""
    admission = MemberAdmitted(
        member_id=application.member_id, role="member", endorsed_by=CITIES, reason="known to us"
    )
    return given(model.evolve_member, application, admission)
