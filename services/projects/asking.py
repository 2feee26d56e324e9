"""Asking: decisions about a need until work on it begins, pure. What follows is in model.py."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from services.projects.knowledge import Authority, Commitment
from services.projects.model import (
    Need,
    NeedCommitted,
    NotAnAuthority,
    must_be_in,
    must_own,
)
from shared.codelists import HROMADA_LEVEL, INSIDE_A_HROMADA, chain, find_place, places
from shared.days import asked_day
from shared.errors import InvalidInput
from shared.events.facts import Katottg, RequirementLine, Site, Urgency
from shared.events.ids import MemberId
from shared.events.projects import NeedAmended, NeedPosted, NeedWithdrawn
from shared.lines import Line, check_lines, kept_lines, minor_units, of_minor_units

WAR_BEGAN = date(2014, 2, 20)
"""The day from which damage is the war's: the beginning of the occupation of Crimea."""

BOUNDS = {
    "latitude": (Decimal("44.0"), Decimal("52.5")),
    "longitude": (Decimal("22.0"), Decimal("40.3")),
}
"""A box around Ukraine within its recognised borders, in degrees."""


def place(given: str, authority: Authority) -> tuple[Katottg, ...]:
    """The chain of a need's place, by its code or name.

    Raises InvalidInput: none or several are called so, it is too wide, or someone else's.
    """
    found = chain(find_place(given, "/place"))
    own = [c for c in authority.territory if places()[c].category in HROMADA_LEVEL]
    if authority.territory and not set(own) & set(found) and authority.territory[0] not in found:
        raise InvalidInput(
            "/place", "the place is not in the authority's territory", given, authority.territory[0]
        )
    return found


def post(need: NeedPosted, authority: Authority, today: date) -> NeedPosted:
    """An authority asks for something. Raises NotAnAuthority, InvalidInput."""
    must_be_authority(authority)
    check_lines(need.lines)
    if need.urgency in ("high", "critical") and need.urgency_reason is None:
        raise InvalidInput("/urgency_reason", "say why it is urgent", None, "a text")
    if need.damage_date is not None:
        asked_day(need.damage_date, "/damage_date", earliest=WAR_BEGAN, latest=today)
    _check_site(need.site, need.site_withheld)
    return need


def must_be_authority(authority: Authority) -> None:
    """Whoever asks, changes what it asks or begins work is an admitted Ukrainian member.

    Raises NotAnAuthority.
    """
    if authority.side != "ukraine" or authority.status != "admitted":
        raise NotAnAuthority(
            "{authority} is {state}, side {side}",
            authority=authority.id,
            state=authority.status,
            side=authority.side,
        )


def _check_site(site: Site | None, withheld: bool) -> None:
    if site is None:
        if withheld:
            raise InvalidInput("/site", "there is no site to withhold", None, "an address or point")
        return
    if site.description is None and site.coordinates is None:
        raise InvalidInput("/site", "names neither an address nor a point")
    if site.coordinates is not None:
        for name, (least, most) in BOUNDS.items():
            given = getattr(site.coordinates, name)
            if not least <= given <= most:
                raise InvalidInput(
                    f"/site/coordinates/{name}",
                    "does not lie in Ukraine",
                    format(given, "f"),
                    {"from": str(least), "until": str(most)},
                )


def public(need: NeedPosted) -> NeedPosted:
    """What is published of a need: of a place whose site is withheld, the hromada only."""
    if not need.site_withheld:
        return need
    wide = [c for c in need.territory if places()[c].category not in INSIDE_A_HROMADA]
    return need.model_copy(update={"site": None, "territory": tuple(wide)})


def amend(
    need: Need,
    by: MemberId,
    commitments: Sequence[Commitment],
    reason: str,
    lines: tuple[Line, ...] | None,
    urgency: Urgency | None,
) -> NeedAmended:
    """The owner changes lines or urgency; what is agreed stays covered.

    Raises NotYours, NeedClosed, NeedCommitted, InvalidInput.
    """
    must_own(need, by)
    must_be_in(need, "identification", "preparation", "implementation", "suspended")
    if lines is None and urgency is None:
        raise InvalidInput("/", "nothing to amend", None, "lines or urgency")
    if lines is not None:
        check_lines(lines, need.lines)
        _keeps_agreed(need, lines, commitments)
    return NeedAmended(
        need_id=need.id,
        authority_id=need.authority_id,
        reason=reason,
        lines=lines,
        lines_before=need.lines if lines is not None else None,
        urgency=urgency,
        urgency_before=need.urgency if urgency is not None else None,
    )


def _keeps_agreed(need: Need, lines: Sequence[Line], commitments: Sequence[Commitment]) -> None:
    for before, now in kept_lines(need.lines, lines):
        agreed = _agreed(before, commitments)
        if agreed > minor_units(now.amount):
            raise NeedCommitted(
                "line {line} cannot shrink below what is agreed",
                field="/lines",
                given=str(now.amount),
                allowed={"minimum": str(of_minor_units(agreed, before.amount))},
                line=before.line,
            )


def _agreed(line: Line, commitments: Sequence[Commitment]) -> int:
    """What is agreed of a line, in smallest units."""
    return sum(minor_units(c.covers) for c in commitments if c.need_line == line.line)


def honour(need: Need, commitments: Sequence[Commitment]) -> list[NeedAmended]:
    """Raise lines that were amended below what was agreed at the same moment.

    Matching learns of an amendment a little later than it is recorded; what it agreed in between
    is a commitment, and stays covered.
    """
    raised: list[RequirementLine] = []
    for line in need.lines:
        agreed = _agreed(line, commitments)
        short = agreed > minor_units(line.amount)
        amount = of_minor_units(agreed, line.amount) if short else line.amount
        raised.append(line.model_copy(update={"amount": amount}))
    if tuple(raised) == need.lines:
        return []
    return [
        NeedAmended(
            need_id=need.id,
            authority_id=need.authority_id,
            reason="agreed before the amendment was known: what is agreed stays covered",
            lines=tuple(raised),
            lines_before=need.lines,
        )
    ]


def withdraw(
    need: Need, by: MemberId, commitments: Sequence[Commitment], reason: str
) -> NeedWithdrawn:
    """The owner asks no more. Raises NotYours, NeedClosed, NeedCommitted."""
    must_own(need, by)
    must_be_in(need, "identification", "preparation")
    if commitments:
        raise NeedCommitted(
            "{count} matches are agreed for need {need}", need=need.id, count=len(commitments)
        )
    return NeedWithdrawn(need_id=need.id, authority_id=need.authority_id, reason=reason)
