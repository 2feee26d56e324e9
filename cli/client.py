"""The services by HTTP, as a person's commands use them: asked again where they are busy or away.

Every POST has an Idempotency-Key, so that asking again does nothing twice.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Self
from urllib.parse import quote
from uuid import uuid4

import httpx

from shared.errors import Refused
from shared.translations import translate

Json = Any
AWAY = (502, 503, 504)
LONGEST_PAUSE = 8.0
LONGEST_WAIT = 120.0
"""Seconds that a `Retry-After` is followed."""

MOST_OF_A_PAGE = 200


class CannotAsk(RuntimeError):
    """What a person must put right before a service can be asked at all; ends with status 2."""


class Unreachable(CannotAsk):
    """A service does not answer, or says that it cannot now; the message names its address."""


class Problem(Exception):
    """A service said no, and why (RFC 9457); ends with status 1."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(body.get("detail") or body.get("title"))
        self.status, self.body = status, dict(body)

    @classmethod
    def of(cls, answer: httpx.Response) -> Self:
        """The problem that an answer states; what is between us and the service may state none."""
        try:
            body = answer.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            body = {"title": f"{answer.status_code} of {answer.url}", "detail": answer.text[:300]}
        if "error" in body and "title" not in body:  # RFC 6749, 5.2
            body = {"title": body["error"], "detail": body.get("error_description", "")}
        return cls(answer.status_code, body)

    @classmethod
    def by_rule(cls, error: Refused, language: str) -> Self:
        """The problem that a service would state, where its own rule was asked here."""
        title = translate(error.title, language)
        return cls(error.status, error.facts | {"title": title, "detail": error.detail(language)})

    def lines(self) -> list[str]:
        """It, readable: title and detail, each field with what was given, and what is allowed."""
        said = self.body
        lines = [f"{said.get('title', 'refused')} ({self.status})"]
        errors = said.get("errors") or []
        if said.get("detail") and not errors:
            lines.append(f"  {said['detail']}")
        for error in errors:
            lines.append(f"  {error.get('pointer') or 'the body'}: {error['detail']}")
            if error.get("given") is not None:
                lines.append(f"      given: {error['given']}")
        if not errors and said.get("given") is not None:
            lines.append(f"      given: {said['given']}")
        lines += [f"      allowed: {each}" for each in allowed(said.get("allowed"))]
        if "current_version" in said:
            lines.append(f"      version now: {said['current_version']}")
        return lines


def allowed(given: Any) -> list[str]:
    """What a problem says is allowed: one text for each thing that has parts, else one for all."""
    if given is None:
        return []
    if isinstance(given, list):
        if any(isinstance(each, dict) for each in given):
            return [", ".join(str(v) for v in each.values()) for each in given]
        return [", ".join(str(each) for each in given)]
    if isinstance(given, dict):
        return [", ".join(f"{name} {value}" for name, value in given.items())]
    return [str(given)]


class Client:
    """Asks services. `tries` is how often at most a request is sent before Unreachable."""

    def __init__(
        self,
        url: Callable[[str], str],
        auth: httpx.Auth | None,
        language: str,
        say: Callable[[str], None],
        tries: int = 4,
        connections: int = 16,
    ) -> None:
        self.url = url
        self._say, self._tries, self._said_until = say, tries, 0.0
        self._http = httpx.AsyncClient(
            auth=auth,
            headers={"Accept-Language": language},
            timeout=60,
            limits=httpx.Limits(max_connections=connections),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._http.aclose()

    async def get(
        self, service: str, *path: str, query: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """One thing; its version is the answer's ETag. Raises Problem, Unreachable."""
        return await self._ask(
            "GET", str(httpx.URL(self._address(service, path), params=query or {}))
        )

    async def pages(
        self, service: str, path: str, query: Mapping[str, Any], most: int
    ) -> AsyncIterator[tuple[Json, bool]]:
        """Each entry of a list up to `most` (0: all), and whether there are more after it."""
        asked = {name: value for name, value in query.items() if value is not None}
        asked["limit"] = min(most or MOST_OF_A_PAGE, MOST_OF_A_PAGE)
        following: str | None = str(
            httpx.URL(self._address(service, path.split("/")), params=asked)
        )
        left = most
        while following is not None:
            answer = await self._ask("GET", following)
            link = answer.links.get("next")
            following = str(answer.url.join(link["url"])) if link else None
            page = answer.json()
            for index, entry in enumerate(page, 1):
                left -= 1
                yield entry, index < len(page) or following is not None
                if left == 0:
                    return

    async def post(
        self,
        service: str,
        *path: str,
        body: Json = None,
        key: str | None = None,
        if_match: str | None = None,
        dry_run: bool = False,
    ) -> httpx.Response:
        """Ask for something to be done, or with `dry_run` for what would come of it.

        Raises Problem, Unreachable.
        """
        headers = {"Dry-Run": "true"} if dry_run else {"Idempotency-Key": key or str(uuid4())}
        if if_match is not None:
            headers["If-Match"] = if_match
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body)  # ASCII: a text may hold half a surrogate pair
        return await self._ask("POST", self._address(service, path), content, headers)

    async def put(self, service: str, *path: str, body: Json) -> httpx.Response:
        """Set a thing whole. Raises Problem, Unreachable."""
        headers = {"Content-Type": "application/json"}
        return await self._ask("PUT", self._address(service, path), json.dumps(body), headers)

    async def delete(self, service: str, *path: str) -> httpx.Response:
        """Erase a thing. Raises Problem, Unreachable."""
        return await self._ask("DELETE", self._address(service, path))

    def _address(self, service: str, path: Any) -> str:
        return "/".join([self.url(service), *(quote(str(part), safe="") for part in path)])

    async def _ask(
        self,
        method: str,
        url: str,
        content: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        for attempt in range(1, self._tries + 1):
            pause = min(0.25 * 2**attempt, LONGEST_PAUSE)
            try:
                answer = await self._http.request(method, url, content=content, headers=headers)
            except httpx.TransportError as error:
                said = str(error) or type(error).__name__
            except httpx.InvalidURL as error:
                raise CannotAsk(f"{url}: {error}") from None
            else:
                if answer.status_code != 429 and answer.status_code not in AWAY:
                    if answer.is_success:
                        return answer
                    raise Problem.of(answer)
                said = str(Problem.of(answer))
                wanted = answer.headers.get("Retry-After", "")
                if wanted.isdecimal():
                    pause = min(float(wanted), LONGEST_WAIT)
            if attempt < self._tries:
                self._say_once(f"{said}: waiting for {pause:g} s", pause)
                await asyncio.sleep(pause)
        raise Unreachable(f"{url} does not answer after {self._tries} requests: {said}")

    def _say_once(self, words: str, seconds: float) -> None:
        """A wait is said once, however many requests wait."""
        if seconds >= 1 and time.monotonic() > self._said_until:
            self._said_until = time.monotonic() + seconds
            self._say(words)
