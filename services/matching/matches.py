"""Matches, and the rounds that propose them: state and decisions, pure.

A match reserves in the pledge's currency or unit and covers in the need's.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import ClassVar, Literal

from services.matching.knowledge import Requirement
from services.matching.model import Pledge
from shared.errors import InvalidInput, NotYours, Refused
from shared.events.envelope import rfc3339
from shared.events.facts import Amount, LineNumber, Moment, Money, Side
from shared.events.ids import MatchId, MemberId, NeedId, PledgeId, RoundId
from shared.events.matches import (
    Amendments,
    ContributionDelivered,
    Explanation,
    FlagCause,
    MatchAccepted,
    MatchAgreed,
    MatchDeclined,
    MatchFlagged,
    MatchLapsed,
    MatchLapsesSoon,
    MatchProposed,
    MatchReleased,
    MatchUnflagged,
    OfMatch,
    ReleaseCause,
    UsedRate,
)
from shared.events.rounds import MatchingRoundCompleted, MatchingRoundRequested, RoundDecision
from shared.lines import is_whole, minor_units, of_minor_units, unit_of
from shared.log import State

MatchStatus = Literal["proposed", "agreed", "delivered", "declined", "lapsed", "released"]


class Flag(State):
    """One side of an agreed match is suspended, or has left; gone with the match's end."""

    member_id: MemberId
    cause: FlagCause
    reason: str


class Match(State):
    """A reserved part of one pledge line for one requirement line; live until it ends.

    `amended` is how often its pledge and need had been amended when it was declined or lapsed.
    """

    what: ClassVar[str] = "match"

    id: MatchId
    pledge_id: PledgeId
    pledge_line: LineNumber
    partner_id: MemberId
    need_id: NeedId
    need_line: LineNumber
    authority_id: MemberId
    reserved: Amount
    covers: Amount
    rate: UsedRate | None = None
    round_id: RoundId | None = None
    explanation: Explanation
    unit_value: Money | None = None
    lapses_at: Moment | None = None
    proposed_by: MemberId | None = None
    reason: str | None = None
    status: MatchStatus = "proposed"
    live: bool = True
    accepted: tuple[Side, ...] = ()
    reminded: bool = False
    amended: Amendments | None = None
    delivered: int = 0
    delivered_covers: int = 0
    flags: tuple[Flag, ...] = ()

    def of(self) -> dict[str, object]:
        """What every event of this match names."""
        return {
            "match_id": self.id,
            **{name: getattr(self, name) for name in OfMatch.model_fields if name != "match_id"},
        }


class Round(State):
    """One matching round: asked for by an operator, or decided by itself."""

    what: ClassVar[str] = "round"

    id: RoundId
    status: Literal["requested", "completed"]
    reason: str | None = None
    decision: RoundDecision | None = None


class MatchClosed(Refused):
    """The match's status does not allow this."""

    title = "The match's status does not allow this"


def side_of(match: Match, member: MemberId) -> Side:
    """Which side of a match a member is. Raises NotYours."""
    if member == match.partner_id:
        return "partner"
    if member == match.authority_id:
        return "ukraine"
    raise NotYours(
        "match {match} is between {partner_id} and {authority_id}",
        match=match.id,
        partner_id=match.partner_id,
        authority_id=match.authority_id,
    )


def _is(match: Match, status: MatchStatus) -> None:
    if match.status != status:
        raise MatchClosed(
            "match {match} is {given}, not {allowed}",
            given=match.status,
            allowed=status,
            match=match.id,
        )


def _accepted_already(match: Match, side: Side) -> MatchClosed:
    return MatchClosed(
        "side {given} has accepted match {match} already", given=side, match=match.id
    )


def accept(match: Match, by: MemberId) -> list[MatchAccepted | MatchAgreed]:
    """One side says yes; with the other's yes it is agreed. Raises NotYours, MatchClosed."""
    side = side_of(match, by)
    _is(match, "proposed")
    if side in match.accepted:
        raise _accepted_already(match, side)
    accepted = MatchAccepted.model_validate(match.of() | {"side": side, "accepted_by": by})
    if not match.accepted:
        return [accepted]
    return [accepted, MatchAgreed.model_validate(match.of())]


