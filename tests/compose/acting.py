"""Who acts on a deployment as anybody outside does: through the gateway, by client credentials."""

import time
from collections.abc import Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx

from cli.cast import Cast
from cli.timeline import Timeline
from deploy.local.system import SERVICES
from tests.compose.deployment import Deployment
from tests.compose.following import Followed
from tests.waiting import within


class Tokens:
    """Tokens by OAuth client credentials: the operator's are those that `deploy/init` made, a
    member's are issued by the operator when they are asked for first."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._http = deployment.http()
        self._credentials: dict[str, tuple[str, str]] = {}
        self._tokens: dict[str, tuple[str, float]] = {}

    def operator(self) -> dict[str, str]:
        """The header by which a request is the operator's."""
        secrets = self._deployment.root / "deploy" / "secrets"
        made = [(secrets / f"operator.{part}").read_text().strip() for part in ("id", "secret")]
        return self._header("operator", (made[0], made[1]))

    def member(self, member_id: str) -> dict[str, str]:
        """The header by which a request is this member's, in every role it may have."""
        if member_id not in self._credentials:
            base = f"{self._deployment.url}/api/members"
            member = self._http.get(f"{base}/members/{member_id}").raise_for_status().json()
            roles = ["member", "monitor", *(["core"] if member["role"] == "core" else [])]
            body = {"member_id": member_id, "roles": roles, "label": "Test"}
            headers = {**self.operator(), "Idempotency-Key": str(uuid4())}
            issued = self._http.post(f"{base}/credentials", json=body, headers=headers)
            given = issued.raise_for_status().json()
            self._credentials[member_id] = (given["client_id"], given["client_secret"])
        return self._header(member_id, self._credentials[member_id])

    def _header(self, who: str, credentials: tuple[str, str]) -> dict[str, str]:
        token, until = self._tokens.get(who, ("", 0.0))
        if time.monotonic() > until:
            answer = self._http.post(
                f"{self._deployment.url}/api/members/oauth/token",
                data={"grant_type": "client_credentials"},
                auth=credentials,
            )
            given = answer.raise_for_status().json()
            token, until = given["access_token"], time.monotonic() + given["expires_in"] / 2
            self._tokens[who] = token, until
        return {"Authorization": f"Bearer {token}"}


class Inbox:
    """The mail catcher's messages, as deploy.local.mailbox.Unread gives them."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=f"{url}/api/v1", timeout=30)
        self._read: set[str] = set()

    def unread(self) -> list[EmailMessage]:
        """All mail that this has not given before, in any order."""
        found = self._http.get("/messages", params={"limit": 1000}).raise_for_status().json()
        ids = [m["ID"] for m in found["messages"] if m["ID"] not in self._read]
        self._read.update(ids)
        return [self._message(each) for each in ids]

    def _message(self, message_id: str) -> EmailMessage:
        raw = self._http.get(f"/message/{message_id}/raw").raise_for_status().content
        message = message_from_bytes(raw, policy=policy.default)
        assert isinstance(message, EmailMessage)
        return message


class Outside:
    """A deployment as the story's cast asks it: each service behind the gateway."""

    services: Sequence[str] = SERVICES
    addresses = SimpleNamespace(maildir=Path("/nowhere"))  # its mail is read over HTTP

    def __init__(self, deployment: Deployment, tokens: Tokens) -> None:
        self._deployment, self._tokens = deployment, tokens

    def url(self, service: str) -> str:
        """A service's address."""
        return f"{self._deployment.url}/api/{service}"

    def authorization(
        self, subject: str, member_id: str | None = None, roles: tuple[str, ...] = ()
    ) -> dict[str, str]:
        """As the local system has it; roles are those that the member may have."""
        return self._tokens.member(member_id) if member_id else self._tokens.operator()


class Company(Cast):
    """The story's cast on a deployment; events come from the bus, read as its auditor."""

    def __init__(self, deployment: Deployment, timeline: Timeline, tokens: Tokens) -> None:
        outside: Any = Outside(deployment, tokens)
        super().__init__(outside, timeline, lambda line: None)
        self._http = httpx.AsyncClient(timeout=30, verify=deployment.trust)
        inbox: Any = Inbox(deployment.mail_url)
        self._inbox = inbox
        self._deployment = deployment

    async def at_rest(self, timeout: float = 90.0) -> None:
        """Nothing is being sent and nothing new was published for a moment: how far services are
        is not told through the gateway."""
        timeline, timeout = self._timeline, within(timeout)
        assert isinstance(timeline, Followed)
        await timeline.quiet(1.5, timeout)
        queued = await self.get("notify", "/notices?status=queued")
        if queued:
            await self.until("notices to be sent", lambda event: event.type == "notice-sent", 1)
            await timeline.quiet(1.5, timeout)
