"""Mail: one message put together."""

from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP as SMTP_LINES
from email.policy import SMTPUTF8
from email.utils import format_datetime, parseaddr

from services.notify.wording import one_line


def message_id(local: str, mail_from: str) -> str:
    """A Message-ID that is the same each time, so that a message sent twice can be told."""
    return f"<{local}@{_host(mail_from)}>"


def compose(
    *,
    notice_id: str,
    thread: str | None,
    mail_from: str,
    to: str,
    subject: str,
    text: str,
    language: str,
    now: datetime,
    unsubscribe_url: str | None = None,
) -> EmailMessage:
    """The message; no value can add a header or end the one it is in."""
    message = EmailMessage(policy=SMTP_LINES)
    message["From"] = one_line(mail_from)
    message["To"] = one_line(to)
    message["Subject"] = one_line(subject)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = message_id(notice_id, mail_from)
    if thread:
        message["In-Reply-To"] = message["References"] = message_id(thread, mail_from)
    if unsubscribe_url:  # RFC 8058
        message["List-Unsubscribe"] = f"<{unsubscribe_url}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    message["Content-Language"] = language
    return message


def flat(message: EmailMessage, to: str) -> bytes:
    """The message as it goes over the line; with an address beyond ASCII in UTF-8 (SMTPUTF8)."""
    policy = SMTP_LINES if to.isascii() else SMTPUTF8
    return message.as_bytes(policy=policy.clone(cte_type="7bit"))


def _host(mail_from: str) -> str:
    return parseaddr(mail_from)[1].rpartition("@")[2]
