"""Connections to the mail server: a bounded number, each used for many messages, one by one.

A connection that the server closed meanwhile is replaced without anybody noticing. What the
server answers may hold the address; only its code leaves this file.
"""

import asyncio
from contextlib import suppress
from email.utils import parseaddr

import aiosmtplib
from aiosmtplib import SMTP, SMTPException, SMTPResponseException

from services.notify.delivery import (
    AddressRefused,
    MessageRefused,
    ServerAway,
    TryLater,
    Unanswered,
)
from services.notify.settings import NotifySettings
from shared import crash

IDLE_SECONDS = 20.0
"""A connection that was idle for so long is closed; for a quarter of it, asked whether it lives."""

GROW_SECONDS = 60.0
"""So long after the server would not have one more connection, one more is tried again."""

OF_THE_SERVER = (421, 454, 530, 534, 535, 538)
"""Answers that speak of the server or of us, wherever they come: not of this message."""

MAILBOX_FULL = 552
NO_LINES = (SMTPException, OSError, TimeoutError)


class NoRoom(ServerAway):
    """The server would have no more connections than there are; those are fine."""


class Connections:
    """Connections to one mail server."""

    def __init__(self, settings: NotifySettings) -> None:
        self._settings = settings
        self._idle: list[tuple[SMTP, float]] = []
        self._open = 0
        self._connecting = 0
        self._most = settings.smtp_connections
        self._grow_at = 0.0

    @property
    def most(self) -> int:
        """How many may be open now: what is set, or what the server would have."""
        if self._most < self._settings.smtp_connections and _now() > self._grow_at:
            self._most += 1
            self._grow_at = _now() + GROW_SECONDS
        return self._most

    async def hand_over(self, content: bytes, to: str) -> None:
        """Return when the server has taken the message.

        Raises AddressRefused, MessageRefused, TryLater, Unanswered, ServerAway, NoRoom. With the
        last two the message was not on its way at all.
        """
        server = await self._addressed(to)
        kept = False
        try:
            await self._deliver(server, content, to)
            kept = True
        except (AddressRefused, MessageRefused, TryLater):
            kept = server.is_connected and await _reset(server)
            raise
        finally:
            self._give_back(server, kept)

    async def rest(self) -> None:
        """Close the connections that have been idle for long."""
        old = [server for server, used in self._idle if _now() - used > IDLE_SECONDS]
        self._idle = [(s, used) for s, used in self._idle if s not in old]
        self._open -= len(old)
        for server in old:
            await _quit(server)

    async def close(self) -> None:
        """Close all that are idle."""
        idle, self._idle = self._idle, []
        self._open -= len(idle)
        for server, _ in idle:
            await _quit(server)

    async def _addressed(self, to: str) -> SMTP:
        """A connection that has taken our MAIL command: a kept one that lives, or a new one."""
        options = [] if to.isascii() else ["SMTPUTF8"]
        while True:
            server, kept = await self._connection()
            try:
                if options and not server.supports_extension("smtputf8"):
                    self._give_back(server, True)
                    raise AddressRefused
                await server.mail(
                    _sender(self._settings),
                    options=options,
                    encoding="utf-8" if options else "ascii",
                )
            except AddressRefused:
                raise
            except SMTPResponseException as error:  # it refuses us, whoever the recipient is
                self._give_back(server, False)
                if not (kept and error.code in (421, -1)):
                    raise ServerAway(error.code) from None
            except NO_LINES as error:
                self._give_back(server, False)
                if not kept or isinstance(error, TimeoutError):
                    raise ServerAway from None
            except BaseException:
                self._give_back(server, False)
                raise
            else:
                return server

    async def _deliver(self, server: SMTP, content: bytes, to: str) -> None:
        try:
            await server.rcpt(to, encoding="ascii" if to.isascii() else "utf-8")
        except SMTPResponseException as error:
            if error.code in OF_THE_SERVER:
                server.close()
                raise ServerAway(error.code) from None
            if error.code < 500 or error.code == MAILBOX_FULL:
                raise TryLater(_known(error.code)) from None
            policy = error.message.startswith("5.7.")
            raise (MessageRefused if policy else AddressRefused)(error.code) from None
        except NO_LINES:
            server.close()
            raise TryLater from None
        crash.point("recipient-taken")
        try:
            await server.data(content)
        except SMTPResponseException as error:
            if error.code in OF_THE_SERVER:
                server.close()
                raise ServerAway(error.code) from None
            if error.code < 0:
                raise Unanswered from None
            raise (MessageRefused if error.code >= 500 else TryLater)(error.code) from None
        except NO_LINES:
            server.close()
            raise Unanswered from None

    async def _connection(self) -> tuple[SMTP, bool]:
        """A connection, and whether it was used before."""
        while self._idle:
            server, used = self._idle.pop()
            try:
                if server.is_connected and _now() - used > IDLE_SECONDS / 4:
                    await server.noop(timeout=5)
            except NO_LINES:
                server.close()
            except BaseException:
                self._give_back(server, False)
                raise
            if server.is_connected:
                return server, True
            self._give_back(server, False)
        return await self._connect(), False

    async def _connect(self) -> SMTP:
        asked = self._settings
        server = aiosmtplib.SMTP(
            hostname=asked.smtp_host,
            port=asked.smtp_port,
            timeout=asked.smtp_timeout_seconds,
            use_tls=asked.smtp_tls == "tls",
            start_tls=asked.smtp_tls == "starttls",
            cert_bundle=str(asked.smtp_ca_file) if asked.smtp_ca_file else None,
            local_hostname=_sender(asked).rpartition("@")[2],
        )
        self._connecting += 1
        try:
            await server.connect()
            if asked.smtp_username:
                await server.login(asked.smtp_username, asked.smtp_password or "")
            if server.is_ehlo_or_helo_needed:
                await server.ehlo()
        except SMTPResponseException as error:
            server.close()
            others = self._open + self._connecting - 1
            if error.code == 421 and others:
                self._most, self._grow_at = others, _now() + GROW_SECONDS
                raise NoRoom(421) from None
            self._most = asked.smtp_connections
            raise ServerAway(_known(error.code)) from None
        except NO_LINES:
            server.close()
            raise ServerAway from None
        except BaseException:
            server.close()
            raise
        finally:
            self._connecting -= 1
        self._open += 1
        return server

    def _give_back(self, server: SMTP, usable: bool) -> None:
        if usable and server.is_connected:
            self._idle.append((server, _now()))
        else:
            self._open -= 1
            server.close()


async def _reset(server: SMTP) -> bool:
    """Whether the server is ready for another message after it refused one."""
    with suppress(*NO_LINES):
        await server.rset(timeout=5)
        return True
    return False


async def _quit(server: SMTP) -> None:
    try:
        await server.quit(timeout=2)
    except NO_LINES:
        server.close()


def _sender(settings: NotifySettings) -> str:
    return parseaddr(settings.mail_from)[1]


def _known(code: int) -> int | None:
    return code if code > 0 else None


def _now() -> float:
    return asyncio.get_running_loop().time()
