"""Irpin's kindergarten for tests: its need, who is committed to it, every state it can be in."""

from typing import Any

from services.projects import model
from services.projects.ending import CompleteProject
from services.projects.knowledge import Authority, Commitment
from services.projects.model import Need, StartProject, Status
from shared.events.ids import MatchId, MemberId, NeedId
from shared.events.projects import (
    CompletionVerified,
    NeedPosted,
    NeedWithdrawn,
    PreparationStarted,
    ProjectCompleted,
    ProjectStarted,
    ProjectSuspended,
)
from shared.events.registry import Event
from tests.given import IRPIN_CHAIN, an_id, funding, given, goods, money

IRPIN = an_id(MemberId, "Irpin")
CASCAIS = an_id(MemberId, "Cascais")
LITHUANIA = an_id(MemberId, "Lithuania")
MONITOR = an_id(MemberId, "monitor")
NEED = an_id(NeedId, "kindergarten Chervona Kalyna")
PLAN = "a crèche for 80 children"


def authority(**more: Any) -> Authority:
    """Irpin, admitted."""
    facts: dict[str, Any] = {
        "id": IRPIN,
        "side": "ukraine",
        "territory": IRPIN_CHAIN,
        "status": "admitted",
    }
    return Authority(**facts | more)


def monitor(**more: Any) -> Authority:
    """An institution that is admitted and has no part in the need."""
    facts: dict[str, Any] = {"id": MONITOR, "side": "partner", "status": "admitted"}
    return Authority(**facts | more)


def need_posted(**more: Any) -> NeedPosted:
    """Irpin asks for money and two boilers."""
    facts: dict[str, Any] = {
        "need_id": NEED,
        "authority_id": IRPIN,
        "territory": IRPIN_CHAIN,
        "sector": "education",
        "project_type": "rehabilitation",
        "title": {"uk": "Дитячий садок", "en": "Kindergarten"},
        "lines": (funding(1, "500000.00"), goods(2, "boiler", 2)),
        "urgency": "normal",
    }
    return NeedPosted(**facts | more)


def committed(covers: str = "300000.00", **more: Any) -> Commitment:
    """Cascais is committed to part of the first line."""
    facts: dict[str, Any] = {
        "id": an_id(MatchId, f"{more.get('partner_id', CASCAIS)}"),
        "need_id": NEED,
        "need_line": 1,
        "partner_id": CASCAIS,
        "covers": money(covers),
    }
    return Commitment(**facts | more)


def started() -> ProjectStarted:
    """Work began on 1 August 2022, with Cascais's money."""
    return ProjectStarted(
        need_id=NEED,
        authority_id=IRPIN,
        match_ids=(committed().id,),
        donors=(CASCAIS,),
        start_date="2022-08-01",
        planned_scope=PLAN,
    )


def plan(start_date: str = "2022-08-01", **more: Any) -> StartProject:
    """What Irpin plans to build, and when."""
    return StartProject(start_date=start_date, planned_scope=PLAN, **more)


def outcome(**more: Any) -> CompleteProject:
    """Work ended on 31 August 2023 as planned, but for what the test says."""
    facts: dict[str, Any] = {
        "end_date": "2023-08-31",
        "final_value": (money("500000.00"),),
        "final_scope": PLAN,
    }
    return CompleteProject(**facts | more)


def prepared() -> PreparationStarted:
    """Designs and permits are under way."""
    return PreparationStarted(need_id=NEED, authority_id=IRPIN, plan="designs and permits")


def completed() -> ProjectCompleted:
    """Work ended on 31 August 2023 as planned."""
    return ProjectCompleted(
        need_id=NEED,
        authority_id=IRPIN,
        end_date="2023-08-31",
        final_value=(money("500000.00"),),
        final_scope=PLAN,
    )


def verified() -> CompletionVerified:
    """The monitor confirms it."""
    return CompletionVerified(
        need_id=NEED, authority_id=IRPIN, monitor_id=MONITOR, finding="confirmed", report="seen"
    )


def suspended() -> ProjectSuspended:
    """Work stands still."""
    return ProjectSuspended(
        need_id=NEED, authority_id=IRPIN, cause="security", reason="shelling of the quarter"
    )


def withdrawn() -> NeedWithdrawn:
    """Irpin asks no more."""
    return NeedWithdrawn(need_id=NEED, authority_id=IRPIN, reason="built elsewhere")


HISTORIES: dict[Status, list[Event]] = {
    "identification": [need_posted()],
    "preparation": [need_posted(), prepared()],
    "implementation": [need_posted(), started()],
    "suspended": [need_posted(), started(), suspended()],
    "completion": [need_posted(), started(), completed()],
    "completed": [need_posted(), started(), completed(), verified()],
    "cancelled": [need_posted(), withdrawn()],
}
"""What happened before a need is in each of its states."""


def a_need(status: Status = "identification") -> Need:
    """The need in one of its states."""
    need = given(model.evolve, *HISTORIES[status])
    assert need.status == status
    return need
