"""Connections to a mail server that misbehaves: what each answer means, and what is kept."""

import asyncio
import datetime
import ipaddress
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.notify.delivery import (
    AddressRefused,
    MessageRefused,
    NotHandedOver,
    ServerAway,
    TryLater,
    Unanswered,
)
from services.notify.settings import NotifySettings
from services.notify.smtp import Connections, NoRoom
from tests.notify.misbehaving import DROP, HANG, Misbehaving

TO = "mayor@irpin.example"


def content(name: str = "1") -> bytes:
    """A message of that name."""
    return f"Message-ID: <{name}>\r\n\r\nSome words.\r\n".encode()


def connections(server: Misbehaving, **settings: Any) -> Connections:
    """To that server; an answer may take half a second."""
    return Connections(
        NotifySettings(
            kafka="k:1",
            mongodb="mongodb://m",
            jwks_file=Path("keys"),
            smtp_host="127.0.0.1",
            smtp_port=server.port,
            smtp_timeout_seconds=0.5,
            **settings,
        )
    )


@pytest.mark.parametrize(
    ("verb", "answer", "meaning", "code"),
    [
        ("CONNECT", "421 4.3.2 closing", ServerAway, 421),
        ("CONNECT", "554 5.3.2 no service", ServerAway, 554),
        ("CONNECT", HANG, ServerAway, None),
        ("CONNECT", DROP, ServerAway, None),
        ("MAIL", "451 4.3.0 later", ServerAway, 451),
        ("MAIL", "530 5.7.0 log in", ServerAway, 530),
        ("MAIL", HANG, ServerAway, None),
        ("RCPT", "421 4.3.2 closing", ServerAway, 421),
        ("RCPT", "450 4.2.1 <mayor@irpin.example> busy", TryLater, 450),
        ("RCPT", "454 4.7.0 temporary", ServerAway, 454),
        ("RCPT", "552 5.2.2 full", TryLater, 552),
        ("RCPT", "550 5.1.1 <mayor@irpin.example> unknown", AddressRefused, 550),
        ("RCPT", "550 5.7.1 policy", MessageRefused, 550),
        ("RCPT", HANG, TryLater, None),
        ("RCPT", DROP, TryLater, None),
        ("DATA", "451 4.3.0 later", TryLater, 451),
        ("DATA", "554 5.6.0 no", MessageRefused, 554),
        ("MESSAGE", "451 4.3.0 later", TryLater, 451),
        ("MESSAGE", "550 5.6.0 no", MessageRefused, 550),
        ("MESSAGE", HANG, Unanswered, None),
        ("MESSAGE", DROP, Unanswered, None),
    ],
)
async def test_each_answer_has_its_meaning_and_the_next_message_goes(
    verb: str, answer: str, meaning: type[NotHandedOver], code: int | None
) -> None:
    """Whatever happens to one message, the one after it is taken; no address is in the error."""
    async with Misbehaving().running() as server:
        here = connections(server)
        server.says[verb] = [answer]
        with pytest.raises(NotHandedOver) as refused:
            await here.hand_over(content("refused"), TO)
        assert type(refused.value) is meaning
        assert refused.value.code == code
        assert "irpin" not in str(refused.value)
        await here.hand_over(content("next"), TO)
        assert dict(server.taken) == {"<next>": 1}
        await here.close()


async def test_a_yes_that_gets_lost_is_not_taken_for_a_no() -> None:
    """The server has the message, and we can't know."""
    async with Misbehaving().running() as server:
        here = connections(server)
        server.loses = 1
        with pytest.raises(Unanswered):
            await here.hand_over(content(), TO)
        assert dict(server.taken) == {"<1>": 1}


async def test_one_connection_serves_many_messages_and_a_dropped_one_is_replaced() -> None:
    """Ten messages over one connection; the server drops it; the eleventh notices nothing."""
    async with Misbehaving().running() as server:
        here = connections(server)
        for number in range(10):
            await here.hand_over(content(str(number)), TO)
        assert server.connections == 1
        server.drop_all()
        await here.hand_over(content("10"), TO)
        assert server.connections == 2
        server.says["MAIL"] = ["421 4.4.2 idle for too long"]
        await here.hand_over(content("11"), TO)
        assert server.connections == 3
        assert set(server.taken.values()) == {1}
        assert len(server.taken) == 12
        await here.close()


async def test_no_more_connections_are_asked_for_than_the_server_has() -> None:
    """Eight at once at a server that has three: each message goes, and then it is three."""
    async with Misbehaving(most=3).running() as server:
        here = connections(server, smtp_connections=8)

        async def send(name: str) -> None:
            while True:
                try:
                    return await here.hand_over(content(name), TO)
                except NoRoom:
                    await asyncio.sleep(0.01)

        assert here.most == 8
        await asyncio.gather(*(send(str(n)) for n in range(40)))
        assert len(server.taken) == 40
        assert server.most_open <= 3
        assert here.most <= 3
        await here.close()


async def test_starttls_is_demanded_where_it_is_asked_for() -> None:
    """A server that does not offer it gets no message."""
    async with Misbehaving().running() as server:
        with pytest.raises(ServerAway):
            await connections(server, smtp_tls="starttls").hand_over(content(), TO)
        assert not server.taken


async def test_a_certificate_that_nobody_signed_is_not_trusted(tmp_path: Path) -> None:
    """By STARTTLS and by TLS: no message goes; once its issuer is named, it does."""
    own, file = self_signed(tmp_path)
    for how, server, direct in (
        ("starttls", Misbehaving(starttls=own), None),
        ("tls", Misbehaving(), own),
    ):
        async with server.running(direct):
            with pytest.raises(ServerAway):
                await connections(server, smtp_tls=how).hand_over(content(), TO)
            assert not server.taken
            here = connections(server, smtp_tls=how, smtp_ca_file=file)
            await here.hand_over(content(), TO)
            assert server.taken
            await here.close()


def self_signed(directory: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context with a certificate for 127.0.0.1 that signs itself, and its file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.example")])
    now = datetime.datetime.now(datetime.UTC)
    here = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([here]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = directory / "certificate.pem", directory / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate_file, key_file)
    return context, certificate_file
