"""Mail that was accepted can be read back, in order."""

import smtplib
from email.message import EmailMessage

from deploy.local.mailbox import messages
from deploy.local.stack import Stack


def a_mail(
    subject: str, to: str = "mayor@irpin.example", text: str = "Потрібна допомога"
) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "notify@alliance.example", to, subject
    mail.set_content(text)
    return mail


def test_mail_received_is_read_back_in_order_of_arrival(stack: Stack) -> None:
    """Twelve mails over two connections come back as they were sent, Ukrainian text and all."""
    addresses = stack.addresses
    before = len(messages(addresses.maildir))
    for half in (range(6), range(6, 12)):
        with smtplib.SMTP(addresses.smtp_host, addresses.smtp_port) as server:
            for number in half:
                server.send_message(a_mail(f"Потреба {number}"))
                assert len(messages(addresses.maildir)) == before + number + 1  # at once
    found = messages(addresses.maildir)[before:]
    assert [mail["Subject"] for mail in found] == [f"Потреба {number}" for number in range(12)]
    assert found[0].get_content().strip() == "Потрібна допомога"


def test_mail_shows_its_envelope_and_survives_a_restart(stack: Stack) -> None:
    """Who it really went to is kept, hidden recipients too; a new server goes on counting."""
    addresses = stack.addresses
    for subject in ("before", "after"):
        with smtplib.SMTP(addresses.smtp_host, addresses.smtp_port) as server:
            server.send_message(
                a_mail(subject), to_addrs=["mayor@irpin.example", "hidden@lviv.example"]
            )
        stack.mailbox.stop()
        stack.mailbox.start()
    *_, first, last = messages(addresses.maildir)
    assert (first["Subject"], last["Subject"]) == ("before", "after")
    assert last["X-RcptTo"] == "mayor@irpin.example, hidden@lviv.example"


def test_no_mail_is_an_empty_list(stack: Stack) -> None:
    """A Maildir that was never made holds no mail."""
    assert messages(stack.root / "nowhere") == []
