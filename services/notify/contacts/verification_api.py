"""The link by which whoever reads an address verifies it.

These routes are plain ones beside the commands: whoever holds the link has no token of the API, and
sees a page. Reading it changes nothing, since scanners of mail follow links; its button does.
"""

from datetime import UTC, datetime
from html import escape

from fastapi import APIRouter, Request, Response
from opentelemetry.trace import SpanKind

from services.notify import pages, vault
from services.notify.contacts import commands
from services.notify.vault import Link
from shared import telemetry
from shared.actor import Actor, Cause, new_correlation
from shared.limiting import Limits
from shared.mongo import Session, Store
from shared.translations import preferred
from shared.uow import UnitOfWork

BY_LINK = Actor("link:verification")
"""Whoever reads a mail and follows its link; nobody knows who that is."""

router = APIRouter(include_in_schema=False)


@router.get("/verifications/{token}")
async def ask(request: Request, token: str) -> Response:
    """A page that asks whether the address is right; it changes nothing."""
    _count(request)
    link = await vault.find_link(request.app.state.store, token)
    now = datetime.now(UTC)
    return _page(request, "ask" if link and link.until > now else _none(link), link)


@router.post("/verifications/{token}")
async def verify(request: Request, token: str) -> Response:
    """Verify the address; again is the same."""
    _count(request)
    store: Store = request.app.state.store
    moment, cause = datetime.now(UTC), Cause(new_correlation())

    async def work(session: Session) -> tuple[str, Link | None, int]:
        records = request.app.state.records
        uow = UnitOfWork(store, session, records, actor=BY_LINK, cause=cause, now=moment)
        link = await vault.find_link(store, token, session)
        if link is None or link.until <= moment:
            return _none(link), link, 0
        verified = await commands.verify(link.contact_ref, link.edition, uow)
        await uow.flush()
        return "done" if verified else "unknown", link, uow.recorded

    with telemetry.span("POST /verifications", SpanKind.SERVER):  # its path would hold the token
        which, link, recorded = await store.transaction(work)
    if recorded:
        for wake in request.app.state.after_commit:
            wake()
    return _page(request, which, link)


def _count(request: Request) -> None:
    limits: Limits = request.app.state.limits
    limits.read(request.client.host if request.client else "")


def _none(link: Link | None) -> str:
    return "expired" if link else "unknown"


def _page(request: Request, which: str, link: Link | None) -> Response:
    language = link.language if link else preferred(request.headers.get("accept-language", ""))
    said = WORDS[language]
    content = f"<p>{escape(said[f'{which} more'])}</p>"
    if which == "ask":
        content += pages.button(said["button"])
    return pages.page(language, said[which], content, STATUS[which])


STATUS = {"ask": 200, "done": 200, "expired": 410, "unknown": 404}

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "ask": "Is this your address?",
        "ask more": "Notices of the Alliance for the Reconstruction of Ukraine are to be sent to "
        "the address at which you got the mail. Nothing is sent until you say yes. If you know "
        "nothing of this, close this page.",
        "button": "Yes, send notices to it",
        "done": "Your address is confirmed",
        "done more": "From now on notices are sent to it. You can close this page.",
        "expired": "This link is too old",
        "expired more": "Ask whoever entered your address to have another mail sent to you.",
        "unknown": "This link is not one of ours",
        "unknown more": "It may have been cut short, or another address was entered since. Open it "
        "from the newest mail.",
    },
    "uk": {
        "ask": "Це ваша адреса?",
        "ask more": "На адресу, на яку ви отримали листа, мають надходити повідомлення Альянсу для "
        "відбудови України. Доки ви не підтвердите, нічого не надсилатиметься. Якщо ви нічого про "
        "це не знаєте, закрийте цю сторінку.",
        "button": "Так, надсилати сюди повідомлення",
        "done": "Вашу адресу підтверджено",
        "done more": "Відтепер повідомлення надходитимуть на неї. Сторінку можна закрити.",
        "expired": "Це посилання застаріло",
        "expired more": "Попросіть того, хто вказав вашу адресу, надіслати вам нового листа.",
        "unknown": "Це посилання не наше",
        "unknown more": "Можливо, його обрізано або відтоді вказано іншу адресу. Відкрийте "
        "посилання з найновішого листа.",
    },
}
"""The words of the page."""
