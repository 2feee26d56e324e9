"""Mail: one message put together."""

from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP as SMTP_LINES
from email.policy import EmailPolicy
from email.utils import format_datetime, parseaddr

from services.notify.plain import one_line
from services.notify.wording import Written


def message_id(local: str, mail_from: str) -> str:
    """A Message-ID that is the same each time, so that a message sent twice can be told."""
    return f"<{local}@{_host(mail_from)}>"


def compose(
    *,
    notice_id: str,
    thread: str | None,
    mail_from: str,
    to: str,
    written: Written,
    language: str,
    now: datetime,
    unsubscribe_url: str | None = None,
) -> EmailMessage:
    """The message, as text and as HTML; no value can add a header or end the one it is in.

    `notice_id` makes its Message-ID; messages of one `thread` refer to the same root, which is no
    message itself. A POST to `unsubscribe_url` ends such notices (RFC 8058).
    """
    message = EmailMessage(policy=SMTP_LINES)
    message["From"] = one_line(mail_from)
    message["To"] = one_line(to)
    message["Subject"] = one_line(written.subject)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = message_id(notice_id, mail_from)
    if thread:
        message["In-Reply-To"] = message["References"] = message_id(thread, mail_from)
    message["Auto-Submitted"] = "auto-generated"
    if unsubscribe_url:
        message["List-Unsubscribe"] = f"<{_address(unsubscribe_url)}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(written.text, cte="base64")  # twice as fast as quoted-printable
    message.add_alternative(written.html, subtype="html", cte="base64")
    message["Content-Language"] = language
    return message


def _address(url: str) -> str:
    """A web address as a header can hold it. Raises ValueError."""
    if not url.isascii() or not url.isprintable() or set(url) & set(" <>"):
        raise ValueError("no web address that a header can hold")
    return url


class _Lines(EmailPolicy):
    """Lines end with CRLF; headers that hold an address of a page or a message are one line.

    The standard library would write a longer one as encoded words, which programs that look for an
    address don't read.
    """

    def fold_binary(self, name: str, value: str) -> bytes:
        if name.lower() in _WHOLE:
            return f"{name}: {value}\r\n".encode("ascii")
        return super().fold_binary(name, value)


_WHOLE = {"list-unsubscribe", "message-id", "in-reply-to", "references"}
_ON_THE_LINE = _Lines(linesep="\r\n", cte_type="7bit")


def flat(message: EmailMessage, to: str) -> bytes:
    """The message as it goes over the line; with an address beyond ASCII in UTF-8 (SMTPUTF8)."""
    return message.as_bytes(policy=_ON_THE_LINE.clone(utf8=not to.isascii()))


def _host(mail_from: str) -> str:
    return parseaddr(mail_from)[1].rpartition("@")[2]
