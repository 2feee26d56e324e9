"""What may become of a member: suspended, reinstated, gone, and back again."""

from collections.abc import Callable
from typing import Any

import pytest

from services.members import commands, model, principles
from services.members.applying import AlreadyAMember
from services.members.commands import Apply, Because, Endorse, Found, Reject
from services.members.model import (
    Member,
    MemberStatus,
    NotACoreMember,
    NotAdmitted,
    NotApplied,
    NotSuspended,
)
from services.members.store import RECORDS
from shared.errors import InvalidInput, NotFound, NotYours, Refused
from shared.events.ids import MemberId
from shared.events.members import (
    MemberAdmitted,
    MemberApplied,
    MemberLeft,
    MemberReinstated,
    MemberRejected,
    MemberSuspended,
)
from shared.events.registry import Event
from tests.given import IRPIN, IRPIN_CHAIN, Notebook, an_id, given
from tests.members.samples import (
    CITIES,
    IRPIN_MEMBER,
    admitted,
    core_of_partners,
    core_of_ukraine,
    irpin_applies,
)

ADMISSION = MemberAdmitted(
    member_id=IRPIN_MEMBER, role="member", endorsed_by=CITIES, reason="known to us"
)
SUSPENSION = MemberSuspended(member_id=IRPIN_MEMBER, suspended_by=CITIES, reason="no answers")
REJECTION = MemberRejected(member_id=IRPIN_MEMBER, rejected_by=CITIES, reason="unknown")
DEPARTURE = MemberLeft(member_id=IRPIN_MEMBER, reason="merged with its neighbour")
HISTORIES: dict[MemberStatus | None, list[Event]] = {
    None: [],
    "applied": [irpin_applies()],
    "admitted": [irpin_applies(), ADMISSION],
    "rejected": [irpin_applies(), REJECTION],
    "suspended": [irpin_applies(), ADMISSION, SUSPENSION],
    "left": [irpin_applies(), ADMISSION, DEPARTURE],
}

APPLICATION = Apply(
    side="ukraine",
    kind="hromada",
    organisation_id="UA-EDR-04054628",
    names={"uk": "Ірпінська громада"},
    country="UA",
    territory=IRPIN,
    principles=principles.CODES,
    principles_version=principles.CURRENT,
)
WHY = Because(reason="for the table")
STEPS: dict[str, tuple[type[Event], Callable[[Notebook, MemberId], Any]]] = {
    "apply": (MemberApplied, lambda book, core: book.do(commands.apply, APPLICATION)),
    "endorse": (
        MemberAdmitted,
        lambda book, core: book.do(
            commands.endorse, IRPIN_MEMBER, Endorse(reason="known"), by=core
        ),
    ),
    "reject": (
        MemberRejected,
        lambda book, core: book.do(commands.reject, IRPIN_MEMBER, Reject(reason="no"), by=core),
    ),
    "suspend": (
        MemberSuspended,
        lambda book, core: book.do(commands.suspend_member, IRPIN_MEMBER, WHY, by=core),
    ),
    "reinstate": (
        MemberReinstated,
        lambda book, core: book.do(commands.reinstate_member, IRPIN_MEMBER, WHY, by=core),
    ),
    "leave": (
        MemberLeft,
        lambda book, core: book.do(commands.leave, IRPIN_MEMBER, WHY, by=IRPIN_MEMBER),
    ),
}
LEADS: dict[str, dict[MemberStatus | None, MemberStatus]] = {
    "apply": {None: "applied", "rejected": "applied", "left": "applied"},
    "endorse": {"applied": "admitted"},
    "reject": {"applied": "rejected"},
    "suspend": {"admitted": "suspended"},
    "reinstate": {"suspended": "admitted"},
    "leave": {"admitted": "left", "suspended": "left"},
}
REFUSALS: dict[str, type[Refused]] = {
    "apply": AlreadyAMember,
    "endorse": NotApplied,
    "reject": NotApplied,
    "suspend": NotAdmitted,
    "reinstate": NotSuspended,
    "leave": NotAdmitted,
}


def the_alliance() -> tuple[Notebook, MemberId]:
    """The founding members, and the one that judges the Ukrainian side."""
    book = Notebook(RECORDS)
    found = book.do(commands.found, Found(), roles=["operator"])
    return book, next(m.id for m in found if m.organisation_id == "XI-ALLIANCE-AUC")


@pytest.mark.parametrize("status", HISTORIES)
@pytest.mark.parametrize("step", STEPS)
def test_each_command_leads_from_each_status_where_the_table_says_or_is_refused(
    step: str, status: MemberStatus | None
) -> None:
    """Status by command: the next status and its one event, or the refusal and nothing recorded."""
    book, core = the_alliance()
    for past in HISTORIES[status]:
        book.fold(past)
    recorded = book.recorded()
    event, do = STEPS[step]
    if status in LEADS[step]:
        member: Member = do(book, core)
        assert member.status == LEADS[step][status]
        assert [e.type for e in book.logs["members"][recorded:]] == [event.ce_type()]
    else:
        with pytest.raises(REFUSALS[step] if status else NotFound):
            do(book, core)
        assert book.recorded() == recorded


