"""What notices say, put together when they are read or sent: their events, parties and names.

What has been overtaken meanwhile is found here, too: then there is nothing to be sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from services.notify import audience, model, queries, vault, wording
from services.notify.contacts.model import ContactState
from services.notify.model import Match, Notice
from services.notify.preferences import Preferences
from services.notify.vault import Contact
from services.notify.wording import Letter, Titles
from shared.events import Envelope, Event, read_event
from shared.events.ids import MemberId
from shared.events.notify import FailureReason
from shared.log import State
from shared.mongo import Store


@dataclass(frozen=True)
class Known:
    """All that some notices need to be written, read at once."""

    facts: dict[str, Envelope]
    events: dict[str, Event]
    contacts: dict[str, Contact]
    contacts_standing: dict[str, ContactState]
    preferences: dict[str, Preferences]
    standing: dict[str, list[State]]
    donors: dict[str, tuple[MemberId, ...]]
    titles: Titles


async def read(database: Store, notices: Sequence[Notice]) -> Known:
    """What is known at this moment."""
    facts = await queries.facts(database, {n.about for n in notices})
    events = {about: read_event(envelope) for about, envelope in facts.items()}
    named = {name for event in events.values() for name in wording.named(event)}
    return Known(
        facts=facts,
        events=events,
        contacts=await vault.look_up(database, {n.to for n in notices}),
        contacts_standing=await queries.contacts_standing(database, {n.to for n in notices}),
        preferences=await queries.preferences_of(database, {n.recipient_id for n in notices}),
        standing=await queries.standing(database, events),
        donors=await queries.donors(database, {e.subject for e in events.values()}),
        titles=await queries.titles(database, named),
    )


def overtaken(notice: Notice, known: Known) -> FailureReason | None:
    """Why a notice whose event is known is not to be sent any more: its news is old, or its
    recipient has turned its kind off since."""
    if model.superseded(notice, *known.standing[notice.about]):
        return "superseded"
    wanted = known.preferences.get(notice.recipient_id)
    kind = audience.MESSAGES[notice.message].kind
    return "unwanted" if wanted and getattr(wanted.timings, kind) == "off" else None


def is_complete(notice: Notice, known: Known) -> bool:
    """Whether all that it names has a name here; what has none is on its way by another topic."""
    return wording.named(known.events[notice.about]) <= known.titles.keys()


def letter(notice: Notice, known: Known) -> Letter:
    """What a notice says whose event is known."""
    event = known.events[notice.about]
    standing = known.standing[notice.about]
    told = audience.told(event, known.donors.get(event.subject, ()))
    return Letter(
        event=event,
        about=notice.about,
        time=known.facts[notice.about].time,
        message=notice.message,
        party=next((t.party for t in told if t.recipient_id == notice.recipient_id), None),
        match_status=next((s.status for s in standing if isinstance(s, Match)), "proposed"),
    )
