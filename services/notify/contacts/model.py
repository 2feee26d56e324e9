"""How the address behind a contact's reference stands; pure, and without the address."""

from typing import ClassVar, Literal
from uuid import NAMESPACE_URL, uuid5

from shared.errors import Refused
from shared.events.ids import ContactRef
from shared.events.notify import (
    ContactChanged,
    ContactErased,
    ContactExported,
    ContactMail,
    ContactMailFailed,
    ContactMailSent,
    ContactSuspended,
    ContactVerified,
    VerificationAsked,
)
from shared.events.registry import Event
from shared.limiting import TooManyRequests
from shared.log import State

Status = Literal["unverified", "verified", "suspended", "erased"]


class NotUnverified(Refused):
    """Only an address that is not verified yet can be verified."""

    title = "Not to be verified"


class ContactState(State):
    """How an address stands: `due` are the mails about it that are still to be sent, `asked` how
    many mails were asked for to verify this one."""

    what: ClassVar[str] = "contact"

    id: ContactRef
    status: Status = "unverified"
    edition: int = 0
    asked: int = 0
    due: tuple[ContactMail, ...] = ()
    code: int | None = None

    def number(self, mail: ContactMail) -> int:
        """The number of a mail that is due: which of those to this address it is."""
        return self.asked if mail == "verification" else 1


def write(state: ContactState | None, ref: ContactRef, *, same: bool) -> ContactChanged | None:
    """An address is written; None where it is the `same` as before, and is not suspended."""
    if state and state.status in ("unverified", "verified") and same:
        return None
    version = (state.edition if state else 0) + 1
    return ContactChanged(contact_ref=ref, edition=version)


def ask(state: ContactState, asked_before: list[float], limits: "Limits") -> VerificationAsked:
    """Ask for another mail; `asked_before` are the ages in seconds of what was asked within a day.

    Raises NotUnverified, TooManyRequests.
    """
    if state.status != "unverified":
        raise NotUnverified(
            "contact {contact} is {given}: write its address anew to have it verified again"
            if state.status == "suspended"
            else "contact {contact} is {given}: there is nothing to verify",
            contact=state.id,
            given=state.status,
        )
    again = state.asked > 1  # the mail that an address gets when it is written may be lost
    youngest, oldest = min(asked_before, default=DAY), max(asked_before, default=DAY)
    wait = limits.pause - youngest if again else 0.0
    if len(asked_before) >= limits.a_day:
        wait = DAY - oldest
    if wait > 0:
        raise TooManyRequests(
            "a mail to verify it was asked for a short while ago; wait {retry_after} seconds",
            retry_after=max(1, round(wait + 0.5)),
        )
    return VerificationAsked(contact_ref=state.id, edition=state.edition, number=state.asked + 1)


DAY = 86_400.0


class Limits(State):
    """How often a mail to verify an address can be asked for: not within `pause` seconds, and not
    more than so often `a_day`."""

    pause: float
    a_day: int


def verify(state: ContactState | None, version: int) -> ContactVerified | None:
    """Somebody who reads this version of the address says that it is right; None where that is
    known, or where there is another address by now."""
    if state is None or state.status != "unverified" or state.edition != version:
        return None
    return ContactVerified(contact_ref=state.id, edition=version)


def suspend(
    state: ContactState | None, version: int, code: int, *, report: bool
) -> ContactSuspended | None:
    """The mail server has refused this version of the address for good."""
    if state is None or state.edition != version:
        return None
    if state.status not in ("unverified", "verified"):
        return None
    return ContactSuspended(contact_ref=state.id, edition=version, code=code, report=report)


def is_due(state: ContactState, outcome: ContactMailSent | ContactMailFailed) -> bool:
    """Whether the mail that this came of is due: this one, to the address of now."""
    return (
        state.edition == outcome.edition
        and outcome.mail in state.due
        and state.number(outcome.mail) == outcome.number
    )


def mail_id(state: ContactState, mail: ContactMail) -> str:
    """What a mail's Message-ID is made of: the same each time it is tried."""
    of = f"{state.id}:{state.edition}:{mail}:{state.number(mail)}"
    return str(uuid5(NAMESPACE_URL, f"alliance:contact:{of}"))


def evolve(state: ContactState | None, event: Event) -> ContactState:
    """The contact after one of its events."""
    match state, event:
        case _, ContactChanged() as e:
            return ContactState(id=e.contact_ref, edition=e.edition, asked=1, due=("verification",))
        case ContactState(), VerificationAsked() as e:
            return state.model_copy(update={"asked": e.number, "due": ("verification",)})
        case ContactState(), ContactVerified():
            return state.model_copy(update={"status": "verified", "due": ()})
        case ContactState(), ContactSuspended() as e:
            due = ("address-suspended",) if e.report else ()
            return state.model_copy(update={"status": "suspended", "code": e.code, "due": due})
        case ContactState(), ContactMailSent() | ContactMailFailed() as e:
            if not is_due(state, e):
                return state
            return state.model_copy(update={"due": tuple(m for m in state.due if m != e.mail)})
        case ContactState(), ContactExported():
            return state
        case ContactState(), ContactErased():
            return ContactState(id=state.id, status="erased", edition=state.edition)
    raise TypeError(f"{event!r} cannot follow {state!r}")
