"""Digests: one mail for all notices to one contact whose time has come together; pure.

Which notices are in one was decided when each was queued, by its contact and its moment; the sender
closes all of them in one transaction. So after a crash in between the same notices make the same
digest again, under the same Message-ID.
"""

from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from uuid import NAMESPACE_URL, uuid5

from services.notify import mail, model, unsubscribing, wording
from services.notify.model import Notice
from services.notify.settings import NotifySettings
from services.notify.vault import Contact
from services.notify.wording import Letter, Titles

MOST = 100
"""Notices in one digest; what is more goes into another."""


def digest_id(together: Sequence[Notice]) -> str:
    """What its Message-ID is made of: the same for the same contact and time.

    `together` are all that are due together, first queued first, also those that have been
    overtaken. The first is part of it since there may be more than go into one mail.
    """
    first = together[0]
    what = f"{first.contact_ref}:{first.not_before}:{first.id}"
    return str(uuid5(NAMESPACE_URL, f"alliance:digest:{what}"))


def compose(
    together: Sequence[Notice],
    letters: Sequence[Letter],
    titles: Titles,
    contact: Contact,
    settings: NotifySettings,
    now: datetime,
) -> EmailMessage:
    """The mail; `letters` are those of `together` that have not been overtaken."""
    unsubscribe_url = unsubscribing.url(
        settings.public_url,
        settings.link_keys,
        together[0].recipient_id,
        [model.MESSAGES[letter.message].kind for letter in letters],
    )
    subject, text = wording.digest(
        letters,
        titles,
        language=contact.language,
        zone=contact.timezone,
        name=contact.name_for_greeting,
        public_url=settings.public_url,
        unsubscribe_url=unsubscribe_url,
    )
    return mail.compose(
        notice_id=digest_id(together),
        thread=None,
        mail_from=settings.mail_from,
        to=contact.email,
        subject=subject,
        text=text,
        language=contact.language,
        now=now,
        unsubscribe_url=unsubscribe_url,
    )
