"""Handing over to real servers that misbehave, and connecting to nothing but what was judged."""

import asyncio
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deploy.local.ports import free_port
from services.notify.delivery import AddressRefused, MessageRefused, ServerAway, TryLater
from services.notify.webhooks.handing import Busy, Hands, NotThere
from tests.notify.webhooks.receiver import (
    GIGABYTE,
    Answer,
    Receiver,
    a_gigabyte,
    code,
    drop,
    endless_headers,
    hang,
    slow_body,
)
from tests.waiting import within

SECONDS = 1.0
NAME = "hooks.irpin.example"
HEADERS = {"webhook-id": "n1", "webhook-signature": "v1,x"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A server on this machine."""
    found = Receiver()
    yield found
    found.stop()


async def here(host: str, port: int) -> list[str]:
    """A resolver by which every name is this machine."""
    return ["127.0.0.1"]


def hands(allow_loopback: bool = True) -> Hands:
    return Hands(SECONDS, allow_loopback, here)


async def hand_over(receiver: Receiver, answer: Answer) -> int:
    receiver.answers = [answer]
    return await hands().hand_over(httpx.URL(receiver.url), HEADERS, b"{}")


async def test_a_message_arrives_as_it_is_under_the_name_of_its_host(receiver: Receiver) -> None:
    """The body, the headers, JSON; the Host is the URL's, though we connect to a number."""
    url = httpx.URL(f"http://{NAME}:{receiver.port}/hook?key=1")
    assert await hands().hand_over(url, HEADERS, b'{"type":"ping"}') == 204
    [request] = receiver.requests
    assert (request.path, request.body) == ("/hook?key=1", b'{"type":"ping"}')
    assert request.headers["host"] == f"{NAME}:{receiver.port}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == "n1"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (301, MessageRefused),
        (307, MessageRefused),
        (400, TryLater),
        (404, TryLater),
        (410, AddressRefused),
        (429, Busy),
        (500, TryLater),
        (503, Busy),
    ],
)
async def test_each_code_means_what_the_protocol_says(
    receiver: Receiver, status: int, expected: type[Exception]
) -> None:
    """410 is for good; 429 and 503 ask for a pause; whatever else is no 2xx may come right."""
    with pytest.raises(expected) as refused:
        await hand_over(receiver, code(status))
    assert type(refused.value) is expected


async def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    """Wherever it leads, also to a place that would be allowed."""
    other = Receiver()
    with pytest.raises(MessageRefused):
        await hand_over(receiver, code(307, Location=other.url))
    assert other.requests == []
    other.stop()


@pytest.mark.parametrize(
    ("given", "expected"),
    [("7", 7), ("0", 0), ("99999999999", 86_400), ("soon", None), ("", None), ("-5", None)],
)
async def test_retry_after_in_seconds(
    receiver: Receiver, given: str, expected: float | None
) -> None:
    """What is no number of seconds is as if it were not there; a day is the most."""
    with pytest.raises(Busy) as busy:
        await hand_over(receiver, code(429, Retry_After=given))
    assert busy.value.after == expected


async def test_retry_after_as_a_date(receiver: Receiver) -> None:
    """RFC 9110 allows a moment, too."""
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    with pytest.raises(Busy) as busy:
        await hand_over(receiver, code(503, Retry_After=then))
    assert busy.value.after == pytest.approx(60, abs=2)


@pytest.mark.parametrize("answer", [hang, drop, endless_headers], ids=lambda a: a.__name__)
async def test_a_server_that_gives_no_answer_is_left_in_time(
    receiver: Receiver, answer: Answer
) -> None:
    """Whatever it does, it costs no more than the time that one hand-over has."""
    began = time.monotonic()
    with pytest.raises(ServerAway):
        await hand_over(receiver, answer)
    assert time.monotonic() - began < SECONDS + within(0.7)


async def test_of_a_gigabyte_only_the_beginning_is_read(receiver: Receiver) -> None:
    """The code counts; the connection is closed after 64 KiB and what the system had buffered."""
    assert await hand_over(receiver, a_gigabyte) == 200
    await asyncio.sleep(0.3)
    assert receiver.sent < GIGABYTE / 50


async def test_a_body_that_never_ends_takes_nothing_back(receiver: Receiver) -> None:
    """The server has said 200: it has the message."""
    began = time.monotonic()
    assert await hand_over(receiver, slow_body) == 200
    assert time.monotonic() - began < SECONDS + within(0.7)


async def test_nobody_there_is_an_absent_server() -> None:
    """A port on which nothing listens."""
    with pytest.raises(ServerAway):
        await hands().hand_over(httpx.URL(f"http://127.0.0.1:{free_port()}/"), HEADERS, b"{}")


async def test_a_name_that_leads_to_this_machine_is_not_connected_to(receiver: Receiver) -> None:
    """Without the setting for local stacks: no packet is sent."""
    url = httpx.URL(f"https://{NAME}:{receiver.port}/")
    with pytest.raises(NotThere):
        await hands(allow_loopback=False).hand_over(url, HEADERS, b"{}")
    assert receiver.requests == []


async def test_a_rebound_name_is_asked_for_once_and_judged_each_time(receiver: Receiver) -> None:
    """The second message's look-up gives a private address: nothing is sent, and the first one
    went to the number that was judged, with no look-up in between."""
    answers = [["127.0.0.1"], ["127.0.0.1", "169.254.169.254"], ["10.0.0.1"]]

    async def rebinding(host: str, port: int) -> list[str]:
        return answers.pop(0)

    one = Hands(SECONDS, True, rebinding)
    url = httpx.URL(f"http://{NAME}:{receiver.port}/")
    assert await one.hand_over(url, HEADERS, b"{}") == 204
    for left in (1, 0):
        with pytest.raises(NotThere):
            await one.hand_over(url, HEADERS, b"{}")
        assert len(answers) == left
    assert len(receiver.requests) == 1


async def test_the_second_address_is_tried_where_the_first_does_not_answer(
    receiver: Receiver,
) -> None:
    """As for a name with an IPv6 address that is out of reach."""

    async def two(host: str, port: int) -> list[str]:
        return ["::1", "127.0.0.1"]

    url = httpx.URL(f"http://{NAME}:{receiver.port}/")
    assert await Hands(SECONDS, True, two).hand_over(url, HEADERS, b"{}") == 204


async def test_a_proxy_in_the_environment_is_not_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would resolve the name anew, and connect to what nobody judged."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
        monkeypatch.setenv(name.lower(), f"http://127.0.0.1:{free_port()}")
    assert await hand_over(receiver, code(200)) == 200


def certificate(name: str, directory: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context for a name, and a client's that trusts it."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = directory / "both.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cafile=str(file))


async def test_by_https_the_certificate_must_be_the_names(tmp_path: Path) -> None:
    """We connect to a number, and still to nobody but whom the URL names."""
    server, client = certificate(NAME, tmp_path)
    receiver = Receiver(tls=server)
    one = Hands(SECONDS, True, here, client)
    url = httpx.URL(f"https://{NAME}:{receiver.port}/")
    assert await one.hand_over(url, HEADERS, b"{}") == 204
    assert receiver.requests[0].headers["host"] == f"{NAME}:{receiver.port}"
    with pytest.raises(ServerAway):
        await one.hand_over(url.copy_with(host="other.irpin.example"), HEADERS, b"{}")
    with pytest.raises(ServerAway):
        await hands().hand_over(url, HEADERS, b"{}")  # who trusts no such certificate
    assert len(receiver.requests) == 1
    receiver.stop()
