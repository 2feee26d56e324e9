"""Handing a message to a webhook: one POST to a judged number, 10 s in all, no redirect, no proxy.

What the server answers, its code and Retry-After apart, is read to 64 KiB and thrown away.
"""

import asyncio
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from services.notify.delivery import AddressRefused, MessageRefused, ServerAway, TryLater
from services.notify.webhooks import addresses
from services.notify.webhooks.addresses import Forbidden, Resolve

MOST_READ = 64 * 1024
LONGEST_WAIT = 86_400.0
"""Seconds that a Retry-After is followed for at most."""

USER_AGENT = "alliance-notify/1 (+https://www.standardwebhooks.com)"


class NotThere(ServerAway):
    """The name has no address, or one that nothing is sent to."""


class Busy(ServerAway):
    """The server asks us to come back; `after` is in how many seconds, if it says so."""

    def __init__(self, code: int, after: float | None) -> None:
        super().__init__(code)
        self.after = after


class Hands:
    """Hands messages to webhooks. `resolve` and `tls` are other ones in tests only."""

    def __init__(
        self,
        seconds: float,
        allow_loopback: bool,
        resolve: Resolve = addresses.resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._seconds = seconds
        self._allow_loopback = allow_loopback
        self._resolve = resolve
        self._tls = tls or httpx.create_ssl_context(trust_env=False)

    async def hand_over(self, url: httpx.URL, headers: dict[str, str], body: bytes) -> int:
        """The server's code when it has taken the message, 2xx.

        Raises AddressRefused (410), MessageRefused (a redirect), TryLater, Busy, NotThere,
        ServerAway.
        """
        try:
            async with asyncio.timeout(self._seconds):
                numbers = await addresses.judged(url, self._allow_loopback, self._resolve)
                code, answered = await self._post(url, numbers, headers, body)
        except (Forbidden, OSError) as error:
            if isinstance(error, TimeoutError):
                raise ServerAway from None
            raise NotThere from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ValueError):
            raise ServerAway from None
        if 200 <= code < 300:
            return code
        if code == 410:
            raise AddressRefused(code)
        if 300 <= code < 400:
            raise MessageRefused(code)
        if code in (429, 503):
            raise Busy(code, _seconds(answered.get("retry-after", "")))
        raise TryLater(code)

    async def _post(
        self, url: httpx.URL, numbers: list[str], headers: dict[str, str], body: bytes
    ) -> tuple[int, httpx.Headers]:
        for left, number in reversed(list(enumerate(reversed(numbers)))):
            try:
                return await self._post_to(number, url, headers, body)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if not left:
                    raise
        raise Forbidden

    async def _post_to(
        self, number: str, url: httpx.URL, headers: dict[str, str], body: bytes
    ) -> tuple[int, httpx.Headers]:
        # A client for each message: a connection that is kept would serve any name at its number.
        client = httpx.AsyncClient(
            verify=self._tls,
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(self._seconds, connect=self._seconds / 3),
        )
        request = client.build_request(
            "POST",
            url.copy_with(host=number),
            headers={
                **headers,
                "host": url.netloc.decode(),
                "content-type": "application/json",
                "user-agent": USER_AGENT,
                "accept-encoding": "identity",
            },
            content=body,
            extensions={"sni_hostname": addresses.host_of(url).rstrip(".")},
        )
        async with client:
            response = await client.send(request, stream=True)
            with suppress(httpx.HTTPError, TimeoutError):  # its code is there already
                async with asyncio.timeout(self._seconds / 5):
                    await _read(response)
            await response.aclose()
            return response.status_code, response.headers


async def _read(response: httpx.Response) -> None:
    read = 0
    async for part in response.aiter_raw():
        read += len(part)
        if read >= MOST_READ:
            return


def _seconds(retry_after: str) -> float | None:
    """What a Retry-After says (RFC 9110: seconds, or a date); None for nothing usable."""
    if retry_after.isdecimal() and retry_after.isascii():
        return min(float(retry_after[:9]), LONGEST_WAIT)
    try:
        then = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    seconds = (then.replace(tzinfo=then.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), LONGEST_WAIT)
