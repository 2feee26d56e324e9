"""Digests: one mail for all notices to one contact whose time has come together.

Which notices are in one was decided when each was queued, by its contact and its moment; the sender
closes all of them in one transaction. So after a crash in between the same notices make the same
digest again, under the same Message-ID.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from uuid import NAMESPACE_URL, uuid5

from services.notify import audience, mail, unsubscribing, wording
from services.notify.model import Notice
from services.notify.settings import NotifySettings
from services.notify.vault import Contact
from services.notify.wording import Letter, Titles


def digest_id(contact_ref: str, not_before: str | None, told_before: int) -> str:
    """What its Message-ID is made of: the same for the same contact and time.

    `told_before` is how many notices of that time have been sent: one that is too long for one mail
    has several parts.
    """
    part = f":{told_before}" if told_before else ""
    return str(uuid5(NAMESPACE_URL, f"alliance:digest:{contact_ref}:{not_before}{part}"))


def compose(
    notice: Notice,
    told_before: int,
    letters: Sequence[Letter],
    titles: Titles,
    contact: Contact,
    settings: NotifySettings,
) -> EmailMessage:
    """The mail; `notice` is any of its notices, `letters` are what all of them say."""
    unsubscribe_url = unsubscribing.url(
        settings.own_url,
        settings.link_keys,
        notice.recipient_id,
        [audience.MESSAGES[letter.message].kind for letter in letters],
    )
    written = wording.digest(
        letters,
        titles,
        language=contact.language,
        zone=contact.timezone,
        name=contact.name_for_greeting,
        public_url=settings.public_url,
        unsubscribe_url=unsubscribe_url,
    )
    return mail.compose(
        notice_id=digest_id(notice.to, notice.not_before, told_before),
        thread=None,
        mail_from=settings.mail_from,
        to=contact.email,
        written=written,
        language=contact.language,
        now=datetime.now(UTC),
        unsubscribe_url=unsubscribe_url,
    )
