"""Mail: one message put together."""

from base64 import encodebytes
from datetime import datetime
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP as SMTP_LINES
from email.policy import EmailPolicy
from email.utils import format_datetime, parseaddr
from functools import lru_cache
from typing import Any

from services.notify.layout import Written
from services.notify.plain import one_line


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
    message = EmailMessage(policy=_ON_THE_LINE)
    message["From"] = _parsed("From", one_line(mail_from))
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
    message["MIME-Version"] = "1.0"
    message["Content-Type"] = _parsed(
        "Content-Type", f'multipart/alternative; boundary="{_BETWEEN}"'
    )
    message["Content-Language"] = language
    message.attach(_part("plain", written.text))
    message.attach(_part("html", written.html))
    return message


def _part(subtype: str, text: str) -> EmailMessage:
    """One of the two forms, in base64: twice as fast as quoted-printable."""
    part = EmailMessage(policy=_ON_THE_LINE)
    part["Content-Type"] = _parsed("Content-Type", f'text/{subtype}; charset="utf-8"')
    part["Content-Transfer-Encoding"] = "base64"
    lines = text.encode().splitlines()
    part.set_payload(encodebytes(b"\r\n".join([*lines, b""])).decode())
    return part


@lru_cache(64)
def _parsed(name: str, value: str) -> Any:
    """A header as the standard library understands it: of those that are in all mails alike."""
    return SMTP_LINES.header_factory(name, value)


def _address(url: str) -> str:
    """A web address as a header can hold it. Raises ValueError."""
    if not url.isascii() or not url.isprintable() or set(url) & set(" <>"):
        raise ValueError("no web address that a header can hold")
    return url


class _Lines(EmailPolicy):
    """Lines end with CRLF; a header that was not parsed before is written as it stands.

    The standard library parses each header it is given. That is slow; of a text that looks like an
    encoded word it makes what the word says, line feeds and further headers included; and an
    address of a page or a message that is long becomes encoded words, which programs that look
    for one don't read.
    """

    def header_max_count(self, name: str) -> int:
        return 1

    def header_store_parse(self, name: str, value: Any) -> tuple[str, Any]:
        if hasattr(value, "fold"):
            return super().header_store_parse(name, value)
        if len(value.splitlines()) > 1:
            raise ValueError(f"{name} is more than one line")
        return name, value

    def fold_binary(self, name: str, value: Any) -> bytes:
        if hasattr(value, "fold"):
            return super().fold_binary(name, value)
        text = _subject(value) if name == "Subject" else value
        return f"{name}: {text}\r\n".encode("utf-8" if self.utf8 else "ascii")


def _subject(text: str) -> str:
    """Encoded, unless it is short and plain; what looks encoded is meant as it stands."""
    if text.isascii() and text.isprintable() and len(text) < _SHORT and "=?" not in text:
        return text
    return Header(text, "utf-8", header_name="Subject").encode(linesep="\r\n")


_SHORT = 67
_BETWEEN = "=_alliance_="
"""What is between the two forms of a message: no line of base64 has an underscore."""
_ON_THE_LINE = _Lines(linesep="\r\n", cte_type="7bit")


def flat(message: EmailMessage, to: str) -> bytes:
    """The message as it goes over the line; with an address beyond ASCII in UTF-8 (SMTPUTF8)."""
    return message.as_bytes(policy=_ON_THE_LINE.clone(utf8=not to.isascii()))


def _host(mail_from: str) -> str:
    return parseaddr(mail_from)[1].rpartition("@")[2]
