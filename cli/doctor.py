"""`alliance doctor`: looks at a deployment from outside and says what to do."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Annotated, Any

import httpx
import typer
from rich.console import RenderableType
from rich.table import Table

from cli import certificate
from cli import findings as judge
from cli.client import CannotAsk, Problem
from cli.findings import Finding, Json, not_asked
from cli.services import NAMES
from cli.session import Session, connected

PATIENCE = 10.0
"""Seconds that one answer may take."""

MOST_PAGES = 50
"""Pages of a list that are looked through, of 200 entries each."""

OPERATORS = ("relay", "lag", "dead-letters")
"""What only operators may ask."""


@connected
def doctor(
    session: Session,
    everything: Annotated[
        bool, typer.Option("--all", help="Say also what is well; as JSON it always is.")
    ] = False,
) -> None:
    """Look at a deployment from outside: certificate, clock, readiness, what waits too long.

    Exit 0: well. 1: something to do, and what. 2: nothing could be asked. With an operator's
    token backlog, lag and dead letters are looked at, too.
    """
    found = asyncio.run(examine(session))
    if session.as_json:
        session.show({"well": is_well(found), "findings": [f.data() for f in found]}, _nothing)
    else:
        shown = found if everything else [f for f in found if f.state != "well"]
        session.console.print(table(shown, found))
    if not is_well(found):
        raise typer.Exit(1)


def is_well(found: Iterable[Finding]) -> bool:
    """Whether there is nothing to do."""
    return all(finding.state != "to-do" for finding in found)


async def examine(session: Session) -> list[Finding]:
    """Everything that can be looked at. Raises CannotAsk where nothing answers at all."""
    doors = sorted({_door(session.url(service)) for service in NAMES}, key=str)
    found: list[Finding] = []
    trusted = True
    for door in doors:
        findings, good = await _certificate(door)
        found += findings
        trusted = trusted and good
    async with httpx.AsyncClient(
        timeout=PATIENCE, verify=trusted, auth=session.auth if trusted else None
    ) as http:
        doctors = [Examination(session, http, service, trusted) for service in NAMES]
        for each in await asyncio.gather(*(doctor.all() for doctor in doctors)):
            found += each
    if not any(doctor.answered for doctor in doctors):
        raise CannotAsk(f"nothing answers at {', '.join(map(str, doors))}: {doctors[0].why}")
    return found


class Examination:
    """Looks at one service. `trusted`: the certificate is good, so a token may be shown."""

    def __init__(
        self, session: Session, http: httpx.AsyncClient, service: str, trusted: bool
    ) -> None:
        self._service, self._http = service, http
        self._base = session.url(service)
        self._token = session.auth is not None and trusted
        self._no_token = "the certificate is not trusted" if not trusted else "no token was given"
        self.answered, self.why = False, ""

    async def all(self) -> list[Finding]:
        """Each finding, as far as the service answers."""
        found: list[Finding] = []
        try:
            async for finding in self._look():
                found.append(finding)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            self.why = str(error) or type(error).__name__
            found.append(judge.silent(self._service, f"does not answer: {self.why}"))
        except Problem as problem:
            said = f"no token is to be had: {' '.join(problem.lines())}"
            do = "look at ALLIANCE_CLIENT_ID and its secret"
            found.append(judge.to_do(self._service, "token", said, do, "credentials"))
        except (ValueError, KeyError, TypeError) as error:
            found.append(judge.silent(self._service, f"answers what is not understood: {error!r}"))
        return found

    async def _look(self) -> AsyncIterator[Finding]:
        asked_at, started = datetime.now(UTC), time.monotonic()
        answer = await self._open("health/ready")
        self.answered = True
        middle = asked_at + timedelta(seconds=(time.monotonic() - started) / 2)
        for finding in judge.of_readiness(self._service, answer.status_code, _object(answer)):
            yield finding
        if "Date" in answer.headers:
            theirs = parsedate_to_datetime(answer.headers["Date"])
            # Half a second on, since the header has no fractions of one.
            ahead = (theirs + timedelta(seconds=0.5) - middle).total_seconds()
            yield judge.of_clock(self._service, ahead)
        document = await self._open("openapi.json")
        if document.is_success:
            yield judge.of_version(self._service, _object(document))
        async for finding in self._operators():
            yield finding
        if self._service == "notify":
            for finding in judge.of_notices(await self._list("notices?status=queued"), _now()):
                yield finding
        if self._service == "matching":
            proposed = await self._list("matches?status=proposed")
            yield judge.of_proposals(proposed, _now())

    async def _operators(self) -> AsyncIterator[Finding]:
        if not self._token:
            for check in OPERATORS:
                yield not_asked(self._service, check, self._no_token)
            return
        progress = await self._http.get(f"{self._base}/progress")
        if progress.is_success:
            for finding in judge.of_progress(self._service, _object(progress), _now()):
                yield finding
        else:
            for check in ("relay", "lag"):
                yield not_asked(self._service, check, _refusal(progress))
        letters = await self._http.get(f"{self._base}/dead-letters?state=waiting&limit=200")
        parked = await self._http.get(f"{self._base}/parked-subjects")
        if letters.is_success and parked.is_success:
            more = "next" in letters.links
            yield judge.of_letters(self._service, letters.json(), more, parked.json())
        else:
            yield not_asked(self._service, "dead-letters", _refusal(letters))

    async def _open(self, path: str) -> httpx.Response:
        """What anybody may read; no token is shown."""
        return await self._http.get(f"{self._base}/{path}", auth=None)

    async def _list(self, path: str) -> list[Json]:
        found: list[Json] = []
        answer = await self._open(f"{path}&limit=200")
        for _ in range(MOST_PAGES):
            found += answer.raise_for_status().json()
            if "next" not in answer.links:
                break
            answer = await self._http.get(answer.url.join(answer.links["next"]["url"]), auth=None)
        return found


async def _certificate(door: httpx.URL) -> tuple[list[Finding], bool]:
    """What is found, and whether a token may be shown there."""
    if door.scheme != "https":
        return [], True
    about = f"{door.host}:{door.port or 443}"
    try:
        found = await asyncio.to_thread(certificate.shown, door.host, door.port or 443)
    except OSError as error:
        do = "look whether the gateway runs, and whether its port is reached from here"
        none = f"none is shown: {error}"
        return [judge.to_do(about, "certificate", none, do, "certificate")], False
    good = found.refused is None and found.days_left(_now()) >= 0
    return [judge.of_certificate(about, found, _now())], good


def _door(url: str) -> httpx.URL:
    """Where a service's address leads: scheme, host and port."""
    given = httpx.URL(url)
    return httpx.URL(scheme=given.scheme, host=given.host, port=given.port)


def _object(answer: httpx.Response) -> Json:
    """A JSON object; none where something between us and the service answered."""
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _refusal(answer: httpx.Response) -> str:
    if answer.status_code == 404:
        return "this release of the service does not tell"
    problem = Problem.of(answer)
    return f"{problem} ({problem.status})"


def _now() -> datetime:
    return datetime.now(UTC)


def table(shown: list[Finding], found: list[Finding]) -> RenderableType:
    """What is shown of what was found, for people."""
    made = Table("about", "check", "found", "what to do", box=None, pad_edge=False)
    for finding in shown:
        made.add_row(finding.about, finding.check, finding.said, "\n".join(_advice(finding)))
    well = sum(f.state == "well" for f in found)
    to_do = sum(f.state == "to-do" for f in found)
    made.caption = f"{well} well, {to_do} to do, {len(found) - well - to_do} not asked"
    made.caption_justify = "left"
    return made


def _advice(finding: Finding) -> Iterator[str]:
    if finding.state == "not-asked":
        yield "not asked"
    yield from filter(None, (finding.do, finding.see))


def _nothing(data: Any, language: str) -> RenderableType:
    return ""