def decline(
    match: Match, by: MemberId, reason: str, amended: Amendments = Amendments()
) -> MatchDeclined:
    """One side says no. Raises NotYours, MatchClosed."""
    side = side_of(match, by)
    _is(match, "proposed")
    return MatchDeclined.model_validate(
        match.of() | {"side": side, "declined_by": by, "reason": reason, "amended": amended}
    )


def lapses_at(now: datetime, days: float) -> str:
    """The moment at which what is proposed now lapses: RFC 3339, UTC."""
    return rfc3339(now + timedelta(days=days))


def remind(match: Match) -> MatchLapsesSoon:
    """Say once that a proposal lapses soon. Raises MatchClosed."""
    _is(match, "proposed")
    return MatchLapsesSoon.model_validate(
        match.of() | {"accepted": match.accepted, "lapses_at": match.lapses_at}
    )


def lapse(match: Match, amended: Amendments) -> MatchLapsed:
    """End a proposal that was not agreed in its time. Raises MatchClosed."""
    _is(match, "proposed")
    return MatchLapsed.model_validate(match.of() | {"accepted": match.accepted, "amended": amended})


def amendments(pledge: Pledge, need: Requirement) -> Amendments:
    """How often the two sides of a pair have been amended."""
    return Amendments(pledge=pledge.amendments, need=need.amendments)


def bars(match: Match, pledge: Pledge, need: Requirement) -> bool:
    """Whether a round may not propose a pair because of this match of its lines: it is live, or
    was declined or lapsed, and neither side was amended since."""
    return match.live or match.amended == amendments(pledge, need)


def release(
    match: Match, cause: ReleaseCause, reason: str, displaced_by: MatchId | None = None
) -> MatchReleased:
    """End a proposal because one of its ends changed, or because a pair of a higher tier takes its
    place, which it does only while neither side has accepted. Raises MatchClosed.

    An agreed match of which nothing was delivered ends so where its project is given up, or its
    need withdrawn: projects refuses that once it knows of the agreement, so the two happened at
    the same moment, and the owner's word stands.
    """
    given_up = cause in ("need-withdrawn", "project-cancelled")
    if not given_up or match.status != "agreed" or match.delivered:
        _is(match, "proposed")
    if cause == "displaced" and match.accepted:
        raise _accepted_already(match, match.accepted[0])
    facts = {"cause": cause, "was": match.status, "reason": reason, "displaced_by": displaced_by}
    return MatchReleased.model_validate(match.of() | facts)


def release_until(
    proposals: Iterable[Match], excess: int, cause: ReleaseCause, reason: str, *, covers: bool
) -> list[MatchReleased]:
    """Release the newest proposals of a line until `excess` smallest units are free.

    `covers`: count in the need's units, else in the pledge's.
    """
    released = []
    for match in sorted(proposals, key=lambda m: m.id, reverse=True):
        if excess <= 0:
            break
        released.append(release(match, cause, reason))
        excess -= minor_units(match.covers if covers else match.reserved)
    return released


def flag(match: Match, member: MemberId, cause: FlagCause, reason: str) -> MatchFlagged:
    """Say that an agreed match goes on although one side was suspended or left.

    Raises MatchClosed.
    """
    _is(match, "agreed")
    return MatchFlagged.model_validate(
        match.of() | {"member_id": member, "cause": cause, "reason": reason}
    )


def unflag(match: Match, member: MemberId, reason: str) -> list[MatchUnflagged]:
    """Say that a flagged side is a member in good standing again; nothing if it has no flag."""
    if member not in [f.member_id for f in match.flags]:
        return []
    return [MatchUnflagged.model_validate(match.of() | {"member_id": member, "reason": reason})]


