"""notify as a process on the real stack, and mail servers that say what a test wants."""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterable
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, TypeVar

import httpx
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import NonEmptyGroup
from aiokafka.protocol.admin import DeleteGroupsRequest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from pymongo import MongoClient

from deploy.local.mailbox import messages, verification_link
from deploy.local.ports import free_port
from deploy.local.stack import Stack
from shared import crash
from shared.auth import Issuer
from shared.events.envelope import Envelope as Event
from shared.events.ids import MemberId
from shared.kafka import Producer, Record
from tests import forked
from tests.waiting import within

T = TypeVar("T")


def until(what: Callable[[], T], timeout: float = 30.0) -> T:
    """What `what` gives as soon as it is true. Raises TimeoutError."""
    timeout = within(timeout)
    deadline = time.monotonic() + timeout
    while not (found := what()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"still {found!r} after {timeout:g} s")
        time.sleep(0.05)
    return found


class MailServer:
    """A mail server in this process; `answers` are given to the next RCPTs of each address."""

    def __init__(self) -> None:
        self.port = free_port()
        self.answers: dict[str, list[str]] = {}
        self.messages: list[EmailMessage] = []
        self.pause = 0.0
        """Seconds before a message is kept."""
        self.answers_after = 0.0
        """Seconds from then to the answer."""
        self.begun = 0
        self._controller: Controller | None = None

    def start(self) -> None:
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop()
        self._controller = None

    def has(self, number: int) -> bool:
        """Whether so many messages have come."""
        return len(self.messages) >= number

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.answers.get(address):
            return self.answers[address].pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.begun += 1
        await asyncio.sleep(self.pause)
        content = envelope.original_content or b""
        message = message_from_bytes(content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        await asyncio.sleep(self.answers_after)
        return "250 OK"


class Notify:
    """The service as a process; its database is read here directly."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.port = free_port()
        self.issuer = Issuer(stack.root / "key.pem")
        self.jwks: Path = stack.root / "jwks.json"
        self.issuer.write_jwks(self.jwks)
        self.process = stack.process("notify", [])
        self.db = MongoClient[dict[str, Any]](stack.addresses.mongodb)["notify"]
        token = self.issuer.token("operator", roles=("operator",))
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"Authorization": f"Bearer {token}"},
            limits=httpx.Limits(max_keepalive_connections=0),  # it is killed in between
        )

    def start(
        self, smtp_port: int | None = None, *, ready: bool = True, armed: str = "", **settings: str
    ) -> None:
        """Start it, with another mail server than the stack's if `smtp_port` is given; `armed` to
        die at a point (shared/crash.py)."""
        env = {
            **self.stack.addresses.environment(),
            "ALLIANCE_JWKS_FILE": str(self.jwks),
            "ALLIANCE_LEASE_SECONDS": "1.5",
            "ALLIANCE_SEND_RETRY_SECONDS": "0.3",
            "ALLIANCE_NOTIFY_URL": f"http://127.0.0.1:{self.port}",
            **settings,
        }
        if smtp_port:
            env["ALLIANCE_SMTP_PORT"] = str(smtp_port)
        command = [sys.executable, "-m", "uvicorn", "services.notify.app:app"]
        command += ["--port", str(self.port), "--no-access-log"]
        if armed:
            env[crash.VARIABLE] = armed
            command = [sys.executable, "-m", "tests.chaos.service", "notify", str(self.port)]
        self.process = self.stack.process("notify", command, env)
        self.process.start()
        self.process.wait_ready(self.port, 60)
        if ready:
            until(self.ready, 60)

    def ready(self) -> bool:
        """Whether it can do all its work; one that was just killed may still take calls."""
        try:
            return self.http.get("/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    def set_contact(self, ref: str, email: str, language: str = "en", **more: str) -> None:
        """Write an address as an operator."""
        body = {"email": email, "language": language, **more}
        answer = self.http.put(f"/contacts/{ref}", json=body)
        assert answer.status_code == 204, answer.text

    def verified_contact(
        self, mails: list[EmailMessage] | Path, ref: str, email: str, language: str = "en"
    ) -> None:
        """Write an address, and follow the link in the mail that comes: the list loses it, a
        Maildir keeps it."""
        self.set_contact(ref, email, language)

        def verified() -> bool:
            found = messages(mails) if isinstance(mails, Path) else list(mails)
            for mail in [m for m in found if m["To"] == email]:
                if link := verification_link(mail):
                    httpx.post(link)
                    if isinstance(mails, list):
                        mails.remove(mail)
            return self.standing(ref).get("status") == "verified"

        until(verified)

    def standing(self, ref: str) -> dict[str, Any]:
        """How a contact's address stands."""
        return self.db["contact_states"].find_one({"_id": ref}) or {}

    def publish(self, events: Iterable[Event]) -> None:
        """Put events on their owners' topics, as their relays would."""

        async def send() -> None:
            producer = Producer(self.stack.addresses.kafka, client_id="test")
            await producer.send(
                [Record(f"{e.source[1:]}.events", e.key(), e.value(), e.headers()) for e in events]
            )
            await producer.discard()

        asyncio.run(send())

    def notices(self, **query: Any) -> list[dict[str, Any]]:
        """Its notices, as they are stored."""
        return list(self.db["notices"].find(query).sort("_id", 1))

    def settled(self, number: int, timeout: float = 60.0, **query: Any) -> list[dict[str, Any]]:
        """Its notices, when there are `number` and none is queued any more."""

        def all_closed() -> list[dict[str, Any]]:
            found = self.notices(**query)
            done = len(found) == number and all(n["status"] != "queued" for n in found)
            return found if done else []

        return until(all_closed, timeout)


def alliance(notify: Notify, member: MemberId | None, *words: str) -> tuple[int, str]:
    """A command as a member, or as an operator: its status and what it printed."""
    roles = ("member",) if member else ("operator",)
    token = notify.issuer.token("a person", member_id=member, roles=roles)
    env = {
        **os.environ,
        "ALLIANCE_API": f"notify=http://127.0.0.1:{notify.port}",
        "ALLIANCE_TOKEN": token,
        "LC_ALL": "C.UTF-8",
    }
    done = forked.run("cli", *words, env=env)
    return done.returncode, done.stdout + done.stderr


async def forget_group(bootstrap: str, group: str) -> None:
    """A consumer group that is gone: whoever comes next reads from the beginning.

    One whose member has ended without saying so is there until its session has.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    deadline = time.monotonic() + within(60)
    try:
        while True:
            node = await admin.find_coordinator(group)
            answer = await admin._send_request_to_node(node, DeleteGroupsRequest([group]))
            if answer.results == [(group, NonEmptyGroup.errno)] and time.monotonic() < deadline:
                await asyncio.sleep(0.5)
                continue
            assert answer.results == [(group, 0)], answer.results
            return
    finally:
        await admin.close()
