"""Somebody who asks a deployment's services for one new thing after another, and hears them."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx

from cli.cast import PRINCIPLES
from services.members import principles
from tests.compose.acting import Tokens
from tests.compose.deployment import Deployment


class Door:
    """An operator who asks a service for something new each time, and hears what it says."""

    def __init__(self, deployment: Deployment) -> None:
        self._http = deployment.http(headers=Tokens(deployment).operator())
        self._url = f"{deployment.url}/api"
        self.heard: Counter[int | str] = Counter()
        self.problems: dict[str, httpx.Response] = {}

    def apply(self) -> int | str:
        """A city applies to members."""
        label = uuid4().hex[:12]
        body = {
            "side": "partner",
            "kind": "city",
            "country": "PT",
            "organisation_id": f"XI-FAULT-{label}",
            "names": {"en": f"City {label}"},
            "principles": PRINCIPLES,
            "principles_version": principles.CURRENT,
        }
        return self._ask("POST", "/members/members", body)

    def rate(self) -> int | str:
        """Matching is told of an exchange rate."""
        body = {"date": "2026-01-02", "source": "test", "per_eur": {"UAH": "41.0000"}}
        return self._ask("POST", "/matching/rates", body)

    def read(self, path: str) -> int | str:
        """A list is read."""
        return self._ask("GET", path)

    def refused_for(self, ask: Callable[[], int | str], seconds: float) -> None:
        """It goes on to be refused for so long, as a store that is away is told of."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            assert ask() == 503
            time.sleep(0.5)
        for answer in self.problems.values():
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.json()["type"].endswith(":store-unavailable"), answer.text
            assert int(answer.headers["Retry-After"]) > 0

    def _ask(self, method: str, path: str, body: Any = None) -> int | str:
        headers = {"Idempotency-Key": str(uuid4())}
        try:
            answer = self._http.request(method, self._url + path, json=body, headers=headers)
        except httpx.TransportError as error:
            self.heard[type(error).__name__] += 1
            return type(error).__name__
        self.heard[answer.status_code] += 1
        if answer.status_code == 503:
            self.problems[path] = answer
        return answer.status_code
