"""Pledges and rates: state and decisions, pure. Matches and coverage are in matches.py.

Amounts are counted as whole numbers of the line's smallest unit (cents, pieces, person-days). At
every event, for every line: pledged = available + reserved + delivered + withdrawn + expired.
"""

from collections.abc import Sequence
from datetime import date
from typing import ClassVar, Literal

from services.matching.knowledge import Party
from shared.codelists import asked_chain
from shared.days import asked_day
from shared.errors import InvalidInput, NotYours, Refused
from shared.events.facts import DecimalRate, LocalisedText, PledgeLine
from shared.events.ids import MemberId, PledgeId, RatesId
from shared.events.matches import (
    ContributionDelivered,
    MatchDeclined,
    MatchLapsed,
    MatchProposed,
    MatchReleased,
)
from shared.events.pledges import (
    Earmark,
    LineAmount,
    PledgeAmended,
    PledgeExpired,
    PledgeMade,
    PledgeWithdrawn,
)
from shared.events.rounds import PledgePassedOver, RatesSet
from shared.lines import Line, check_lines, kept_lines, minor_units, of_minor_units
from shared.log import State


class Balance(State):
    """One pledge line and where its amount is, in smallest units."""

    line: PledgeLine
    reserved: int = 0
    delivered: int = 0
    withdrawn: int = 0
    expired: int = 0

    @property
    def pledged(self) -> int:
        """All that was offered."""
        return minor_units(self.line.amount)

    @property
    def available(self) -> int:
        """What can still be reserved."""
        gone = self.delivered + self.withdrawn + self.expired
        return self.pledged - self.reserved - gone


PledgeStatus = Literal["open", "withdrawn", "expired"]


class Pledge(State):
    """What one partner offers."""

    what: ClassVar[str] = "pledge"

    id: PledgeId
    partner_id: MemberId
    status: PledgeStatus
    title: LocalisedText
    balances: tuple[Balance, ...]
    earmark: Earmark
    conditions: str | None = None
    valid_from: str | None = None
    valid_until: str | None = None
    amendments: int = 0

    def balance(self, line: int) -> Balance:
        """The balance of one line. Raises LookupError."""
        for balance in self.balances:
            if balance.line.line == line:
                return balance
        raise LookupError(f"pledge {self.id} has no line {line}")


class Rates(State):
    """One recorded set of exchange rates: units of each currency for one euro."""

    what: ClassVar[str] = "set of rates"

    id: RatesId
    date: str
    source: str
    per_eur: dict[str, DecimalRate]


class NotAPartner(Refused):
    """Only an admitted member of the partner side pledges."""

    status = 403
    title = "Only an admitted partner may do this"


class PledgeClosed(Refused):
    """The pledge was withdrawn or has expired."""

    title = "The pledge is closed"


class PledgeCommitted(Refused):
    """What is agreed or delivered of a pledge cannot be taken back."""

    title = "Part of the pledge is agreed or delivered"


def make(pledge: PledgeMade, partner: Party, today: date) -> PledgeMade:
    """A partner offers something. Raises NotAPartner, InvalidInput."""
    if partner.side != "partner" or partner.status != "admitted":
        raise NotAPartner(
            "{partner} is {state}, side {side}",
            partner=partner.id,
            state=partner.status,
            side=partner.side,
        )
    check_lines(pledge.lines)
    begins = asked_day(pledge.valid_from, "/valid_from") if pledge.valid_from else today
    if pledge.valid_until is not None:
        asked_day(pledge.valid_until, "/valid_until", earliest=max(today, begins))
    for index, code in enumerate(pledge.earmark.territories):
        asked_chain(code, f"/earmark/territories/{index}")
    return pledge


def amend(
    pledge: Pledge, by: MemberId, lines: tuple[Line, ...], agreed: dict[int, int], reason: str
) -> PledgeAmended:
    """The partner changes what its lines hold; `agreed` is what of each must stay.

    Raises NotYours, PledgeClosed, PledgeCommitted, InvalidInput.
    """
    _open(pledge, by)
    before = tuple(b.line for b in pledge.balances)
    check_lines(lines, before)
    for line, now in kept_lines(before, lines):
        number, balance = line.line, pledge.balance(line.line)
        kept = agreed.get(number, 0) + balance.delivered + balance.withdrawn
        if minor_units(now.amount) < kept:
            raise PledgeCommitted(
                "line {number} cannot shrink below what is agreed, delivered or withdrawn",
                field="/lines",
                given=str(now.amount),
                allowed={"minimum": str(of_minor_units(kept, now.amount))},
                number=number,
            )
    return PledgeAmended(
        pledge_id=pledge.id,
        partner_id=pledge.partner_id,
        lines=lines,
        lines_before=before,
        reason=reason,
    )


