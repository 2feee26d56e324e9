"""The link in each mail by which its kind is ended (RFC 8058), for people and for mail programs.

These routes are plain ones beside the commands: whoever holds the link has no token, and sees a
page. Reading it changes nothing, since scanners of mail follow links.
"""

from datetime import UTC, datetime
from html import escape

from fastapi import APIRouter, Request, Response

from services.notify import commands, pages, unsubscribing
from services.notify.settings import NotifySettings
from services.notify.unsubscribing import Unsubscription
from shared.actor import Actor, Cause, new_correlation
from shared.limiting import Limits
from shared.mongo import Session, Store
from shared.translations import preferred
from shared.uow import UnitOfWork

BY_LINK = Actor("link:unsubscribe")
"""Whoever holds a mail and follows its link; nobody knows who that is."""

router = APIRouter(include_in_schema=False)


@router.get("/unsubscriptions/{token}")
async def ask(request: Request, token: str) -> Response:
    """A page that asks whether the kinds in the link are to be ended; it changes nothing."""
    asked = _read(request, token)
    return _page(request, "ask" if asked else "unknown", asked, 200 if asked else 404)


@router.post("/unsubscriptions/{token}")
async def end(request: Request, token: str) -> Response:
    """End the kinds in the link; whatever its body says, a POST is one (RFC 8058, 3.1)."""
    asked = _read(request, token)
    if asked is None:
        return _page(request, "unknown", None, 404)
    store: Store = request.app.state.store
    moment, cause = datetime.now(UTC), Cause(new_correlation())

    async def work(session: Session) -> int:
        records = request.app.state.records
        uow = UnitOfWork(store, session, records, actor=BY_LINK, cause=cause, now=moment)
        await commands.unsubscribe(asked.member_id, asked.kinds, uow)
        await uow.flush()
        return uow.recorded

    if await store.transaction(work):
        for wake in request.app.state.after_commit:
            wake()
    return _page(request, "done", asked, 200)


def _read(request: Request, token: str) -> Unsubscription | None:
    limits: Limits = request.app.state.limits
    limits.read(request.client.host if request.client else "")
    settings: NotifySettings = request.app.state.settings
    return unsubscribing.read(token, settings.link_keys)


def _page(request: Request, which: str, asked: Unsubscription | None, status: int) -> Response:
    language = preferred(request.headers.get("accept-language", ""))
    said = WORDS[language]
    kinds = "".join(f"<li>{escape(said[kind])}</li>" for kind in (asked.kinds if asked else ()))
    more = f"<ul>{kinds}</ul>" if kinds else ""
    more += f"<p>{escape(said[f'{which} more'])}</p>"
    if which == "ask":
        more += pages.button(said["button"], ("List-Unsubscribe", "One-Click"))
    return pages.page(language, said[which], more, status)


WORDS: dict[str, dict[str, str]] = {
    "en": {
        "membership": "Membership: admission, suspension, leaving",
        "partnerships": "Partnerships: declared, confirmed, ended",
        "needs": "Needs: recorded, changed, covered",
        "projects": "Projects: milestones, suspension, completion",
        "matches": "Pledges and matches: proposals to answer, agreements, deliveries",
        "operations": "Operations: what does not work",
        "ask": "Get no more mail of these kinds?",
        "ask more": "What concerns you stays in your feed. You can turn the mail on again in "
        "your preferences.",
        "button": "Send no more",
        "done": "You get no more mail of these kinds",
        "done more": "What concerns you stays in your feed. You can turn the mail on again in "
        "your preferences.",
        "unknown": "This link is not one of ours",
        "unknown more": "It may have been cut short. Open it from the mail again, or change your "
        "preferences.",
    },
    "uk": {
        "membership": "Членство: прийняття, призупинення, вихід",
        "partnerships": "Партнерства: заявлені, підтверджені, завершені",
        "needs": "Потреби: записані, змінені, забезпечені",
        "projects": "Проєкти: етапи, призупинення, завершення",
        "matches": "Обіцянки та збіги: пропозиції, що чекають відповіді, домовленості, поставки",
        "operations": "Робота системи: що не працює",
        "ask": "Більше не надсилати листів такого виду?",
        "ask more": "Те, що вас стосується, можна й далі читати у вашій стрічці. Листи можна знову "
        "увімкнути в налаштуваннях.",
        "button": "Більше не надсилати",
        "done": "Ви більше не отримуватимете листів такого виду",
        "done more": "Те, що вас стосується, можна й далі читати у вашій стрічці. Листи можна "
        "знову увімкнути в налаштуваннях.",
        "unknown": "Це посилання не наше",
        "unknown more": "Можливо, його обрізано. Відкрийте його з листа ще раз або змініть "
        "налаштування.",
    },
}
"""The words of the page, and of each kind on it."""
