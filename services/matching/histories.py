"""What became of each member's matches: what a round may know of its record; pure."""

from typing import ClassVar

from shared.events.ids import MemberId
from shared.events.matches import ContributionDelivered, MatchDeclined, MatchLapsed
from shared.lines import minor_units
from shared.log import State


class History(State):
    """How many matches of a member were delivered in full, how many it declined, and how many
    lapsed because it was silent."""

    what: ClassVar[str] = "history"

    id: MemberId
    delivered: int = 0
    declined: int = 0
    lapsed: int = 0


def begin(key: str) -> History:
    """A member of which nothing is recorded yet."""
    return History(id=MemberId(key))


def delivered_by(event: ContributionDelivered) -> list[MemberId]:
    """Both sides, once all of a match has arrived."""
    return [] if minor_units(event.rest) else [event.partner_id, event.authority_id]


def lapsed_by(event: MatchLapsed) -> list[MemberId]:
    """The sides that were silent."""
    return list(event.silent)


def evolve_history(history: History | None, event: object) -> History:
    """The history of one of the members that an event counts for."""
    match history, event:
        case History(), ContributionDelivered():
            return history.model_copy(update={"delivered": history.delivered + 1})
        case History(), MatchDeclined():
            return history.model_copy(update={"declined": history.declined + 1})
        case History(), MatchLapsed():
            return history.model_copy(update={"lapsed": history.lapsed + 1})
    raise TypeError(f"{event!r} cannot follow {history!r}")
