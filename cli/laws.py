"""What must hold of matching's log, at every event and at rest: books kept from the events' words.

None of the service's own folding is used, so a defect there is a fault here. No law starts, reads
or waits for anything, so each is tested on logs that are wrong on purpose (tests/cli/test_laws.py).
"""

from collections import Counter, defaultdict
from collections.abc import Sequence

from cli.asked import Asked
from cli.booked import Matched, PledgedLine
from shared.events import Envelope, Event, read_event
from shared.events.ids import MatchId, RoundId
from shared.events.matches import (
    ContributionDelivered,
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
)
from shared.events.pledges import (
    LineAmount,
    PledgeAmended,
    PledgeExpired,
    PledgeMade,
    PledgeWithdrawn,
)
from shared.events.rounds import MatchingRoundCompleted, PledgePassedOver
from shared.lines import minor_units

Pair = tuple[str, int, str, int]
GIVEN_UP = ("need-withdrawn", "project-cancelled")
"""Why an agreed match of which nothing was delivered may be released (decision 0006)."""


class Books:
    """Matching's log, booked event by event; `faults` says what was wrong, and where.

    `asked` is what projects' log says of the needs; without it nothing is known of them, and the
    laws that need it are left out.
    """

    def __init__(self, asked: Asked | None = None) -> None:
        self.faults: list[str] = []
        self.pledges: dict[str, dict[int, PledgedLine]] = {}
        self.closed: dict[str, str] = {}
        self.matches: dict[MatchId, Matched] = {}
        self.covered: Counter[tuple[str, int]] = Counter()
        self.rounds: dict[RoundId, MatchingRoundCompleted] = {}
        self.proposed_in: Counter[RoundId] = Counter()
        self.released_for: Counter[str] = Counter()
        self._asked = asked
        self._live: dict[Pair, MatchId] = {}
        self._served: set[tuple[RoundId, str, int]] = set()
        self._makes_room: dict[MatchId, list[MatchProposed]] = defaultdict(list)
        self._where = ""

    def ends(self) -> Counter[str]:
        """How many matches have each status."""
        return Counter(m.status for m in self.matches.values())

    def book(self, event: Event, position: int) -> None:
        """One event; whatever it touches must be right after it."""
        self._where = f"{position} {event.ce_type().split('.')[1]} {event.subject}"
        match event:
            case PledgeMade() | PledgeAmended():
                self._offer(event)
            case PledgeWithdrawn():
                self._close(event.pledge_id, "withdrawn", event.withdrawn)
            case PledgeExpired():
                self._close(event.pledge_id, "expired", event.expired)
            case MatchingRoundCompleted():
                self._law(event.round_id not in self.rounds, "a round that was completed before")
                self.rounds[event.round_id] = event
            case PledgePassedOver():
                self._law(event.round_id in self.rounds, "its round is not completed before it")
                for lost in event.lines:
                    got = (event.round_id, event.pledge_id, lost.pledge_line) in self._served
                    self._law(not got, f"the round gave something to line {lost.pledge_line}")
            case MatchProposed():
                self._propose(event, position)
            case OfMatch():
                self._go_on(event)
        if (pledge_id := getattr(event, "pledge_id", None)) in self.pledges:
            self._balances(str(pledge_id))

    def _law(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.faults.append(f"{self._where}: {otherwise}")

    # --- pledges --------------------------------------------------------------------------------

    def _offer(self, event: PledgeMade | PledgeAmended) -> None:
        known = self.pledges.get(event.pledge_id, {})
        self._law(event.pledge_id not in self.closed, "the pledge is closed")
        if isinstance(event, PledgeAmended):
            before = tuple(known[n].line for n in known)
            self._law(event.lines_before == before, f"its lines were {before}")
        now = {n.line: PledgedLine(n) for n in event.lines}
        for number, line in known.items():
            if number in now:
                now[number].parts = line.parts
            else:
                self._law(False, f"line {number} is gone")
        self.pledges[event.pledge_id] = now

    def _close(self, pledge_id: str, how: str, taken: Sequence[LineAmount]) -> None:
        self._law(pledge_id not in self.closed, "the pledge is closed")
        self.closed[pledge_id] = how
        for part in taken:
            amount, number = minor_units(part.amount), part.line
            self.pledges[pledge_id][number].parts[how] += amount

    def _balances(self, pledge_id: str) -> None:
        """Pledged = available + reserved + delivered + withdrawn + expired, none below zero."""
        for number, line in self.pledges[pledge_id].items():
            parts = {"available": line.available, **line.parts}
            if min(parts.values()) < 0:
                self._law(False, f"line {number} of {pledge_id} is {parts}")
            if pledge_id in self.closed and line.available:
                self._law(False, f"{line.available} of line {number} is open in a closed pledge")

    # --- matches --------------------------------------------------------------------------------

    def _propose(self, event: MatchProposed, position: int) -> None:
        self._law(event.match_id not in self.matches, "a match that was proposed before")
        pair = _pair(event)
        self._law(pair not in self._live, f"a second live match of {pair}")
        self._law(event.pledge_id not in self.closed, "the pledge is closed")
        line = self.pledges[event.pledge_id][event.pledge_line]
        reserved, covers = minor_units(event.reserved), minor_units(event.covers)
        self._law(reserved > 0 and covers > 0, "it reserves or covers nothing")
        if line.line.indivisible:
            self._law(reserved == minor_units(line.line.amount), "part of an indivisible line")
        if line.line.minimum is not None:
            self._law(reserved >= minor_units(line.line.minimum), "less than the line's minimum")
        for displaced in self._makes_room.pop(event.match_id, ()):
            shared = (_pair(displaced)[:2], _pair(displaced)[2:])
            self._law(pair[:2] == shared[0] or pair[2:] == shared[1], "it displaced a stranger")
        self.matches[event.match_id] = Matched(event)
        self._live[pair] = event.match_id
        line.parts["reserved"] += reserved
        self.covered[event.need_id, event.need_line] += covers
        if event.round_id is not None:
            self._in_a_round(event, event.round_id)
        if self._asked is not None:
            self._law_of_coverage(self._asked, event, position)

    def _in_a_round(self, event: MatchProposed, round_id: RoundId) -> None:
        self.proposed_in[round_id] += 1
        self._served.add((round_id, event.pledge_id, event.pledge_line))
        if (completed := self.rounds.get(round_id)) is None:
            self._law(False, f"round {round_id} is not completed before it")
        else:
            most = completed.decision.matches
            self._law(self.proposed_in[round_id] <= most, f"its round decided {most} matches")

    def _law_of_coverage(self, asked: Asked, event: MatchProposed, position: int) -> None:
        """Proposed + agreed + delivered is at most what is asked, as matching knew it then."""
        taken = self.covered[event.need_id, event.need_line]
        completed = self.rounds.get(event.round_id) if event.round_id else None
        if completed is not None:
            limit = asked.as_seen(event.need_id, event.need_line, completed.decision.seen)
        else:
            limit = asked.most_by_hand(event.need_id, event.need_line, position)
        self._law(taken <= limit, f"line {event.need_line}: {taken} is taken of {limit} asked")

    def _go_on(self, event: OfMatch) -> None:
        match = self.matches.get(event.match_id)
        if match is None:
            self._law(False, "before its match was proposed")
            return
        said = [getattr(event, n) == getattr(match.proposal, n) for n in OfMatch.model_fields]
        self._law(all(said), "it names another pair or amount than its proposal")
        if not match.live:
            self._law(False, f"after the match was {match.status}")
            return
        may = "proposed"
        match event:
            case MatchAgreed():
                self._law(len(match.accepted) == 2, f"only {match.accepted} accepted")
            case MatchAccepted():
                side = {"partner": event.partner_id, "ukraine": event.authority_id}[event.side]
                self._law(event.accepted_by == side, "accepted by somebody else")
                self._law(event.side not in match.accepted, "that side accepted before")
            case MatchReleased():
                may = event.was
                if event.was == "agreed":
                    self._law(event.cause in GIVEN_UP, f"agreed, and {event.cause}")
                    self._law(not match.delivered, "part of it was delivered")
                if event.cause == "displaced":
                    self._law(not match.accepted, f"displaced, and {match.accepted} accepted")
                    self._law(event.displaced_by is not None, "displaced by nothing")
            case MatchFlagged() | MatchUnflagged() | ContributionDelivered():
                may = "agreed"
        self._law(match.status == may, f"the match was {match.status}, not {may}")
        self._move(match, event)

    def _move(self, match: Matched, event: OfMatch) -> None:
        held, covered = match.held, match.covered
        line = self.pledges[event.pledge_id][event.pledge_line]
        match event:
            case MatchAccepted():
                match.accepted.add(event.side)
            case MatchAgreed():
                match.status = "agreed"
            case MatchDeclined():
                match.status = "declined"
            case MatchLapsed():
                match.status = "lapsed"
            case MatchReleased():
                match.status = "released"
                self.released_for[event.cause] += 1
                if event.displaced_by is not None:
                    self._law(event.displaced_by not in self.matches, "displaced too late")
                    self._makes_room[event.displaced_by].append(match.proposal)
            case ContributionDelivered():
                match.delivered += minor_units(event.delivered)
                match.delivered_covers += minor_units(event.delivered_covers)
                self._law(match.held == minor_units(event.rest), f"{match.held} is to come")
                whole = match.delivered_covers == minor_units(event.covers)
                self._law(whole or match.held > 0, "all has arrived and does not cover it all")
                line.parts["delivered"] += minor_units(event.delivered)
                match.status = "agreed" if match.held else "delivered"
            case MatchLapsesSoon() | MatchFlagged() | MatchUnflagged():
                return
        gone = match.status in ("declined", "lapsed", "released") and event.pledge_id in self.closed
        line.parts["reserved"] -= held - match.held
        if gone:
            line.parts[self.closed[event.pledge_id]] += held
        self.covered[event.need_id, event.need_line] -= covered - match.covered
        if not match.live:
            del self._live[_pair(match.proposal)]

    # --- at rest --------------------------------------------------------------------------------

    def at_rest(self) -> None:
        """What need not hold while services wait for each other's events, and must in the end."""
        self._where = "at rest"
        for match_id in self._makes_room:
            self._law(False, f"{match_id} displaced others and was never proposed")
        if self._asked is None:
            return
        for (need_id, number), covered in self.covered.items():
            # One that is given up is not raised to what was agreed meanwhile: what began to arrive
            # stays, and nothing else does.
            given_up = need_id in self._asked.given_up
            limit = (self._asked.ever if given_up else self._asked.now)(need_id, number)
            self._law(covered <= limit, f"line {number} of {need_id}: {covered} of {limit} asked")
        for match_id, match in self.matches.items():
            lost = match.live and not match.delivered
            if lost and match.proposal.need_id in self._asked.given_up:
                self._law(False, f"{match_id} is {match.status}, and its need was given up")


def _pair(event: MatchProposed) -> Pair:
    return event.pledge_id, event.pledge_line, event.need_id, event.need_line


def kept(matching: Sequence[Envelope], asked: Asked | None = None) -> Books:
    """The books of a whole log, in the order of its positions, and what must hold at rest."""
    books = Books(asked)
    for position, envelope in enumerate(matching):
        books.book(read_event(envelope), position)
    books.at_rest()
    return books
