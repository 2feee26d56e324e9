"""Notices by mail: the carrier that looks addresses up, writes letters, and hands them over."""

import asyncio
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.notify import mail, model, store, vault, wording
from services.notify.delivery import Bundle, Parcel, Queued, ServerAway, Written
from services.notify.model import Match, Notice
from services.notify.settings import NotifySettings
from services.notify.smtp import Connections, NoRoom
from services.notify.vault import Contact
from services.notify.wording import Letter, Titles
from shared.events import Envelope, Event, read_event
from shared.events.ids import MemberId
from shared.events.notify import Channel, FailureReason, NoticeFailed
from shared.mongo import Store

log = logging.getLogger("alliance.notify")

LONGEST_PAUSE = 900.0
LONGEST_AWAY = 30.0
BROKEN_PAUSE = 60.0
FACTS_PAUSE = 1.0


@dataclass(frozen=True)
class Known:
    """All that the letters of one turn need, read at once."""

    facts: dict[str, Envelope]
    events: dict[str, Event]
    contacts: dict[str, Contact]
    matches: dict[str, Match]
    donors: dict[str, tuple[MemberId, ...]]
    titles: Titles


class ByMail:
    """The carrier of mail."""

    channel: Channel = "email"
    what = "mail"

    def __init__(self, settings: NotifySettings, mongo: Store) -> None:
        self._settings = settings
        self._store = mongo
        self._connections = Connections(settings)
        self._away_pause = 0.0
        self.closed_until = 0.0
        self.give_up_seconds = settings.send_give_up_seconds

    @property
    def at_once(self) -> int:
        """As many as there are connections."""
        return self._connections.most

    async def lanes(self, notices: Sequence[Notice]) -> list[str]:
        """The mail domains; "" where there is no address."""
        domains = await vault.domains(self._store, {n.contact_ref for n in notices})
        return [domains.get(n.contact_ref, "") for n in notices]

    async def write(self, bundles: Sequence[Bundle]) -> list[Written]:
        """Letters, with what is known now. An error in one is ours to repair and holds up no
        other; what it says may hold an address, so only its kind is logged."""
        known = await self._read([q for bundle in bundles for q in bundle])
        written = []
        for bundle in bundles:
            try:
                written.append(self._letter(bundle, known))
            except Exception as error:
                ids = ", ".join(q.notice.id for q in bundle)
                log.error("notice %s can't be written: %s", ids, type(error).__name__)
                written.append(Written(later=tuple((q, BROKEN_PAUSE) for q in bundle)))
        return written

    async def hand_over(self, parcel: Parcel) -> None:
        """Hand it to the mail server; one that is away is left alone for a while."""
        try:
            await self._connections.hand_over(parcel.content, parcel.to)
        except NoRoom:
            raise
        except ServerAway as error:
            self._close(error)
            raise
        self._away_pause = 0.0

    def pause(self, attempts: int) -> float:
        """Doubles with each attempt, a quarter more or less."""
        pause = self._settings.send_retry_seconds * 2.0 ** min(attempts - 1, 20)
        return min(pause, LONGEST_PAUSE) * random.uniform(0.75, 1.25)

    async def rest(self) -> None:
        """Close idle connections."""
        await self._connections.rest()

    def _close(self, error: ServerAway) -> None:
        now = asyncio.get_running_loop().time()
        if self.closed_until > now:
            return  # another hand-over has said so
        if not self._away_pause:
            log.warning("the mail server is away, notices wait: %s", error)
        self._away_pause = min(max(self._away_pause * 2, 0.5), LONGEST_AWAY)
        self.closed_until = now + self._away_pause * random.uniform(0.75, 1.25)

    async def _read(self, due: Sequence[Queued]) -> Known:
        facts = await store.facts(self._store, {q.notice.about for q in due})
        events = {about: read_event(envelope) for about, envelope in facts.items()}
        match_ids = {str(e.match_id) for e in events.values() if hasattr(e, "match_id")}
        named = {name for event in events.values() for name in wording.named(event)}
        return Known(
            facts=facts,
            events=events,
            contacts=await vault.look_up(self._store, {q.notice.contact_ref for q in due}),
            matches=await store.match_states(self._store, match_ids) if match_ids else {},
            donors=await store.donors(self._store, {e.subject for e in events.values()}),
            titles=await store.titles(self._store, named),
        )

    def _letter(self, bundle: Bundle, known: Known) -> Written:
        """The letter of a bundle; those of it that need none are closed, and some wait."""
        failed: list[NoticeFailed] = []
        later: list[tuple[Queued, float]] = []
        letters: list[tuple[Queued, Letter]] = []
        for queued in bundle:
            decided = self._decide(queued, known)
            if isinstance(decided, Letter):
                letters.append((queued, decided))
            elif decided is not None:
                failed.append(not_sent(queued.notice, decided))
            else:
                later.append((queued, FACTS_PAUSE))
        parcel = None
        if letters:
            [(first, letter), *others] = letters  # a digest writes them all
            parcel = self._parcel(first, letter, known)
            later += [(queued, 0.0) for queued, _ in others]
        return Written(parcel, tuple(failed), tuple(later))

    def _decide(self, queued: Queued, known: Known) -> Letter | FailureReason | None:
        """What to say, or why nothing is said; None where facts are still on their way."""
        notice = queued.notice
        event = known.events.get(notice.about)
        if event is None:
            return "gave-up" if queued.age > self._settings.send_give_up_seconds else None
        match = known.matches.get(getattr(event, "match_id", ""))
        if model.superseded(notice, match):
            return "superseded"
        if notice.contact_ref not in known.contacts:
            return "no-address"
        young = queued.age < self._settings.facts_patience_seconds
        if young and not wording.named(event) <= known.titles.keys():
            return None  # the topic they come by is behind
        told = model.audience(event, known.donors.get(event.subject, ()))
        return Letter(
            event=event,
            about=notice.about,
            time=known.facts[notice.about].time,
            message=notice.message,
            party=next((t.party for t in told if t.recipient_id == notice.recipient_id), None),
            match_status=match.status if match else "proposed",
        )

    def _parcel(self, queued: Queued, letter: Letter, known: Known) -> Parcel:
        notice = queued.notice
        contact = known.contacts[notice.contact_ref]
        subject, text = wording.write(
            letter,
            known.titles,
            language=contact.language,
            zone=contact.timezone,
            name=contact.name_for_greeting,
        )
        message = mail.compose(
            notice_id=notice.id,
            thread=notice.thread,
            mail_from=self._settings.mail_from,
            to=contact.email,
            subject=subject,
            text=text,
            language=contact.language,
            now=datetime.now(UTC),
        )
        return Parcel(
            bundle=(queued,),
            message_id=message["Message-ID"],
            to=contact.email,
            content=mail.flat(message, contact.email),
            language=contact.language,
        )


def not_sent(notice: Notice, reason: FailureReason, attempts: int = 0) -> NoticeFailed:
    """That a notice is not sent, and why."""
    return NoticeFailed(
        notice_id=notice.id,
        recipient_id=notice.recipient_id,
        channel=notice.channel,
        message=notice.message,
        reason=reason,
        attempts=attempts,
    )
