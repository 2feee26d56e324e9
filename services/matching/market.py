"""From what matching has folded to the problem of a round: pure, so an auditor can do it again.

Only what can matter is in a problem: open pledge lines with something available, open requirement
lines with something uncovered, and those with a proposal that may still give way.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from services.matching import matches as match_rules
from services.matching.coverage import Coverage
from services.matching.engine import Ask, Offer, Problem, Standing
from services.matching.engine.problem import FUNDING, Measure
from services.matching.engine.problem import Rates as EngineRates
from services.matching.engine.rule import record
from services.matching.histories import History
from services.matching.knowledge import BARRED, Party, Requirement, Twinning
from services.matching.matches import Match
from services.matching.model import Balance, Pledge, Rates
from shared.codelists import places
from shared.events.facts import FundingLine, Money, RequirementLine
from shared.events.ids import Id, MemberId, NeedId, PledgeId
from shared.events.matches import UsedRate
from shared.lines import Line, minor_units, unit_of


@dataclass
class Market:
    """Everything that matching knows that a round may rest on, by id."""

    pledges: Mapping[PledgeId, Pledge]
    needs: Mapping[NeedId, Requirement]
    coverages: Mapping[NeedId, Coverage]
    matches: Sequence[Match] = ()
    parties: Mapping[MemberId, Party] = field(default_factory=dict)
    histories: Mapping[MemberId, History] = field(default_factory=dict)
    twinnings: Sequence[Twinning] = ()
    rates: Rates | None = None

    def coverage(self, need_id: NeedId) -> Coverage:
        """How much of a need is covered."""
        return self.coverages.get(need_id) or Coverage(id=need_id)

    def good(self, member: MemberId) -> bool:
        """Whether something new may be matched for a member; who is not known yet is not barred."""
        party = self.parties.get(member)
        return party is None or party.status not in BARRED

    def record(self, member: MemberId) -> int:
        """A member's record, 0 to 1,000."""
        found = self.histories.get(member) or History(id=member)
        return record(found.delivered, found.declined, found.lapsed)

    def problem(self, today: date) -> Problem:
        """The problem of a round on a day."""
        open_pledges = {
            p.id: p for p in self.pledges.values() if p.status == "open" and self.good(p.partner_id)
        }
        open_needs = {n.id: n for n in self.needs.values() if n.open and self.good(n.authority_id)}
        standing, barred = [], set()
        for m in self.matches:
            if m.pledge_id not in open_pledges or m.need_id not in open_needs:
                continue
            if m.status == "proposed" and not m.accepted:
                standing.append(_standing(m))
            elif match_rules.bars(m, open_pledges[m.pledge_id], open_needs[m.need_id]):
                barred.add((m.pledge_id, m.pledge_line, m.need_id, m.need_line))
        held = {(s.pledge_id, s.pledge_line) for s in standing}
        offers = self._offers(open_pledges.values(), held)
        covered = {(s.need_id, s.need_line) for s in standing}
        asks = self._asks(open_needs.values(), covered, today)
        offered = {(o.pledge_id, o.line) for o in offers}
        asked = {(a.need_id, a.line) for a in asks}
        members = {o.partner_id for o in offers} | {a.authority_id for a in asks}
        return Problem(
            offers=offers,
            asks=asks,
            today=today.isoformat(),
            rates=engine_rates(self.rates),
            barred=frozenset(b for b in barred if b[:2] in offered and b[2:] in asked),
            twinned={
                (t.ukrainian_id, t.partner_id): since_of(t.id)
                for t in sorted(self.twinnings, key=lambda t: t.id, reverse=True)
                if t.status == "confirmed" and {t.ukrainian_id, t.partner_id} <= members
            },
            standing=tuple(sorted(standing, key=lambda s: s.match_id)),
        )

    def _offers(
        self, pledges: Iterable[Pledge], held: set[tuple[PledgeId, int]]
    ) -> tuple[Offer, ...]:
        lines = [
            (p, b)
            for p in sorted(pledges, key=lambda p: p.id)
            for b in sorted(p.balances, key=lambda b: b.line.line)
            if b.available > 0 or (p.id, b.line.line) in held
        ]
        return tuple(
            offer_of(p, b, place=place, record=self.record(p.partner_id))
            for place, (p, b) in enumerate(lines)
        )

    def _asks(
        self, needs: Iterable[Requirement], held: set[tuple[NeedId, int]], today: date
    ) -> tuple[Ask, ...]:
        had = self._had()
        found: list[Ask] = []
        for need in sorted(needs, key=lambda n: n.id):
            coverage = self.coverage(need.id)
            begun = _share(*zip(*_agreed(need, coverage), strict=True))
            for line in sorted(need.lines, key=lambda line: line.line):
                left = minor_units(line.amount) - coverage.line(line.line).taken
                if left > 0 or (need.id, line.line) in held:
                    found.append(
                        ask_of(
                            need,
                            line,
                            coverage,
                            place=len(found),
                            begun=begun,
                            had=had[hromada_of(need.territory)],
                            record=self.record(need.authority_id),
                            waiting=max(0, (today - posted_on(need.id)).days),
                        )
                    )
        return tuple(found)

    def _had(self) -> dict[str, int]:
        """How much each hromada has of all it asked: the mean of its requirement lines, 0 to 1,000.

        A need that is closed counts where anything of it was agreed or delivered.
        """
        lines: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for need in self.needs.values():
            agreed = list(_agreed(need, self.coverage(need.id)))
            if need.open or any(part for part, _ in agreed):
                lines[hromada_of(need.territory)] += agreed
        return {key: _share(*zip(*found, strict=True)) for key, found in lines.items()}


