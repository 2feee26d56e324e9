"""What a notice says, put together when it is read or sent: its event, its party, all names.

What has been overtaken meanwhile is found here, too: then there is nothing to be sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from services.notify import model, store, wording
from services.notify.model import Notice
from services.notify.preferences import Preferences
from services.notify.wording import Letter, Titles
from shared.events import Event, read_event
from shared.events.notify import FailureReason
from shared.log import Folded, S, held
from shared.mongo import Store


@dataclass(frozen=True)
class Draft:
    """What a notice says, before it is said in a language.

    `overtaken` is why it is not to be sent any more, `unnamed` what it names and has no name yet.
    """

    letter: Letter
    titles: Titles
    overtaken: FailureReason | None
    unnamed: frozenset[str]


async def draft(database: Store, notice: Notice) -> Draft | None:
    """What a notice says as things stand; None while its event is still on its way."""
    facts = await store.facts(database, notice.about)
    if facts is None:
        return None
    event = read_event(facts)
    match_id = getattr(event, "match_id", None)
    match = await _get(database, store.matches, match_id) if match_id else None
    named = wording.named(event)
    titles = await store.titles(database, named)
    letter = Letter(
        event=event,
        about=notice.about,
        time=facts.time,
        message=notice.message,
        party=await _party(database, event, notice),
        match_status=match.status if match else "proposed",
    )
    overtaken: FailureReason | None = None
    if model.superseded(notice, match):
        overtaken = "superseded"
    elif await _is_off(database, notice):
        overtaken = "unwanted"
    return Draft(letter, titles, overtaken, frozenset(named - titles.keys()))


def all_titles(drafts: Sequence[Draft]) -> Titles:
    """The names of all that some drafts name."""
    return {key: names for each in drafts for key, names in each.titles.items()}


async def _is_off(database: Store, notice: Notice) -> bool:
    """Whether the recipient has turned its kind off since it was queued."""
    wanted = await _get(database, store.preferences, notice.recipient_id)
    timings = (wanted or Preferences(id=notice.recipient_id)).timings
    return bool(getattr(timings, model.MESSAGES[notice.message].kind) == "off")


async def _party(database: Store, event: Event, notice: Notice) -> model.Party | None:
    need = await database[store.needs.name].find_one({"_id": event.subject}) or {}
    told = model.audience(event, need.get("donors", ()))
    return next((t.party for t in told if t.recipient_id == notice.recipient_id), None)


async def _get(database: Store, collection: Folded[S], key: str) -> S | None:
    document = await database[collection.name].find_one({"_id": key})
    return held(collection, document).state if document else None