def withdraw(pledge: Pledge, by: MemberId, reason: str) -> PledgeWithdrawn:
    """The partner takes back what is available; its proposals were released before.

    Raises NotYours, PledgeClosed.
    """
    _open(pledge, by)
    return PledgeWithdrawn(
        pledge_id=pledge.id,
        partner_id=pledge.partner_id,
        withdrawn=_available(pledge),
        reason=reason,
    )


def expire(pledge: Pledge, today: date) -> list[PledgeExpired]:
    """What is available ends with the pledge's last day; its proposals were released before."""
    last = pledge.valid_until
    if pledge.status != "open" or last is None or last >= today.isoformat():
        return []
    return [
        PledgeExpired(
            pledge_id=pledge.id,
            partner_id=pledge.partner_id,
            valid_until=last,
            expired=_available(pledge),
        )
    ]


def _available(pledge: Pledge) -> tuple[LineAmount, ...]:
    return tuple(
        LineAmount(line=b.line.line, amount=of_minor_units(b.available, b.line.amount))
        for b in pledge.balances
        if b.available
    )


def _open(pledge: Pledge, by: MemberId) -> None:
    if by != pledge.partner_id:
        raise NotYours(
            "pledge {pledge} belongs to {partner_id}",
            pledge=pledge.id,
            partner_id=pledge.partner_id,
        )
    if pledge.status != "open":
        raise PledgeClosed("pledge {pledge} is {state}", pledge=pledge.id, state=pledge.status)


def _moved(pledge: Pledge, line: int, **by: int) -> Pledge:
    """The pledge with one line's balance changed; a balance below zero is a defect, not a state."""
    changed = []
    for before in pledge.balances:
        if before.line.line != line:
            changed.append(before)
            continue
        after = before.model_copy(update={k: getattr(before, k) + v for k, v in by.items()})
        parts = (after.available, after.reserved, after.delivered, after.withdrawn, after.expired)
        if min(parts) < 0:
            raise ArithmeticError(f"line {line} of pledge {pledge.id} would be {after!r}")
        changed.append(after)
    return pledge.model_copy(update={"balances": tuple(changed)})


def evolve_pledge(pledge: Pledge | None, event: object) -> Pledge:
    """The pledge after one of its events, or of its matches'."""
    match pledge, event:
        case None, PledgeMade() as e:
            return Pledge(
                id=e.pledge_id,
                partner_id=e.partner_id,
                status="open",
                title=e.title,
                balances=tuple(Balance(line=line) for line in e.lines),
                earmark=e.earmark,
                conditions=e.conditions,
                valid_from=e.valid_from,
                valid_until=e.valid_until,
            )
        case Pledge(), PledgeAmended() as e:
            known = {b.line.line: b for b in pledge.balances}
            balances = tuple(
                known[n.line].model_copy(update={"line": n}) if n.line in known else Balance(line=n)
                for n in e.lines
            )
            amended = {"balances": balances, "amendments": pledge.amendments + 1}
            return pledge.model_copy(update=amended)
        case Pledge(), PledgePassedOver():
            return pledge
        case Pledge(), PledgeWithdrawn() as e:
            for taken in e.withdrawn:
                pledge = _moved(pledge, taken.line, withdrawn=minor_units(taken.amount))
            return pledge.model_copy(update={"status": "withdrawn"})
        case Pledge(), PledgeExpired() as e:
            for ended in e.expired:
                pledge = _moved(pledge, ended.line, expired=minor_units(ended.amount))
            return pledge.model_copy(update={"status": "expired"})
        case Pledge(), MatchProposed() as e:
            return _moved(pledge, e.pledge_line, reserved=minor_units(e.reserved))
        case Pledge(), MatchDeclined() | MatchLapsed() | MatchReleased() as e:
            free = minor_units(e.reserved)
            gone = {} if pledge.status == "open" else {pledge.status: free}
            return _moved(pledge, e.pledge_line, reserved=-free, **gone)
        case Pledge(), ContributionDelivered() as e:
            part = minor_units(e.delivered)
            return _moved(pledge, e.pledge_line, reserved=-part, delivered=part)
    raise TypeError(f"{event!r} cannot follow {pledge!r}")


def evolve_rates(rates: Rates | None, event: object) -> Rates:
    """A set of rates, as recorded."""
    match rates, event:
        case None, RatesSet() as e:
            return Rates(id=e.rates_id, date=e.date, source=e.source, per_eur=e.per_eur)
    raise TypeError(f"{event!r} cannot follow {rates!r}")


def check_rates(per_eur: dict[str, DecimalRate], known: Sequence[str]) -> None:
    """Every rate is above zero and of an active currency. Raises InvalidInput."""
    if "EUR" in per_eur:
        raise InvalidInput("/per_eur/EUR", "the euro is what the others are counted in")
    for code, rate in per_eur.items():
        if code not in known:
            raise InvalidInput(f"/per_eur/{code}", "this is no active currency", code)
        if rate <= 0:
            raise InvalidInput(f"/per_eur/{code}", "must be more than 0", format(rate, "f"))
