"""HTTP of feeds: open to everybody, as the events they tell of are."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from services.notify.feeds import formats, model, reading
from services.notify.feeds.model import TYPES, Format, Kind
from services.notify.settings import NotifySettings
from shared.events.ids import UUID_PATTERN, MemberId, NeedId
from shared.http import CommandRoute
from shared.translations import preferred

router = APIRouter(route_class=CommandRoute, tags=["feeds"])

Language = Annotated[
    Literal["uk", "en"] | None, Query(description="Else what Accept-Language wants most.")
]
Before = Annotated[
    str | None, Query(pattern=UUID_PATTERN, description="From the `next` link of the page before.")
]


class AtomAnswer(Response):
    """Atom."""

    media_type = TYPES["atom"]


class JsonFeedAnswer(JSONResponse):
    """JSON Feed: JSON, so that the OpenAPI document does not say that it is a string."""

    media_type = TYPES["json"]


@router.get("/feeds/members/{member_id}.atom", response_class=AtomAnswer)
async def member_atom(
    request: Request, member_id: MemberId, language: Language = None, before: Before = None
) -> Response:
    """What concerns a member, newest first, as Atom (RFC 4287)."""
    return await _answer(request, "members", member_id, "atom", language, before)


@router.get("/feeds/members/{member_id}.json", response_class=JsonFeedAnswer)
async def member_json(
    request: Request, member_id: MemberId, language: Language = None, before: Before = None
) -> Response:
    """What concerns a member, newest first, as JSON Feed 1.1."""
    return await _answer(request, "members", member_id, "json", language, before)


@router.get("/feeds/needs/{need_id}.atom", response_class=AtomAnswer)
async def need_atom(
    request: Request, need_id: NeedId, language: Language = None, before: Before = None
) -> Response:
    """What became of a need, newest first, as Atom (RFC 4287)."""
    return await _answer(request, "needs", need_id, "atom", language, before)


@router.get("/feeds/needs/{need_id}.json", response_class=JsonFeedAnswer)
async def need_json(
    request: Request, need_id: NeedId, language: Language = None, before: Before = None
) -> Response:
    """What became of a need, newest first, as JSON Feed 1.1."""
    return await _answer(request, "needs", need_id, "json", language, before)


async def _answer(
    request: Request, kind: Kind, key: str, form: Format, language: str | None, before: str | None
) -> Response:
    settings: NotifySettings = request.app.state.settings
    chosen = language or preferred(request.headers.get("accept-language", ""))
    feed = await reading.read(
        request.app.state.store,
        kind,
        key,
        language=chosen,
        before=before,
        base=settings.own_url or str(request.base_url).rstrip("/"),
        settings=settings,
    )
    body = formats.write(feed, form)
    tag = model.etag(body)
    headers = {
        "ETag": tag,
        "Cache-Control": "public, max-age=60",
        "Content-Language": chosen,
        "Vary": "Accept-Language",
        "X-Content-Type-Options": "nosniff",
    }
    if model.is_known(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=TYPES[form])
