"""An HTTP server that takes webhooks, and misbehaves as a test wants."""

import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[["_Handler"], None]
GIGABYTE = 1_000_000_000


@dataclass(frozen=True)
class Request:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


def code(status: int, **headers: str) -> Answer:
    """An answer of nothing but a status and headers, `_` for `-`."""

    def answer(handler: "_Handler") -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def hang(handler: "_Handler") -> None:
    """No answer, ever."""
    handler.server.receiver.stopped.wait(60)


def drop(handler: "_Handler") -> None:
    """The connection ends without an answer."""
    handler.connection.shutdown(socket.SHUT_RDWR)


def a_gigabyte(handler: "_Handler") -> None:
    """200, and a body of a gigabyte."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(GIGABYTE))
    handler.end_headers()
    part = b"x" * 65_536
    with suppress(OSError):
        for _ in range(GIGABYTE // len(part)):
            handler.wfile.write(part)
            handler.server.receiver.sent += len(part)


def endless_headers(handler: "_Handler") -> None:
    """200, and header after header."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    with suppress(OSError):
        while not handler.server.receiver.stopped.is_set():
            handler.wfile.write(b"X-More: " + b"x" * 1000 + b"\r\n")


def slow_body(handler: "_Handler") -> None:
    """200 at once, and a body that never ends."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    with suppress(OSError):
        while not handler.server.receiver.stopped.wait(0.1):
            handler.wfile.write(b"x")


def after(seconds: float, then: Answer) -> Answer:
    """An answer that takes its time."""

    def answer(handler: "_Handler") -> None:
        time.sleep(seconds)
        then(handler)

    return answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 100
    receiver: "Receiver"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        headers = {name.lower(): value for name, value in self.headers.items()}
        receiver = self.server.receiver
        with receiver.lock:
            receiver.requests.append(Request(self.path, headers, self.rfile.read(length)))
            answer = receiver.answers.pop(0) if receiver.answers else receiver.usual
        answer(self)

    do_GET = do_POST

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""


@dataclass
class Receiver:
    """The server: what came, and what it answers next (`answers`, then `usual`)."""

    tls: ssl.SSLContext | None = None
    usual: Answer = field(default_factory=lambda: code(204))
    answers: list[Answer] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    sent: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.receiver = self
        if self.tls is not None:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}/hook"

    def has(self, number: int) -> bool:
        """Whether so many requests have come."""
        return len(self.requests) >= number

    def stop(self) -> None:
        """Stop it, whatever it is doing."""
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()
