"""A gateway with TLS on this machine that answers as four well services, or as it is told."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from json import dumps
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

WELL: dict[str, tuple[int, Any]] = {
    "health/ready": (200, {"ready": True, "store": "ok", "broker": "ok", "relay": "ok"}),
    "openapi.json": (200, {"openapi": "3.1.0", "info": {"version": "1"}}),
    "progress": (200, {"service": "x", "backlog": 0, "lag": {"members.events[0]": 0}}),
    "dead-letters": (200, []),
    "parked-subjects": (200, []),
    "notices": (200, []),
    "matches": (200, []),
}


@dataclass
class Gateway:
    """`answers` by `service/path`, else by the path alone; `tokens` are those it was shown."""

    url: str
    answers: dict[str, tuple[int, Any]]
    ahead: timedelta = timedelta()
    tokens: list[tuple[str, str]] = field(default_factory=list)


def certificate(directory: Path, until: datetime, host: str = "127.0.0.1") -> tuple[Path, Path]:
    """A self-signed certificate with its key, in one file, and alone as its own CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway")])
    try:
        alternative: x509.GeneralName = x509.IPAddress(ip_address(host))
    except ValueError:
        alternative = x509.DNSName(host)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(until - timedelta(days=397))
        .not_valid_after(until)
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    whole, public = directory / "gateway.pem", directory / "ca.pem"
    whole.write_bytes(private + pem)
    public.write_bytes(pem)
    return whole, public


@contextmanager
def serving(file: Path) -> Iterator[Gateway]:
    """It, until the end of the block."""
    found = Gateway("", dict(WELL))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.removeprefix("/api/").partition("?")[0]
            if token := self.headers.get("Authorization"):
                found.tokens.append((path, token))
            else_ = found.answers.get(path.partition("/")[2], (404, {"title": "no such route"}))
            status, body = found.answers.get(path, else_)
            raw = dumps(body).encode()
            self.send_response_only(status)
            self.send_header("Date", format_datetime(datetime.now(UTC) + found.ahead, usegmt=True))
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *words: object) -> None:
            """Nothing on stderr."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *words: object) -> None:
            """A client that does not trust the certificate goes away; that is expected."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found.url = f"https://127.0.0.1:{server.server_port}"
        yield found
        server.shutdown()
