"""Mail: one message put together, and handed to the mail server over a connection that is kept.

What the server answers may hold the address; only its code leaves this file.
"""

import asyncio
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP as SMTP_LINES
from email.utils import format_datetime, parseaddr

import aiosmtplib
from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from services.notify.settings import NotifySettings
from services.notify.wording import one_line

IDLE_SECONDS = 20.0
"""A connection that was idle for so long is closed; for a quarter of it, asked whether it lives."""

_WANTS_LOGIN = (530, 535, 538)


class NotHandedOver(Exception):
    """The mail server did not take the message; `code` is its answer, None where there was none."""

    def __init__(self, code: int | None = None) -> None:
        super().__init__(f"SMTP {code}" if code else "no answer")
        self.code = code


class AddressRefused(NotHandedOver):
    """The server refuses this recipient for good."""


class MessageRefused(NotHandedOver):
    """The server refuses this message for good."""


class TryLater(NotHandedOver):
    """Not now; another message may have more luck."""


class ServerAway(TryLater):
    """No message has more luck now: the server is out of reach, or refuses us."""


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


class Mailer:
    """Hands messages to one mail server, one after the other."""

    def __init__(self, settings: NotifySettings) -> None:
        self._settings = settings
        self._server: SMTP | None = None
        self._used = 0.0

    async def hand_over(self, message: EmailMessage, to: str) -> None:
        """Return when the server has taken the message.

        Raises AddressRefused, MessageRefused, TryLater, ServerAway.
        """
        server = await self._connected()
        try:
            await server.send_message(
                message, sender=parseaddr(self._settings.mail_from)[1], recipients=[to]
            )
        except SMTPRecipientsRefused as error:
            code = error.recipients[0].code
            if code in _WANTS_LOGIN:
                raise ServerAway(code) from None
            raise (AddressRefused if code >= 500 else TryLater)(code) from None
        except SMTPDataError as error:
            raise (MessageRefused if error.code >= 500 else TryLater)(error.code) from None
        except SMTPNotSupported:  # an address in another script than Latin, and an old server
            raise AddressRefused from None
        except SMTPResponseException as error:  # it refuses us, not the recipient
            self.drop()
            raise (ServerAway if error.code >= 500 else TryLater)(error.code) from None
        except (SMTPException, OSError, TimeoutError):
            self.drop()
            raise TryLater from None
        self._used = asyncio.get_running_loop().time()

    async def rest(self) -> None:
        """Close a connection that has been idle for long."""
        idle = asyncio.get_running_loop().time() - self._used
        if self._server is not None and idle > IDLE_SECONDS:
            server, self._server = self._server, None
            try:
                await server.quit(timeout=2)
            except (SMTPException, OSError, TimeoutError):
                server.close()

    def drop(self) -> None:
        """Close the connection at once."""
        server, self._server = self._server, None
        if server is not None:
            server.close()

    async def _connected(self) -> SMTP:
        now = asyncio.get_running_loop().time()
        if self._server is not None and now - self._used > IDLE_SECONDS / 4:
            try:
                await self._server.noop(timeout=5)
            except (SMTPException, OSError, TimeoutError):
                self.drop()
        if self._server is None or not self._server.is_connected:
            self.drop()
            self._server = await self._connect()
            self._used = now
        return self._server

    async def _connect(self) -> SMTP:
        asked = self._settings
        server = aiosmtplib.SMTP(
            hostname=asked.smtp_host,
            port=asked.smtp_port,
            timeout=asked.smtp_timeout_seconds,
            start_tls=asked.smtp_starttls,
            local_hostname=_host(asked.mail_from),
        )
        try:
            await server.connect()
            if asked.smtp_username:
                await server.login(asked.smtp_username, asked.smtp_password or "")
        except SMTPResponseException as error:
            server.close()
            raise ServerAway(error.code) from None
        except (SMTPException, OSError, TimeoutError):
            server.close()
            raise ServerAway from None
        return server


def _host(mail_from: str) -> str:
    return parseaddr(mail_from)[1].rpartition("@")[2]
