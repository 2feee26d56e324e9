"""Notices by mail: the carrier that looks addresses up, writes letters, and hands them over."""

import asyncio
import logging
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage

from services.notify import audience, digests, mail, queries, unsubscribing, vault, wording
from services.notify.delivery import Bundle, Parcel, Queued, ServerAway, Written
from services.notify.letters import Known, is_complete, letter, overtaken, read
from services.notify.model import Notice
from services.notify.settings import NotifySettings
from services.notify.smtp import Connections, NoRoom
from services.notify.vault import Contact
from services.notify.wording import Letter, Titles
from shared.events.notify import Channel, FailureReason, NoticeFailed
from shared.mongo import Store

log = logging.getLogger("alliance.notify")

LONGEST_PAUSE = 900.0
LONGEST_AWAY = 30.0
BROKEN_PAUSE = 60.0
FACTS_PAUSE = 0.25
HELD_BACK_SECONDS = 30.0
"""After so long notices to an address that is not verified are looked at: they may be old."""


class ByMail:
    """The carrier of mail."""

    channel: Channel = "email"
    what = "mail"

    def __init__(self, settings: NotifySettings, mongo: Store) -> None:
        self._settings = settings
        self._store = mongo
        self._connections = Connections(settings)
        self._away_pause = 0.0
        self._held_back: dict[str, float] = {}
        self.closed_until = 0.0
        self.give_up_seconds = settings.send_give_up_seconds

    @property
    def at_once(self) -> int:
        """As many as there are connections."""
        return self._connections.most

    async def lanes(self, notices: Sequence[Notice]) -> list[str]:
        """The mail domains; "" where there is no address."""
        domains = await vault.domains(self._store, {n.to for n in notices})
        return [domains.get(n.to, "") for n in notices]

    async def held_back(self) -> set[str]:
        """Contacts whose address was not verified when there was something for it."""
        now = asyncio.get_running_loop().time()
        self._held_back = {ref: until for ref, until in self._held_back.items() if until > now}
        if self._held_back:
            found = await queries.contacts_standing(self._store, self._held_back)
            for ref, state in found.items():
                if state.status != "unverified":
                    del self._held_back[ref]
        return set(self._held_back)

    async def write(self, bundles: Sequence[Bundle]) -> list[Written]:
        """Letters, with what is known now. An error in one is ours to repair and holds up no
        other; what it says may hold an address, so only its kind is logged."""
        known = await read(self._store, [q.notice for bundle in bundles for q in bundle])
        written = []
        for bundle in bundles:
            first = bundle[0].notice
            told_before = 0
            if first.digest and first.not_before:
                told_before = await queries.sent_of_digest(self._store, first.to, first.not_before)
            try:
                written.append(self._written(bundle, known, told_before))
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

    def _written(self, bundle: Bundle, known: Known, told_before: int) -> Written:
        """The letter of a bundle; those of it that need none are closed. Where facts are still on
        their way all of it waits, so that a digest stays one mail."""
        ref = bundle[0].notice.to
        if self._unverified(bundle, known):
            self._held_back[ref] = asyncio.get_running_loop().time() + HELD_BACK_SECONDS
            return Written(later=tuple((q, FACTS_PAUSE) for q in bundle))
        failed: list[NoticeFailed] = []
        letters: list[tuple[Queued, Letter]] = []
        for queued in bundle:
            decided = self._decide(queued, known)
            if decided is None:
                return Written(later=tuple((q, FACTS_PAUSE) for q in bundle))
            if isinstance(decided, Letter):
                letters.append((queued, decided))
            else:
                failed.append(not_sent(queued.notice, decided))
        parcel = self._parcel(letters, known, told_before) if letters else None
        return Written(parcel, tuple(failed))

    def _unverified(self, bundle: Bundle, known: Known) -> bool:
        """Whether all of it waits for its address to be verified: unless it has waited long."""
        ref = bundle[0].notice.to
        standing = known.contacts_standing.get(ref)
        waits = ref in known.contacts and (standing is None or standing.status == "unverified")
        return waits and all(q.age < self.give_up_seconds for q in bundle)

    def _decide(self, queued: Queued, known: Known) -> Letter | FailureReason | None:
        """What to say, or why nothing is said; None where facts are still on their way."""
        notice = queued.notice
        if notice.about not in known.events:
            return "gave-up" if queued.age > self._settings.send_give_up_seconds else None
        if reason := overtaken(notice, known):
            return reason
        if notice.to not in known.contacts:
            return "no-address"
        standing = known.contacts_standing.get(notice.to)
        if standing is None or standing.status != "verified":
            suspended = standing is not None and standing.status == "suspended"
            return "suspended-address" if suspended else "unverified"
        patience = self._settings.facts_patience_seconds
        if not is_complete(notice, known) and queued.age < patience:
            return None
        return letter(notice, known)

    def _parcel(
        self, letters: Sequence[tuple[Queued, Letter]], known: Known, told_before: int
    ) -> Parcel:
        told = tuple(queued for queued, _ in letters)
        notice = told[0].notice
        contact = known.contacts[notice.to]
        said = [letter for _, letter in letters]
        message = (
            digests.compose(notice, told_before, said, known.titles, contact, self._settings)
            if notice.digest
            else self._message(notice, said[0], known.titles, contact)
        )
        return Parcel(
            bundle=told,
            message_id=message["Message-ID"],
            to=contact.email,
            content=mail.flat(message, contact.email),
            language=contact.language,
            edition=contact.edition,
        )

    def _message(
        self, notice: Notice, letter: Letter, titles: Titles, contact: Contact
    ) -> EmailMessage:
        unsubscribe_url = unsubscribing.url(
            self._settings.own_url,
            self._settings.link_keys,
            notice.recipient_id,
            [audience.MESSAGES[notice.message].kind],
        )
        written = wording.write(
            letter,
            titles,
            language=contact.language,
            zone=contact.timezone,
            name=contact.name_for_greeting,
            public_url=self._settings.public_url,
            unsubscribe_url=unsubscribe_url,
        )
        return mail.compose(
            notice_id=notice.id,
            thread=notice.thread,
            mail_from=self._settings.mail_from,
            to=contact.email,
            written=written,
            language=contact.language,
            now=datetime.now(UTC),
            unsubscribe_url=unsubscribe_url,
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