def deliver(
    match: Match, by: MemberId, amount: Amount | None, date: str, scope: str
) -> ContributionDelivered:
    """The authority says that all or part of an agreed match has arrived (None: all the rest).

    The last part covers what is left to cover, so the parts add up to the whole.
    Raises NotYours, MatchClosed, InvalidInput.
    """
    if side_of(match, by) != "ukraine":
        raise NotYours(
            "delivery of match {match} is confirmed by {authority_id}",
            match=match.id,
            authority_id=match.authority_id,
        )
    _is(match, "agreed")
    whole, cover = minor_units(match.reserved), minor_units(match.covers)
    rest, rest_cover = whole - match.delivered, cover - match.delivered_covers
    part = rest if amount is None else minor_units(amount)
    if amount is not None and unit_of(amount) != unit_of(match.reserved):
        raise InvalidInput(
            "/amount", "is not counted as the match is", str(amount), [unit_of(match.reserved)]
        )
    if isinstance(amount, Money) and not is_whole(amount):
        raise InvalidInput("/amount/amount", "has more decimals than its currency", str(amount))
    if not 0 < part <= rest:
        raise InvalidInput(
            "/amount",
            "is not between nothing and what is still to come",
            str(amount),
            {"maximum": str(of_minor_units(rest, match.reserved))},
        )
    part_cover = rest_cover if part == rest else cover * part // whole
    return ContributionDelivered.model_validate(
        match.of()
        | {
            "delivered": of_minor_units(part, match.reserved),
            "delivered_covers": of_minor_units(part_cover, match.covers),
            "rest": of_minor_units(rest - part, match.reserved),
            "date": date,
            "scope": scope,
        }
    )


def evolve_match(match: Match | None, event: object) -> Match:
    """The match after one of its events."""
    match match, event:
        case None, MatchProposed() as e:
            facts = {name: getattr(e, name) for name in MatchProposed.model_fields}
            return Match(id=facts.pop("match_id"), **facts)
        case Match(), MatchAccepted() as e:
            return match.model_copy(update={"accepted": tuple(sorted((*match.accepted, e.side)))})
        case Match(), MatchAgreed():
            return match.model_copy(update={"status": "agreed"})
        case Match(), MatchLapsesSoon():
            return match.model_copy(update={"reminded": True})
        case Match(), MatchDeclined() | MatchLapsed() as e:
            status = "declined" if isinstance(e, MatchDeclined) else "lapsed"
            ended = {"status": status, "live": False, "amended": e.amended}
            return match.model_copy(update=ended)
        case Match(), MatchReleased():
            return match.model_copy(update={"status": "released", "live": False, "flags": ()})
        case Match(), MatchFlagged() as e:
            raised = Flag(member_id=e.member_id, cause=e.cause, reason=e.reason)
            return match.model_copy(update={"flags": (*_others(match, e.member_id), raised)})
        case Match(), MatchUnflagged() as e:
            return match.model_copy(update={"flags": _others(match, e.member_id)})
        case Match(), ContributionDelivered() as e:
            whole = minor_units(e.rest) == 0
            return match.model_copy(
                update={
                    "delivered": match.delivered + minor_units(e.delivered),
                    "delivered_covers": match.delivered_covers + minor_units(e.delivered_covers),
                    "status": "delivered" if whole else "agreed",
                    "live": not whole,
                    "flags": () if whole else match.flags,
                }
            )
    raise TypeError(f"{event!r} cannot follow {match!r}")


def _others(match: Match, member: MemberId) -> tuple[Flag, ...]:
    """The flags that a match has for its other side."""
    return tuple(f for f in match.flags if f.member_id != member)


def evolve_round(round_: Round | None, event: object) -> Round:
    """A round, as recorded."""
    match round_, event:
        case None, MatchingRoundRequested() as e:
            return Round(id=e.round_id, status="requested", reason=e.reason)
        case None, MatchingRoundCompleted() as e:
            return Round(id=e.round_id, status="completed", decision=e.decision)
        case Round(status="requested"), MatchingRoundCompleted() as e:
            return round_.model_copy(update={"status": "completed", "decision": e.decision})
    raise TypeError(f"{event!r} cannot follow {round_!r}")
