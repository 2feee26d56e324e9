"""The operator is told once of dead letters, of every service, and of notices that failed."""

import asyncio
import time
from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from deploy.local.stack import Stack
from shared.events.ids import ContactRef, NeedId
from shared.kafka import Producer, Record
from tests.notify.running import MailServer, Notify, until
from tests.notify.samples import IRPIN, Logs, applied, need_posted

OPERATOR = ContactRef.new()
ADDRESS = "operator@alliance.example"
SETTINGS = {"ALLIANCE_OPERATOR_CONTACT": OPERATOR, "ALLIANCE_REPORT_SECONDS": "0.5"}


@pytest.fixture(scope="module")
def notify(stack: Stack, server: MailServer) -> Iterator[Notify]:
    """The service; its operator's address is verified."""
    service = Notify(stack)
    service.start(server.port, ready=True, **SETTINGS)
    service.verified_contact(server.messages, OPERATOR, ADDRESS)
    yield service
    service.process.stop()


def write(stack: Stack, topic: str, *headers: tuple[str, bytes]) -> None:
    """A record that is no event."""

    async def send() -> None:
        producer = Producer(stack.addresses.kafka, client_id="test")
        await producer.send([Record(topic, None, b"\xff", list(headers))])
        await producer.discard()

    asyncio.run(send())


def mails(server: MailServer, subject: str) -> list[EmailMessage]:
    """Those the operator got under a subject."""
    return [m for m in list(server.messages) if m["To"] == ADDRESS and m["Subject"] == subject]


def text(mail: EmailMessage) -> str:
    """Its text."""
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def test_operator_is_told_once_of_each(notify: Notify, server: MailServer) -> None:
    """Of notify's own letters, of another's, and of a notice for which there is no address; a
    restart tells nothing again."""
    letters = "Events could not be handled"
    write(notify.stack, "projects.events")
    [own] = until(lambda: mails(server, letters))
    assert "notify/0" in text(own)
    write(notify.stack, "matching.dead-letters", ("dlq-error", b"NotFound: there is no need"))
    _, others = until(lambda: found if len(found := mails(server, letters)) == 2 else [])
    assert "matching could not handle" in text(others)
    assert "NotFound: there is no need" in text(others)

    logs = Logs()
    notify.publish([logs.envelope(applied(IRPIN)), logs.envelope(need_posted(NeedId.new()))])
    until(lambda: notify.notices(status="failed"))
    [failed] = until(lambda: mails(server, "Notices could not be delivered"))
    assert "alliance notices resend" in text(failed)

    notify.process.stop()
    notify.start(server.port, ready=True, **SETTINGS)
    time.sleep(2)
    assert len(mails(server, letters)) == 2
    assert len(mails(server, "Notices could not be delivered")) == 1
