"""The certificate that a gateway shows: until when it is valid, and whether it would be trusted."""

import socket
import ssl
from dataclasses import dataclass
from datetime import datetime

import httpx
from cryptography import x509

PATIENCE = 5.0
"""Seconds that a handshake may take."""


@dataclass(frozen=True)
class Certificate:
    """One that was shown: its end, and why it is not trusted (None: it is)."""

    until: datetime
    refused: str | None

    def days_left(self, now: datetime) -> float:
        """Days until it ends; below 0 when it has ended."""
        return (self.until - now).total_seconds() / 86_400


def shown(host: str, port: int, trust: ssl.SSLContext | None = None) -> Certificate:
    """The certificate of a server. Raises OSError where none is shown.

    It is judged as every other command of `alliance` judges it (SSL_CERT_FILE names another CA);
    `trust` replaces that.
    """
    unseen = ssl.create_default_context()
    unseen.check_hostname, unseen.verify_mode = False, ssl.CERT_NONE
    with _connected(host, port, unseen) as connection:
        raw = connection.getpeercert(binary_form=True)
    if raw is None:
        raise OSError("no certificate was shown")
    until = x509.load_der_x509_certificate(raw).not_valid_after_utc
    try:
        _connected(host, port, trust or httpx.create_ssl_context()).close()
    except ssl.SSLCertVerificationError as error:
        return Certificate(until, error.verify_message)
    return Certificate(until, None)


def _connected(host: str, port: int, context: ssl.SSLContext) -> ssl.SSLSocket:
    plain = socket.create_connection((host, port), PATIENCE)
    try:
        return context.wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise
