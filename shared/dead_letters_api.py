"""HTTP of dead letters, for operators: what a consumer could not handle, and what is to be done.

Every service that consumes events has these routes, about its own letters. A letter's id is its
offset in `<consumer>.dead-letters`. Replays are asked for here and done by a worker; `?ask=` shows
how far one is.
"""

import hashlib
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field, model_validator

from shared.actor import Command
from shared.auth import Unauthorized
from shared.dead_letters import Document, RawRecord
from shared.errors import InvalidInput, NotFound, NotYours, Refused
from shared.events.facts import Text
from shared.http import Act, Caller, CommandRoute
from shared.kafka import BrokerAway, RecordGone
from shared.letters import Decision, Letters, LetterSettled, Replaying
from shared.mongo import Store
from shared.openapi import refuses
from shared.uow import UnitOfWork

MOST_SHOWN = 1_048_576
"""Most bytes of a value that are shown."""

router = APIRouter(route_class=CommandRoute, tags=["dead letters"])

LetterId = Annotated[int, Field(ge=0, lt=2**63)]
Place = Annotated[str, Field(min_length=1, max_length=200)]


class BrokerUnavailable(Refused):
    """The broker, which has the letters' bytes, does not answer."""

    status = 503
    title = "Try again soon"

    def __init__(self) -> None:
        super().__init__("the broker does not answer, and it has what letters hold")

    def headers(self) -> dict[str, str]:
        return {"Retry-After": "2"}


class LetterView(BaseModel):
    """A dead letter: what it is about, why it is there, and what became of it."""

    id: int
    state: Literal["waiting", "replayed", "dropped"]
    reason: Literal["not-an-event", "handler-failed", "parked"]
    error: str
    topic: str
    partition: int
    offset: int
    event: str | None = Field(None, description="Source and id of the event, if it is one.")
    type: str | None = None
    source: str | None = None
    subject: str | None = None
    since: str
    replays: int = Field(description="How often it was replayed and failed again.")
    ask: str | None = Field(None, description="The last replay that was asked for.")
    asked_by: str | None = None
    asked_at: str | None = None
    due: bool = Field(False, description="Whether that replay has still to come to it.")
    settled_by: str | None = None
    settled_at: str | None = None
    settled_because: str | None = None

    @classmethod
    def of(cls, note: Document) -> Self:
        """From its note."""
        return cls.model_validate({"id": note["letter"], **note})


class HeaderView(BaseModel):
    """A header of the record as it was found; its value in hex where it is no UTF-8."""

    name: str
    text: str | None = None
    hex: str | None = None


class LetterShown(LetterView):
    """A dead letter with the record's own bytes: as text where they are UTF-8, else in hex."""

    key_hex: str | None = None
    value_text: str | None = None
    value_hex: str | None = None
    value_bytes: int | None = Field(None, description="Absent: the record has no value.")
    value_sha256: str | None = None
    cut: bool = Field(False, description="Whether only the first MiB of the value is shown.")
    headers: list[HeaderView] = []


class ParkedView(BaseModel):
    """A subject whose events wait, the event it waits behind, and how many letters wait."""

    source: str
    subject: str
    behind: str
    since: str
    letters: int
    asked_by: str | None = None


class Asked(BaseModel):
    """A replay that was asked for, and how many letters it is to come to."""

    ask: str
    letters: int


class ReplayLetters(Command):
    """Which letters are to be handled again: a subject's, or, where none is named, all."""

    source: Place | None = None
    subject: Place | None = None

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.source is None) != (self.subject is None):
            field = "/source" if self.source is None else "/subject"
            raise InvalidInput(field, "source and subject are named together, or neither")
        return self


class DropLetter(Command):
    """Why an event is never to be handled."""

    reason: Text


EXAMPLES: dict[str, dict[str, Any]] = {
    "replay_letters": {
        "source": "/projects",
        "subject": "018a0000-0000-7000-8000-000000000004",
    },
    "drop_letter": {"reason": "a test by hand that was no event of ours"},
}


