"""A notice that an operator has sent again, as another one that names it; pure."""

from services.notify.audience import MESSAGES
from services.notify.model import Notice
from services.notify.preferences import Preferences
from shared.errors import Refused
from shared.events.facts import Text
from shared.events.ids import NoticeId
from shared.events.notify import NoticeQueued


class NotOver(Refused):
    """Only what was sent or has failed can be sent again."""

    title = "Cannot be sent again"


class NotMail(Refused):
    """The notice goes to a webhook: its own API shows it and sends it again."""

    title = "Not a mail"


def must_be_mail(notice: Notice) -> None:
    """Raises NotMail."""
    if notice.channel != "email":
        raise NotMail("notice {notice} goes by {channel}", notice=notice.id, channel=notice.channel)


def repeat(notice: Notice, wanted: Preferences, reason: Text, new_id: NoticeId) -> NoticeQueued:
    """The same message again, at once. Raises NotOver, NotMail."""
    must_be_mail(notice)
    if notice.status not in ("sent", "failed"):
        raise NotOver(
            "notice {notice} is {given}: only what was sent or has failed can be sent again",
            notice=notice.id,
            given=notice.status,
        )
    kind = MESSAGES[notice.message].kind
    if getattr(wanted.timings, kind) == "off":
        raise NotOver("its recipient wants no mail of the kind {kind}", kind=kind, notice=notice.id)
    return NoticeQueued(
        notice_id=new_id,
        recipient_id=notice.recipient_id,
        contact_ref=notice.contact_ref,
        channel=notice.channel,
        message=notice.message,
        about=notice.about,
        about_type=notice.about_type,
        thread=notice.thread,
        repeats=notice.id,
        repeated_because=reason,
    )
