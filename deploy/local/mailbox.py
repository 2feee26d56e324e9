"""A real SMTP server that keeps what it gets.

`python -m deploy.local.mailbox --host 127.0.0.1 --port 2525 --maildir DIR`

Each message is in the Maildir before the sender hears 250, so a test that sees the sender succeed
finds the mail.
"""

from __future__ import annotations

import argparse
import mailbox
import re
import signal
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local.processes import Process, python_module

if TYPE_CHECKING:  # the operators' image reads mail and has no server
    from aiosmtpd.smtp import SMTP, Envelope, Session

ARRIVAL = "X-Arrival"
CHECKOUT = Path(__file__).parents[2]


class Mailbox:
    """The mail server as a process on 127.0.0.1, its mail in `<root>/mail`."""

    def __init__(self, root: Path, port: int) -> None:
        self.maildir = root / "mail"
        self.port = port
        arguments = [
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--maildir",
            str(self.maildir.resolve()),
        ]
        command = python_module("deploy.local.mailbox", *arguments)
        self.process = Process("mailbox", command, root=root / "run", cwd=CHECKOUT)

    def start(self, timeout: float = 30.0) -> None:
        """Start it and wait at most `timeout` seconds until it takes mail. Raises ProcessFailed."""
        self.process.start()
        self.process.wait_ready(self.port, timeout)

    def stop(self, grace: float = 5.0) -> None:
        """Stop it; the mail stays."""
        self.process.stop(grace)


def messages(maildir: Path) -> list[EmailMessage]:
    """All mail received, first come first; empty when there is none. `X-MailFrom` and `X-RcptTo`
    are the envelope's, which Bcc needs."""
    if not maildir.is_dir():
        return []
    box = mailbox.Maildir(maildir, create=False)
    found = [m for key in box.iterkeys() if (m := _parsed(box.get_bytes(key)))]
    return sorted(found, key=lambda message: int(message[ARRIVAL]))


class Unread:
    """What has come into a Maildir since it was last asked for."""

    def __init__(self, maildir: Path) -> None:
        self._maildir = maildir
        self._read: set[str] = set()

    def unread(self) -> list[EmailMessage]:
        """All mail that this has not given before, in any order."""
        if not self._maildir.is_dir():
            return []
        box = mailbox.Maildir(self._maildir, create=False)
        keys = [key for key in box.iterkeys() if key not in self._read]
        self._read.update(keys)
        return [message for key in keys if (message := _parsed(box.get_bytes(key)))]


def _parsed(content: bytes) -> EmailMessage | None:
    message = message_from_bytes(content, policy=policy.default)
    return message if isinstance(message, EmailMessage) else None


def verification_link(message: EmailMessage) -> str | None:
    """The link by which whoever got a message verifies the address; None in any other message."""
    body = message.get_body(("plain",))
    found = _LINK.search(body.get_content()) if body is not None else None
    return found[0] if found else None


_LINK = re.compile(r"https?://\S+/verifications/[\w-]+")


class Keep:
    """Puts a message into the Maildir, with its envelope and its place in the order."""

    def __init__(self, maildir: Path) -> None:
        self._box = mailbox.Maildir(maildir, create=True)
        self._arrived = len(self._box)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Write it, then say so; called on one event loop, so messages arrive one by one."""
        self._arrived += 1
        lines = [
            f"{ARRIVAL}: {self._arrived}",
            f"X-MailFrom: {envelope.mail_from}",
            f"X-RcptTo: {', '.join(envelope.rcpt_tos)}",
        ]
        content = envelope.original_content or b""
        self._box.add("".join(f"{line}\r\n" for line in lines).encode() + content)
        return "250 OK"


def main() -> None:
    """Serve until SIGTERM."""
    from aiosmtpd.controller import Controller

    parser = argparse.ArgumentParser(description="Accept mail by SMTP and keep it in a Maildir.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=2525)
    parser.add_argument("--maildir", type=Path, required=True)
    given = parser.parse_args()
    given.maildir.parent.mkdir(parents=True, exist_ok=True)
    asked_to_end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked_to_end.set())
    controller = Controller(Keep(given.maildir), hostname=given.host, port=given.port)
    controller.start()
    asked_to_end.wait()
    controller.stop()


if __name__ == "__main__":
    main()