@router.get("/dead-letters")
@refuses(Unauthorized, NotYours)
async def list_letters(
    request: Request,
    response: Response,
    caller: Caller,
    state: Literal["waiting", "replayed", "dropped"] | None = None,
    subject: str | None = None,
    ask: str | None = None,
    cursor: Annotated[
        int | None, Query(ge=0, lt=2**63, description="From the `next` link of the page before.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Most entries of a page.")] = 100,
) -> list[LetterView]:
    """Dead letters in their order, for operators."""
    _must_be_operator(caller)
    asked = {"state": state, "subject": subject, "ask": ask}
    query = {name: value for name, value in asked.items() if value is not None}
    notes = await Letters(_store(request)).find(query, cursor, limit + 1)
    if len(notes) > limit:
        notes.pop()
        kept = [(k, v) for k, v in request.query_params.multi_items() if k != "cursor"]
        following = urlencode([*kept, ("cursor", notes[-1]["letter"])])
        response.headers["Link"] = f'<?{following}>; rel="next"'
    return [LetterView.of(note) for note in notes]


@router.get("/parked-subjects")
@refuses(Unauthorized, NotYours)
async def list_parked(request: Request, caller: Caller) -> list[ParkedView]:
    """Subjects whose events wait behind a dead letter, for operators; the longest parked first."""
    _must_be_operator(caller)
    found = await Letters(_store(request)).subjects()
    return [ParkedView.model_validate(document | {"letters": n}) for document, n in found]


@router.get("/dead-letters/{letter}")
@refuses(Unauthorized, NotYours, BrokerUnavailable)
async def show_letter(
    letter: LetterId, request: Request, response: Response, caller: Caller
) -> LetterShown:
    """A dead letter with the bytes and headers as they came, for operators."""
    _must_be_operator(caller)
    note = await Letters(_store(request)).require(letter)
    replaying: Replaying = request.app.state.replaying
    try:
        record = await replaying.read(note)
    except BrokerAway:
        raise BrokerUnavailable from None
    except RecordGone:
        raise NotFound("dead letter", str(letter)) from None
    response.headers["Cache-Control"] = "no-store"
    return LetterShown.model_validate(LetterView.of(note).model_dump() | _shown(record))


@router.post("/dead-letters/{letter}/replay", status_code=201)
@refuses(NotFound, LetterSettled)
async def replay_letter(letter: LetterId, uow: Act) -> Asked:
    """Have a letter handled again; before it, those of its subject that stand before it."""
    return _asked(await _letters(uow).ask(letter, _decision(uow)))


@router.post("/dead-letters/replay", status_code=201)
@refuses(NotFound)
async def replay_letters(body: ReplayLetters, uow: Act) -> Asked:
    """Have all letters of a subject handled again, those that arrive meanwhile, too; or of all."""
    if body.source is None or body.subject is None:
        return _asked(await _letters(uow).ask_all(_decision(uow)))
    subject = body.source, body.subject
    return _asked(await _letters(uow).ask_subject(subject, _decision(uow)))


@router.post("/dead-letters/{letter}/drop", status_code=201)
@refuses(NotFound, LetterSettled)
async def drop_letter(letter: LetterId, body: DropLetter, uow: Act) -> LetterView:
    """Decide that an event is never handled here. Where nothing else of its subject waits, later
    events of the subject are handled again."""
    return LetterView.of(await _letters(uow).drop(letter, body.reason, _decision(uow)))


def _must_be_operator(caller: Any) -> None:
    if "operator" not in caller.roles:
        raise NotYours("only operators read dead letters")


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


def _letters(uow: UnitOfWork) -> Letters:
    return Letters(uow.store, uow.session)


def _decision(uow: UnitOfWork) -> Decision:
    return Decision(uow.actor.name, uow.now)


def _asked(found: tuple[str, int]) -> Asked:
    ask, letters = found
    return Asked(ask=ask, letters=letters)


def _shown(record: RawRecord) -> Document:
    value: bytes | None = record.value
    found: Document = {
        "key_hex": None if record.key is None else record.key.hex(),
        "headers": [_header(name, said) for name, said in record.headers],
    }
    if value is None:
        return found
    found |= {"value_bytes": len(value), "value_sha256": hashlib.sha256(value).hexdigest()}
    shown = value[:MOST_SHOWN]
    text = _text(shown)
    found |= {"cut": len(shown) < len(value), "value_text": text}
    return found | ({} if text is not None else {"value_hex": shown.hex()})


def _header(name: str, said: bytes | None) -> HeaderView:
    if said is None:
        return HeaderView(name=name)
    text = _text(said)
    return HeaderView(name=name, text=text, hex=said.hex() if text is None else None)


def _text(given: bytes) -> str | None:
    """The text that bytes are in UTF-8; None where they are none."""
    try:
        return given.decode("utf-8")
    except UnicodeDecodeError:
        return None
