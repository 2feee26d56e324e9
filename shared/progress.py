"""HTTP of how far behind a service is, for operators: what `alliance doctor` asks."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from shared.auth import Unauthorized
from shared.errors import NotYours
from shared.http import Caller, CommandRoute
from shared.openapi import refuses

router = APIRouter(route_class=CommandRoute, tags=["health"])


class Progress(BaseModel):
    """What a service has still to publish and to read."""

    service: str
    backlog: int = Field(description="Events recorded and not published yet.")
    oldest_unpublished: str | None = Field(
        None, description="When the first of them was recorded (RFC 3339)."
    )
    lag: dict[str, int] | None = Field(
        None,
        description="Records that no instance has handled yet, by topic[partition]; absent where "
        "the broker does not say.",
    )


Ask = Callable[[], Awaitable[Progress]]


@router.get("/progress")
@refuses(Unauthorized, NotYours)
async def get_progress(request: Request, caller: Caller) -> Progress:
    """How far behind the service is, all its instances together; for operators."""
    if "operator" not in caller.roles:
        raise NotYours("only operators read how far behind a service is")
    ask: Ask = request.app.state.progress
    return await ask()
