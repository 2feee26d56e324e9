"""What a feed holds: the notices that were decided, sent or not, and the events they tell of.

A notice is recorded for each member that an event concerns, also for one that has no address or
wants no mail, so notify's log makes every feed again. What was overtaken before it was sent is
left out, as in mail. No contact is read.
"""

from services.notify import letters, queries, store, wording
from services.notify.feeds.model import NOT_PUBLIC, PAGE, Entry, Feed, Kind, urn, uuid_urn
from services.notify.model import Notice
from services.notify.settings import NotifySettings
from services.notify.speech import speech
from services.notify.store import needs, recipients
from shared.errors import NotFound
from shared.log import held
from shared.mongo import Store

TITLES = {
    "members": {"en": "{name}: notices", "uk": "{name}: сповіщення"},
    "needs": {"en": "{name}: news", "uk": "{name}: новини"},
}


async def read(
    mongo: Store,
    kind: Kind,
    key: str,
    *,
    language: str,
    before: str | None,
    base: str,
    settings: NotifySettings,
) -> Feed:
    """A page of a feed, the newest entries or those `before` an event. Raises NotFound."""
    about = recipients if kind == "members" else needs
    if await mongo[about.name].find_one({"_id": key}, {"_id": 1}) is None:
        raise NotFound("member" if kind == "members" else "need", key)
    of = "recipient_id" if kind == "members" else "thread"
    found = await _notices(mongo, {of: key}, before)
    public_url = settings.public_url
    entries = await _entries(mongo, kind, found[:PAGE], language, public_url)
    names = (await queries.titles(mongo, [key])).get(key, {})
    name = wording.localised(names, language) or key
    return Feed(
        kind=kind,
        key=key,
        language=language,
        title=TITLES[kind][language].format(name=name),
        author=speech(language).say("Alliance for the Reconstruction of Ukraine"),
        entries=entries,
        older=found[PAGE - 1].about if len(found) > PAGE else None,
        base=base,
        page=f"{public_url.rstrip('/')}/{kind}/{key}" if public_url else None,
        before=before,
    )


async def _notices(mongo: Store, of: dict[str, object], before: str | None) -> list[Notice]:
    """One notice of each event, the latest event first; one more than a page has, if there is."""
    query = of | {"channel": "email", "repeats": None, "reason": {"$ne": "superseded"}}
    if "thread" in of:
        query["message"] = {"$nin": list(NOT_PUBLIC)}
    if before:
        query["about"] = {"$lt": before}
    found: dict[str, Notice] = {}
    async for document in mongo[store.notices.name].find(query).sort([("about", -1), ("_id", 1)]):
        notice = held(store.notices, document).state
        assert notice is not None
        found.setdefault(notice.about, notice)
        if len(found) > PAGE:
            break
    return list(found.values())


async def _entries(
    mongo: Store, kind: Kind, notices: list[Notice], language: str, public_url: str | None
) -> tuple[Entry, ...]:
    known = await letters.read(mongo, notices)
    entries = []
    for notice in notices:
        if notice.about not in known.events:
            continue
        letter = letters.letter(notice, known)
        written = wording.entry(letter, known.titles, language=language, public_url=public_url)
        of_need = f"feed:needs:{notice.thread}:{notice.about}"
        entries.append(
            Entry(
                id=uuid_urn(notice.id) if kind == "members" else urn(of_need),
                time=letter.time,
                title=written.subject,
                text=written.text,
                html=written.html,
                link=wording.link(letter.event, public_url) if public_url else None,
            )
        )
    return tuple(entries)
