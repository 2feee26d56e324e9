"""A mail server that misbehaves on demand, line by line; what it took is kept by Message-ID."""

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

HANG = "hang"
DROP = "drop"


class Misbehaving:
    """Answers as it is told: `says` gives for a verb (CONNECT, EHLO, MAIL, RCPT, DATA, MESSAGE) the
    next answers; "hang" for none, "drop" for the end of the connection. What it did take it has
    taken, also where the answer is dropped: then by `loses`."""

    def __init__(self, most: int = 20, starttls: ssl.SSLContext | None = None) -> None:
        self.port = 0
        self.says: dict[str, list[str]] = {}
        self.to: dict[str, str] = {}
        """Answers to RCPT for a domain, each time."""
        self.loses = 0
        self.taken: Counter[str] = Counter()
        self.order: list[str] = []
        self.connections = 0
        self.open = 0
        self.most_open = 0
        self._most = most
        self._starttls = starttls
        self._writers: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def running(self, tls: ssl.SSLContext | None = None) -> AsyncIterator["Misbehaving"]:
        """It listens, on any port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.drop_all()

    def drop_all(self) -> None:
        """Every connection ends."""
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        self._writers.add(writer)
        try:
            if self.open > self._most:
                writer.write(b"421 4.7.0 too many connections\r\n")
                return
            self.most_open = max(self.most_open, self.open)
            await self._talk(reader, writer)
        except (ConnectionError, EOFError, ssl.SSLError):
            pass
        finally:
            self.open -= 1
            self._writers.discard(writer)
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not await self._say(writer, "CONNECT", "220 here"):
            return
        while line := await reader.readline():
            verb = line.split()[0].upper().decode()
            usual = "250 OK"
            if verb == "EHLO" and self._starttls and not writer.get_extra_info("sslcontext"):
                usual = "250-here\r\n250 STARTTLS"
            if verb == "DATA":
                usual = "354 go on"
            if verb == "STARTTLS" and self._starttls:
                writer.write(b"220 go on\r\n")
                await writer.start_tls(self._starttls)
                continue
            if verb == "RCPT":
                usual = self.to.get(line.decode().strip()[9:-1].rpartition("@")[2], usual)
            if not await self._say(writer, verb, usual):
                return
            if verb == "DATA" and not await self._take(reader, writer):
                return

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        content = await reader.readuntil(b"\r\n.\r\n")
        if self.says.get("MESSAGE"):
            return await self._say(writer, "MESSAGE", "")
        [named] = [x for x in content.decode().split("\r\n") if x.startswith("Message-ID:")]
        self.taken[named.split()[1]] += 1
        self.order.append(named.split()[1])
        if self.loses:
            self.loses -= 1
            return False
        return await self._say(writer, "MESSAGE", "250 OK")

    async def _say(self, writer: asyncio.StreamWriter, verb: str, usual: str) -> bool:
        said = self.says[verb].pop(0) if self.says.get(verb) else usual
        if said == HANG:
            await asyncio.sleep(3600)
        if said == DROP:
            return False
        writer.write(said.encode() + b"\r\n")
        await writer.drain()
        return not said.startswith("421") and verb != "QUIT"
