"""What a notice says, for whoever may read it: never with an address or a person's name."""

from typing import Literal, NamedTuple

from services.notify import letters, vault, wording
from services.notify.model import Notice
from services.notify.repeating import must_be_mail
from shared.actor import Actor
from shared.errors import NotYours, Refused
from shared.mongo import Store


class NotKnownYet(Refused):
    """What the notice tells of is still on its way here."""

    title = "Not known here yet"


class Said(NamedTuple):
    """A notice in words."""

    language: Literal["uk", "en"]
    subject: str
    text: str
    html: str | None


async def preview(
    store: Store, notice: Notice, reader: Actor, language: Literal["uk", "en"] | None
) -> Said:
    """What a notice says as things stand. Raises NotYours, NotKnownYet."""
    if "operator" not in reader.roles and reader.member_id != notice.recipient_id:
        raise NotYours(
            "the notice is for member {owner}, not for {given}",
            owner=notice.recipient_id,
            given=reader.name,
        )
    must_be_mail(notice)
    known = await letters.read(store, [notice])
    if notice.about not in known.events:
        raise NotKnownYet("event {event} is not known here yet; try again", event=notice.about)
    contact = known.contacts.get(notice.to)
    chosen = language or (contact.language if contact else "en")
    zone = contact.timezone if contact else vault.DEFAULT_ZONE
    letter = letters.letter(notice, known)
    written = wording.write(letter, known.titles, language=chosen, zone=zone)
    return Said(chosen, *written)