def test_table_has_every_status() -> None:
    """None was forgotten."""
    ends = {s for leads in LEADS.values() for s in leads.values()}
    assert ends == {s for s in HISTORIES if s is not None}
    assert all(given(model.evolve_member, *past).status == s for s, past in HISTORIES.items() if s)


@pytest.mark.parametrize(
    "by",
    [
        core_of_partners(),
        core_of_ukraine().model_copy(update={"status": "suspended"}),
        admitted(irpin_applies(member_id=an_id(MemberId, "Bucha"))),
    ],
    ids=["core of the other side", "suspended core", "ordinary member"],
)
def test_only_an_admitted_core_member_of_the_side_suspends_or_reinstates(by: Member) -> None:
    """Neither the other side, nor one that is suspended itself, nor an ordinary member judges."""
    for decide, status in ((model.suspend, "admitted"), (model.reinstate, "suspended")):
        member = given(model.evolve_member, *HISTORIES[status])  # type: ignore[index]
        with pytest.raises(NotACoreMember):
            decide(member, by, "please")


def test_operator_suspends_and_reinstates_as_nobodys_member() -> None:
    """The event names no member that acted: the envelope's actor says who it was."""
    book, _ = the_alliance()
    for past in HISTORIES["admitted"]:
        book.fold(past)
    book.do(commands.suspend_member, IRPIN_MEMBER, WHY, roles=["operator"])
    member = book.do(commands.reinstate_member, IRPIN_MEMBER, WHY, roles=["operator"])
    assert (member.status, member.role, member.endorsed_by) == ("admitted", "member", CITIES)
    suspended, reinstated = book.logs["members"][-2:]
    assert "suspended_by" not in suspended.data
    assert "reinstated_by" not in reinstated.data
    assert f'"endorsed_by":"{CITIES}"' in suspended.data


def test_who_acts_for_no_member_and_is_no_operator_suspends_nobody() -> None:
    """The role of a core member without a member is none."""
    book, _ = the_alliance()
    for past in HISTORIES["admitted"]:
        book.fold(past)
    with pytest.raises(NotYours):
        book.do(commands.suspend_member, IRPIN_MEMBER, WHY, roles=["core"])


def test_founding_core_member_is_suspended_by_another_and_not_by_itself() -> None:
    """It keeps its role while it is suspended, and may not use it."""
    book, core = the_alliance()
    other = next(
        m.id for m in book.states["members"].values() if m.side == "ukraine" and m.id != core
    )
    with pytest.raises(NotYours):
        book.do(commands.suspend_member, core, WHY, by=core)
    member = book.do(commands.suspend_member, core, WHY, by=other)
    assert (member.status, member.role) == ("suspended", "core")
    book.fold(irpin_applies())
    with pytest.raises(NotACoreMember):
        book.do(commands.endorse, IRPIN_MEMBER, Endorse(reason="known"), by=core)
    with pytest.raises(NotACoreMember):
        book.do(commands.reinstate_member, core, WHY, by=core)


def test_nobody_leaves_for_another() -> None:
    """Neither a core member nor an operator says that somebody leaves."""
    book, core = the_alliance()
    for past in HISTORIES["admitted"]:
        book.fold(past)
    for by, roles in ((core, []), (None, ["operator"])):
        with pytest.raises(NotYours):
            book.do(commands.leave, IRPIN_MEMBER, WHY, by=by, roles=roles)


@pytest.mark.parametrize("status", ["rejected", "left"])
def test_one_that_was_rejected_or_left_applies_again_as_the_same_member(
    status: MemberStatus,
) -> None:
    """The id stays, what it says of itself is new, and it needs an endorsement like any other."""
    book, core = the_alliance()
    for past in HISTORIES[status]:
        book.fold(past)
    member = book.do(commands.apply, APPLICATION)
    assert (member.id, member.status, member.role) == (IRPIN_MEMBER, "applied", None)
    assert (member.names, member.endorsed_by) == ({"uk": "Ірпінська громада"}, None)
    assert member.territory == IRPIN_CHAIN
    assert (
        book.do(commands.endorse, IRPIN_MEMBER, Endorse(reason="back"), by=core).endorsed_by == core
    )


def test_founding_core_member_that_left_comes_back_as_an_ordinary_one() -> None:
    """The role was its own as a founder: who asks again is endorsed as a member."""
    book, core = the_alliance()
    left = book.do(commands.leave, core, WHY, by=core)
    assert (left.status, left.role) == ("left", None)
    facts = {"kind": "association", "organisation_id": left.organisation_id, "territory": None}
    back = book.do(commands.apply, APPLICATION.model_copy(update=facts))
    other = next(
        m.id for m in book.states["members"].values() if m.side == "ukraine" and m.id != core
    )
    member = book.do(commands.endorse, back.id, Endorse(reason="back"), by=other)
    assert (member.id, member.role) == (core, "member")
    book.do(commands.found, Found(), roles=["operator"])
    assert book.states["members"][core].role == "member"


def test_one_that_left_cannot_come_back_on_the_other_side() -> None:
    """Its pledges or needs are of its side for ever."""
    book, _ = the_alliance()
    for past in HISTORIES["left"]:
        book.fold(past)
    moved = {"side": "partner", "country": "PL", "territory": None, "kind": "city"}
    with pytest.raises(InvalidInput) as refused:
        book.do(commands.apply, APPLICATION.model_copy(update=moved))
    assert refused.value.facts["field"] == "/side"
