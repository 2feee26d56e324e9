"""What a receiver checks: signatures that another implementation of Standard Webhooks takes."""

import time

import pytest
from standardwebhooks import Webhook as Receiver
from standardwebhooks import WebhookVerificationError

from services.notify.webhooks import signing
from services.notify.webhooks.endpoints import Endpoint

BODY = b'{"type":"match-proposed","data":{"note":"\\u041a"}}'
ONE, OTHER = (signing.secret_of(bytes([n]) * 32) for n in (1, 2))


def test_a_known_message_has_the_signature_that_the_reference_library_gives() -> None:
    """Secret, id, moment and body of the specification's own example."""
    found = signing.headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )
    assert found == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_standardwebhooks_takes_our_signature_and_no_other() -> None:
    """The body and the id are signed; another secret does not do."""
    found = signing.headers("n1", int(time.time()), BODY, [ONE])
    assert Receiver(ONE).verify(BODY, found)["type"] == "match-proposed"
    for receiver, body, headers in (
        (Receiver(OTHER), BODY, found),
        (Receiver(ONE), BODY + b" ", found),
        (Receiver(ONE), BODY, {**found, "webhook-id": "n2"}),
    ):
        with pytest.raises(WebhookVerificationError):
            receiver.verify(body, headers)


def test_during_a_rotation_a_receiver_may_know_either_secret() -> None:
    """Both signatures are sent, with a blank between."""
    found = signing.headers("n1", int(time.time()), BODY, [ONE, OTHER])
    assert len(found["webhook-signature"].split(" ")) == 2
    for secret in (ONE, OTHER):
        assert Receiver(secret).verify(BODY, found)


def test_an_endpoint_shows_neither_url_nor_secret_when_it_is_printed() -> None:
    """In a log line or an error by accident it says nothing."""
    shown = repr(Endpoint("https://hooks.irpin.example/token", (ONE,)))
    assert "irpin" not in shown
    assert "whsec" not in shown
