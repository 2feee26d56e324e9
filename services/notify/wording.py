"""What a notice says, as a subject, a text and an HTML page; pure.

The words are in messages/ and translations/; layout.py puts them together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.notify import model
from services.notify.audience import Party
from services.notify.layout import Group, Item, Written, as_part, placeholders, rendered, spoken
from services.notify.messages import TO_DO, WHY
from services.notify.plain import NAME_LIMIT, one_line
from services.notify.saying import DEFAULT_LANGUAGE, Said, Titles, Voice, named
from services.notify.speech import Speech, speech
from shared.events.matches import MatchReleased
from shared.events.projects import NeedAmended
from shared.events.registry import Event

__all__ = [
    "DEFAULT_LANGUAGE",
    "Letter",
    "Titles",
    "digest",
    "entry",
    "link",
    "localised",
    "named",
    "operation",
    "verification",
    "words",
    "write",
]

PLACES = (
    ("match_id", "matches"),
    ("need_id", "needs"),
    ("pledge_id", "pledges"),
    ("partnership_id", "partnerships"),
    ("webhook_id", "webhooks"),
    ("member_id", "members"),
)
"""Where under `public_url` an event's thing is shown: by the first of these that it names."""

ENDS_NEED = ("need-withdrawn", "project-completed", "project-cancelled")


@dataclass(frozen=True, kw_only=True)
class Letter:
    """What one notice says: of which event, to whom, as which party."""

    event: Event
    about: str
    time: str
    message: str
    party: Party | None
    match_status: str = "proposed"


def words(letter: Letter, language: str, titles: Titles, zone: str = "UTC") -> dict[str, Said]:
    """The fields of a letter's event in words, by name without `_id`; None for an absent one."""
    said, event = speech(language), letter.event
    voice = Voice(said, titles, zone)
    found = {name.removesuffix("_id"): voice.say(name, value) for name, value in event}
    if letter.message == "match-proposed":
        found["to_do"] = said.say(TO_DO[letter.match_status])
    if isinstance(event, NeedAmended):
        found["to_do"] = said.say(TO_DO["amended"]) if event.lines else None
    ends = isinstance(event, MatchReleased) and event.cause in ENDS_NEED
    found["reopened"] = None if ends else found.get("covers")
    return found


def write(
    letter: Letter,
    titles: Titles,
    *,
    language: str = DEFAULT_LANGUAGE,
    zone: str = "UTC",
    name: str | None = None,
    public_url: str | None = None,
    unsubscribe_url: str | None = None,
) -> Written:
    """A letter as a mail, in the recipient's language and zone.

    `public_url` is what links lead to (without it there are none), `unsubscribe_url` a page where
    the recipient ends this kind of notices.
    """
    said = speech(language)
    item = _item(letter, titles, said, zone, public_url)
    footer = [said.say(WHY[letter.party])] if letter.party else []
    recorded = said.say("Recorded {when} as event {about}.")
    footer.append(
        recorded.format(when=said.moment(letter.time, zone), about=one_line(letter.about))
    )
    return rendered("letter", said, name, footer, unsubscribe_url, item=item)


def digest(
    letters: Sequence[Letter],
    titles: Titles,
    *,
    language: str = DEFAULT_LANGUAGE,
    zone: str = "UTC",
    name: str | None = None,
    public_url: str | None = None,
    unsubscribe_url: str | None = None,
) -> Written:
    """One mail for many letters: each once, by what they are about, in the order they are given."""
    said = speech(language)
    groups: dict[str, Group] = {}
    for letter in letters:
        item = _item(letter, titles, said, zone, public_url)
        heading = _heading(letter.event, Voice(said, titles, zone))
        group = groups.setdefault(model.thread(letter.event), Group(heading, []))
        group.items.append(item)
    subject = said.count(
        "{count} piece of news from the Alliance",
        "{count} pieces of news from the Alliance",
        len(letters),
    )
    footer = [said.say("You get this because you asked for such news gathered in one mail.")]
    found = {"subject": subject, "groups": list(groups.values())}
    return rendered("digest", said, name, footer, unsubscribe_url, **found)


def verification(
    url: str,
    language: str = DEFAULT_LANGUAGE,
    *,
    name: str | None = None,
    valid_until: str | None = None,
    zone: str = "UTC",
) -> Written:
    """The mail by which whoever reads an address confirms it; `valid_until` is a moment."""
    said = speech(language)
    found = {"valid_until": said.moment(valid_until, zone) if valid_until else None}
    item = spoken("verification", found, said, link=url)
    return rendered("letter", said, name, [], None, item=item)


def operation(
    message: str,
    facts: Mapping[str, Any],
    titles: Titles | None = None,
    *,
    language: str = DEFAULT_LANGUAGE,
    zone: str = "UTC",
    name: str | None = None,
) -> Written:
    """A message of messages/operations.py, to an operator or the owner of a webhook.

    `facts` are its placeholders' values: ids, codes, text or numbers; those without one are None.
    """
    said = speech(language)
    voice = Voice(said, titles or {}, zone)
    found = {field: voice.say(field, facts.get(field)) for field in placeholders(message)}
    if (reason := facts.get("reason")) is not None:
        found["reason"] = voice.code(str(reason))
    return rendered("letter", said, name, [], None, item=spoken(message, found, said))


def entry(
    letter: Letter,
    titles: Titles,
    *,
    language: str = DEFAULT_LANGUAGE,
    zone: str = "UTC",
    public_url: str | None = None,
) -> Written:
    """A letter as an entry of a feed: without greeting and footer, its HTML a part of a page."""
    return as_part(_item(letter, titles, speech(language), zone, public_url))


def localised(names: Mapping[str, str], language: str) -> str | None:
    """A name in a language, else in English, else in any."""
    found = names.get(language) or names.get(DEFAULT_LANGUAGE) or next(iter(names.values()), None)
    return one_line(found, NAME_LIMIT) if found else None


def _item(letter: Letter, titles: Titles, said: Speech, zone: str, public_url: str | None) -> Item:
    found = words(letter, said.language, titles, zone)
    there = link(letter.event, public_url) if public_url else None
    time = said.moment(letter.time, zone)
    return spoken(letter.message, found, said, link=there, time=time)


def _heading(event: Event, voice: Voice) -> str:
    for field in ("need_id", "pledge_id"):
        if found := getattr(event, field, None):
            return voice.name(found)
    sides = [getattr(event, field, None) for field in ("ukrainian_id", "partner_id")]
    if all(sides):
        return " – ".join(voice.name(str(side)) for side in sides)
    return voice.name(event.subject)


def link(event: Event, public_url: str) -> str | None:
    """Where the thing that an event tells of is shown."""
    for field, place in PLACES:
        if found := getattr(event, field, None):
            return f"{public_url.rstrip('/')}/{place}/{found}"
    return None