def _agreed(need: Requirement, coverage: Coverage) -> Iterable[tuple[int, int]]:
    """Of each line: (agreed or delivered, asked)."""
    for line in need.lines:
        covered = coverage.line(line.line)
        asked = minor_units(line.amount)
        yield min(covered.agreed + covered.delivered, asked), asked


def _share(parts: Sequence[int], wholes: Sequence[int]) -> int:
    """The mean share of lines, 0 to 1,000."""
    shares = [1000 * part // whole for part, whole in zip(parts, wholes, strict=True)]
    return sum(shares) // len(shares)


def hromada_of(territory: Sequence[str]) -> str:
    """The hromada that a chain of places lies in; where it is wider than one, its first place."""
    known = places()
    inside = (c for c in territory if c in known and known[c].category in ("H", "K"))
    return next(inside, territory[0])


def since_of(identifier: Id) -> int:
    """When an id was drawn: milliseconds since 1970, as a UUIDv7 has it."""
    return int(identifier[:8] + identifier[9:13], 16)


def posted_on(need_id: NeedId) -> date:
    """The day (UTC) on which a need was posted."""
    return datetime.fromtimestamp(since_of(need_id) / 1000, UTC).date()


def offer_of(pledge: Pledge, balance: Balance, *, place: int = 0, record: int = 500) -> Offer:
    """A pledge line as the engine sees it."""
    line = balance.line
    return Offer(
        pledge_id=pledge.id,
        line=line.line,
        partner_id=pledge.partner_id,
        place=place,
        since=since_of(pledge.id),
        measure=_measure(line),
        unit=unit_of(line.amount),
        pledged=balance.pledged,
        available=balance.available,
        record=record,
        indivisible=line.indivisible,
        minimum=minor_units(line.minimum) if line.minimum is not None else 0,
        valid_from=pledge.valid_from,
        valid_until=pledge.valid_until,
        status=pledge.status,
        need_id=pledge.earmark.need_id,
        authority_id=pledge.earmark.authority_id,
        territories=pledge.earmark.territories,
        sectors=pledge.earmark.sectors,
    )


def ask_of(
    need: Requirement,
    line: RequirementLine,
    coverage: Coverage,
    *,
    place: int = 0,
    begun: int = 0,
    had: int = 0,
    record: int = 500,
    waiting: int = 0,
) -> Ask:
    """A requirement line as the engine sees it."""
    value = None if isinstance(line, FundingLine) else line.unit_value
    return Ask(
        need_id=need.id,
        line=line.line,
        authority_id=need.authority_id,
        place=place,
        since=since_of(need.id),
        measure=_measure(line),
        unit=unit_of(line.amount),
        asked=minor_units(line.amount),
        uncovered=minor_units(line.amount) - coverage.line(line.line).taken,
        urgency=need.urgency,
        territory=need.territory,
        sector=need.sector,
        begun=begun,
        had=had,
        record=record,
        waiting=waiting,
        unit_value=minor_units(value) if value else 0,
        value_currency=value.currency if value else "",
        open=need.open,
    )


def _measure(line: Line) -> Measure:
    return Measure(FUNDING if isinstance(line, FundingLine) else f"{line.kind}/{line.category}")


def _standing(match: Match) -> Standing:
    return Standing(
        match_id=match.id,
        pledge_id=match.pledge_id,
        pledge_line=match.pledge_line,
        need_id=match.need_id,
        need_line=match.need_line,
        reserved=minor_units(match.reserved),
        covers=minor_units(match.covers),
        since=since_of(match.id),
    )


def engine_rates(rates: Rates | None) -> EngineRates | None:
    """Recorded rates as exact fractions."""
    if rates is None:
        return None
    return EngineRates(rates.id, {c: r.as_integer_ratio() for c, r in rates.per_eur.items()})


def used_rate(rates: Rates | None, offer: Offer, ask: Ask) -> UsedRate | None:
    """The recorded rates that a pledge's money is counted by for a need, where they differ."""
    asked = ask.unit if ask.measure == FUNDING else ask.value_currency
    if rates is None or offer.measure != FUNDING or not asked or asked == offer.unit:
        return None
    per_eur = {"EUR": "1"} | {c: format(r, "f") for c, r in rates.per_eur.items()}
    return UsedRate.model_validate(
        {
            "rates_id": rates.id,
            "pledge_per_eur": per_eur[offer.unit],
            "need_per_eur": per_eur[asked],
        }
    )


def unit_value_of(need: Requirement, line: int) -> Money | None:
    """What one unit of a requirement line counts for where money is given instead."""
    found = next(n for n in need.lines if n.line == line)
    return None if isinstance(found, FundingLine) else found.unit_value
