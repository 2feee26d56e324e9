"""What an authority's suspension, reinstatement or leaving does to its needs and projects."""

from collections.abc import Callable
from typing import Any

import pytest

from services.projects import commands, handlers
from services.projects.commands import AmendNeed, Because, PrepareProject, WithdrawNeed
from services.projects.model import Need, NotAnAuthority
from services.projects.store import RECORDS
from shared.events import read_event
from shared.events.ids import MatchId, NeedId, PledgeId
from shared.events.matches import MatchAgreed
from shared.events.members import (
    MemberAdmitted,
    MemberLeft,
    MemberReinstated,
    MemberSuspended,
)
from shared.events.projects import NeedWithdrawn
from shared.replay import in_order, replay
from tests.given import Notebook, an_id, money
from tests.projects.samples import CASCAIS, IRPIN, plan
from tests.projects.test_amending import POST, irpin_applied

ADMITTED = MemberAdmitted(member_id=IRPIN, role="member", reason="known")
SUSPENDED = MemberSuspended(member_id=IRPIN, reason="no answers")
REINSTATED = MemberReinstated(member_id=IRPIN, reason="it answered")
LEFT = MemberLeft(member_id=IRPIN, reason="merged with its neighbour")


def irpins_book() -> Notebook:
    """Irpin is admitted."""
    book = Notebook(RECORDS)
    book.hear(handlers.on_member, irpin_applied())
    book.hear(handlers.on_member, ADMITTED)
    return book


def asks(book: Notebook) -> Need:
    """Irpin posts a need."""
    return book.do(commands.post_need, POST, by=IRPIN)


def agrees(book: Notebook, need: Need) -> None:
    """Cascais is committed to it."""
    agreement = MatchAgreed(
        match_id=an_id(MatchId, need.id),
        pledge_id=an_id(PledgeId, "half a million"),
        pledge_line=1,
        partner_id=CASCAIS,
        need_id=need.id,
        need_line=1,
        authority_id=IRPIN,
        reserved=money("100.00"),
        covers=money("100.00"),
    )
    book.hear(handlers.on_match_agreed, agreement)


def status(book: Notebook, need: Need) -> str:
    """Where the need stands."""
    found: str = book.states["needs"][need.id].status
    return found


STEPS: dict[str, Callable[[Notebook, NeedId], Any]] = {
    "post": lambda book, need: asks(book),
    "amend": lambda book, need: book.do(
        commands.amend_need, need, AmendNeed(reason="worse", urgency="low"), by=IRPIN
    ),
    "prepare": lambda book, need: book.do(
        commands.prepare_project, need, PrepareProject(plan="designs"), by=IRPIN
    ),
    "start": lambda book, need: book.do(commands.start_project, need, plan(), by=IRPIN),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("event", [SUSPENDED, LEFT], ids=["suspended", "left"])
def test_who_may_not_act_asks_nothing_and_begins_nothing(
    step: str, event: MemberSuspended | MemberLeft
) -> None:
    """It is refused with the status, and allowed again after a reinstatement."""
    book = irpins_book()
    need = asks(book)
    agrees(book, need)
    book.hear(handlers.on[type(event)], event)
    with pytest.raises(NotAnAuthority) as refused:
        STEPS[step](book, need.id)
    assert refused.value.facts["state"] == event.type.removeprefix("member-")
    if event is SUSPENDED:
        book.hear(handlers.on_member, REINSTATED)
        assert STEPS[step](book, need.id)


def test_suspended_authority_may_withdraw_what_it_asked() -> None:
    """That only frees."""
    book = irpins_book()
    need = asks(book)
    book.hear(handlers.on_member, SUSPENDED)
    assert status(book, need) == "identification"
    book.do(commands.withdraw_need, need.id, WithdrawNeed(reason="built"), by=IRPIN)
    assert status(book, need) == "cancelled"


def test_needs_of_an_authority_that_leaves_are_withdrawn_unless_somebody_is_committed() -> None:
    """What is only asked for ends, with the reason; what is agreed, prepared or built goes on."""
    book = irpins_book()
    asked, agreed, prepared, built, gone = (asks(book) for _ in range(5))
    agrees(book, agreed)
    agrees(book, built)
    book.do(commands.prepare_project, prepared.id, PrepareProject(plan="designs"), by=IRPIN)
    book.do(commands.start_project, built.id, plan(), by=IRPIN)
    book.do(commands.withdraw_need, gone.id, WithdrawNeed(reason="built"), by=IRPIN)
    recorded = book.recorded()
    book.hear(handlers.on_member_left, LEFT)
    stand = [status(book, need) for need in (asked, agreed, prepared, built, gone)]
    assert stand == ["cancelled", "identification", "preparation", "implementation", "cancelled"]
    (event,) = map(read_event, book.logs["projects"][recorded:])
    assert isinstance(event, NeedWithdrawn)
    assert (event.need_id, event.reason) == (asked.id, "the authority has left the alliance")


def test_project_of_an_authority_that_left_is_still_ended_by_it() -> None:
    """It owns the work it began, and says what becomes of it."""
    book = irpins_book()
    need = asks(book)
    agrees(book, need)
    book.do(commands.start_project, need.id, plan(), by=IRPIN)
    book.hear(handlers.on_member_left, LEFT)
    book.do(commands.cancel_project, need.id, Because(reason="nobody is left"), by=IRPIN)
    assert status(book, need) == "cancelled"


def test_authority_that_comes_back_owns_what_it_owned() -> None:
    """It applies again under its id, is admitted, and goes on where it stopped."""
    book = irpins_book()
    need = asks(book)
    agrees(book, need)
    for event in (LEFT, irpin_applied(), ADMITTED):
        book.hear(handlers.on[type(event)], event)
    assert book.do(commands.start_project, need.id, plan(), by=IRPIN).status == "implementation"
    logs = {owner: in_order(owner, log) for owner, log in book.logs.items()}
    assert replay(RECORDS, logs) == book.documents()
