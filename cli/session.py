"""What every command that asks services needs: where they are, who asks, in which language."""

import asyncio
import functools
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import quote

import httpx
import jwt
import typer
from rich.console import Console, RenderableType

from cli.client import CannotAsk, Client, Json, Problem
from cli.options import Options, offering
from deploy.local.system import System

P = ParamSpec("P")
T = TypeVar("T")

Urls = Annotated[
    list[str] | None,
    typer.Option(
        "--url",
        envvar="ALLIANCE_API",
        help="Base of the gateway, or SERVICE=URL (several). Else the local stack.",
    ),
]
As = Annotated[
    str | None,
    typer.Option("--as", help="On the local stack: act for this member (its id)."),
]
Language = Annotated[str | None, typer.Option("--lang", help="uk or en; else by LANG.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, as in a pipe; else a table.")]
OPTIONS: Options = {
    "urls": (Urls, None),
    "as_member": (As, None),
    "lang": (Language, None),
    "as_json": (AsJson, False),
}


class Token(httpx.Auth):
    """A bearer token that was given."""

    def __init__(self, token: str) -> None:
        self.token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self.token}"
        yield request


class ClientCredentials(Token):
    """A token by OAuth client credentials (RFC 6749, 4.4), asked for when there is none or it is
    about to end."""

    requires_response_body = True

    def __init__(self, url: str, client_id: str, secret: str) -> None:
        super().__init__("")
        self._url, self._until = url, 0.0
        self._basic = httpx.BasicAuth(quote(client_id, safe=""), quote(secret, safe=""))

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if time.monotonic() > self._until:
            asked = httpx.Request("POST", self._url, data={"grant_type": "client_credentials"})
            answer = yield next(self._basic.auth_flow(asked))
            if not answer.is_success:
                raise Problem.of(answer)
            given = answer.json()
            self.token = given["access_token"]
            self._until = time.monotonic() + int(given.get("expires_in", 300)) - 30
        yield from super().auth_flow(request)


def terminal(stderr: bool = False) -> Console:
    """Where tables go: what services say is text, never markup."""
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)


@dataclass
class Session:
    """One command of a person's: asks, and shows what was answered."""

    url: Callable[[str], str]
    auth: Token | None
    language: str = "en"
    as_json: bool = True
    console: Console = field(default_factory=terminal)

    def ask(self, work: Callable[[Client], Awaitable[T]], **settings: Any) -> T:
        """Run what asks; `settings` are the client's. Raises Problem, Unreachable."""

        async def run() -> T:
            async with Client(self.url, self.auth, self.language, say, **settings) as client:
                return await work(client)

        return asyncio.run(run())

    def show(self, data: Json, table: Callable[[Any, str], RenderableType]) -> None:
        """JSON, or a table for people."""
        if self.as_json:
            typer.echo(json.dumps(data, ensure_ascii=False, indent=1))
        else:
            self.console.print(table(data, self.language))

    @property
    def member_id(self) -> str | None:
        """The member that the token acts for, as far as the token says so."""
        if self.auth is None:
            return None
        if not self.auth.token:  # it is asked for with the first request
            self.ask(lambda client: client.get("members", "principles"))
        try:
            claims = jwt.decode(self.auth.token, options={"verify_signature": False})
        except jwt.PyJWTError:
            return None
        return claims.get("member_id")


def say(words: str) -> None:
    """A word to the person beside the answer."""
    typer.echo(words, err=True)


def connected(command: Callable[Concatenate[Session, P], None]) -> Callable[..., None]:
    """A command that asks services: with the options by which it is said where, who and how.

    A problem that a service answers is printed and ends the command with status 1.
    """

    @functools.wraps(command)
    def run(*args: Any, **given: Any) -> None:
        session = open_session(*(given.pop(name) for name in OPTIONS))
        try:
            command(session, *args, **given)
        except Problem as problem:
            say_problem(problem)
            raise typer.Exit(1) from None

    return offering(run, command, OPTIONS)


def say_problem(problem: Problem, about: str = "") -> None:
    """A problem, readable, on stderr."""
    for line in problem.lines():
        say(about + line)


def open_session(
    urls: list[str] | None, as_member: str | None, lang: str | None, as_json: bool
) -> Session:
    """Where and as whom to ask, by options and environment. Raises CannotAsk."""
    if lang not in (None, "uk", "en"):
        raise typer.BadParameter(f"{lang}: allowed: uk, en", param_hint="--lang")
    local = None if urls else System()
    if local is not None and not local.ports:
        raise CannotAsk("no local stack runs (make up), and neither --url nor ALLIANCE_API is set")
    url = local.url if local is not None else _addresses(urls or [])
    as_json = as_json or not sys.stdout.isatty()
    return Session(url, _who(url, local, as_member), lang or _language(), as_json)


def _addresses(urls: list[str]) -> Callable[[str], str]:
    named = dict(u.split("=", 1) for u in urls if not u.startswith("http") and "=" in u)
    base = [u.rstrip("/") for u in urls if u.startswith(("http://", "https://"))]
    if len(base) + len(named) != len(urls) or len(base) > 1:
        raise CannotAsk(f"ALLIANCE_API or --url: neither a URL nor SERVICE=URL: {' '.join(urls)}")

    def url(service: str) -> str:
        if service in named:
            return named[service].rstrip("/")
        if not base:
            raise CannotAsk(f"ALLIANCE_API or --url: no address of {service}")
        return f"{base[0]}/api/{service}"

    return url


def _who(url: Callable[[str], str], local: System | None, member: str | None) -> Token | None:
    """A token that was given, else client credentials, else a local one; without any, to read."""
    token = os.environ.get("ALLIANCE_TOKEN")
    client_id = os.environ.get("ALLIANCE_CLIENT_ID") or _read("ALLIANCE_CLIENT_ID_FILE")
    if member and (token or client_id or local is None):
        raise CannotAsk("--as is for the local stack; elsewhere the token says who acts")
    if token:
        return Token(token.strip())
    if client_id:
        secret = _read("ALLIANCE_CLIENT_SECRET_FILE")
        if not secret:
            raise CannotAsk("ALLIANCE_CLIENT_ID is set, ALLIANCE_CLIENT_SECRET_FILE is not")
        return ClientCredentials(f"{url('members')}/oauth/token", client_id, secret)
    if local is None:
        return None
    roles = ("core", "member") if member else ("operator",)
    header = local.authorization("local", member, roles)["Authorization"]
    return Token(header.removeprefix("Bearer "))


def _read(variable: str) -> str:
    """What the file holds that a variable names; "" where it names none. Raises CannotAsk."""
    if not (file := os.environ.get(variable)):
        return ""
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CannotAsk(f"{variable}: {error}") from None


def _language() -> str:
    chosen = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG", "")
    return "uk" if chosen.startswith("uk") else "en"
