"""One event of each kind that somebody is told of, about Irpin's kindergarten and Cascais."""

from dataclasses import replace
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from shared.events import Envelope, Event
from shared.events.facts import AskedGoods, FundingLine, Money, OfferedFunding, Quantity
from shared.events.ids import (
    ContactRef,
    Id,
    MatchId,
    MemberId,
    NeedId,
    PartnershipId,
    PledgeId,
    RoundId,
    WebhookId,
)
from shared.events.matches import (
    ContributionDelivered,
    Explanation,
    MatchAgreed,
    MatchDeclined,
    MatchFlagged,
    MatchLapsed,
    MatchLapsesSoon,
    MatchProposed,
    MatchReleased,
    MatchUnflagged,
    NeedCovered,
)
from shared.events.members import (
    MemberAdmitted,
    MemberApplied,
    MemberLeft,
    MemberReinstated,
    MemberRejected,
    MemberSuspended,
    PartnershipConfirmed,
    PartnershipDeclared,
    PartnershipEnded,
)
from shared.events.notify import WebhookDisabled
from shared.events.pledges import LineAmount, PledgeExpired, PledgeMade
from shared.events.projects import (
    CompletionVerified,
    EndDateChange,
    MilestoneRecorded,
    NeedAmended,
    NeedPosted,
    ProjectCancelled,
    ProjectCompleted,
    ProjectResumed,
    ProjectStarted,
    ProjectSuspended,
    ScopeChange,
    ValueChange,
)
from shared.events.rounds import LostLine, PledgePassedOver


def an_id(kind: type[Any], name: str) -> Any:
    """The same id for the same name."""
    return kind(str(uuid5(NAMESPACE_URL, f"{kind.__name__} {name}")))


IRPIN: MemberId = an_id(MemberId, "Irpin")
CASCAIS: MemberId = an_id(MemberId, "Cascais")
SILENT: MemberId = an_id(MemberId, "no contact")
MONITOR: MemberId = an_id(MemberId, "monitor")
ASSOCIATION: MemberId = an_id(MemberId, "association")
NEED: NeedId = an_id(NeedId, "kindergarten")
PLEDGE: PledgeId = an_id(PledgeId, "half a million")
MATCH: MatchId = an_id(MatchId, "1")
EUR = Money.model_validate({"amount": "500000.00", "currency": "EUR"})
UAH = Money.model_validate({"amount": "25617250.00", "currency": "UAH"})

NAMES: dict[str, dict[str, str]] = {
    IRPIN: {"uk": "Ірпінь", "en": "Irpin"},
    CASCAIS: {"uk": "Кашкайш", "en": "Cascais"},
    SILENT: {"uk": "Мовчазний", "en": "Silent"},
    MONITOR: {"uk": "Спостерігач", "en": "Monitor"},
    ASSOCIATION: {"uk": "Асоціація міст України", "en": "Association of Ukrainian Cities"},
}
TITLES: dict[str, dict[str, str]] = NAMES | {
    NEED: {"uk": "Дитячий садок", "en": "Kindergarten"},
    PLEDGE: {"uk": "Ясла для Ірпеня", "en": "A crèche for Irpin"},
}


TRACE = "0af7651916cd43dd8448eb211c80319c"


def contact_of(member: MemberId) -> ContactRef:
    """The reference to a member's contact."""
    found: ContactRef = an_id(ContactRef, member)
    return found


def applied(member: MemberId) -> MemberApplied:
    """A member of the samples applies; SILENT has no contact."""
    ukrainian = member in (IRPIN, ASSOCIATION)
    return MemberApplied(
        member_id=member,
        side="ukraine" if ukrainian else "partner",
        kind="city",
        organisation_id=f"XI-WIKIDATA-{member[:8]}",
        names=NAMES[member],
        country="UA" if ukrainian else "PT",
        contact_ref=None if member == SILENT else contact_of(member),
        principles=(),
        principles_version="2022-06-30",
    )


def need_posted(need: NeedId = NEED) -> NeedPosted:
    """Irpin asks for a kindergarten."""
    return NeedPosted(
        need_id=need,
        authority_id=IRPIN,
        territory=("UA32080150010049888",),
        sector="education",
        project_type="rehabilitation",
        title=TITLES[NEED],
        lines=(FundingLine(line=1, amount=UAH, purpose="kitchen"),),
        urgency="high",
        urgency_reason="winter is near",
    )


def pledge_made() -> PledgeMade:
    """Cascais pledges half a million euros."""
    return PledgeMade(
        pledge_id=PLEDGE,
        partner_id=CASCAIS,
        title=TITLES[PLEDGE],
        lines=(OfferedFunding(line=1, amount=EUR),),
        conditions="for a crèche",
        valid_from="2026-01-01",
        valid_until="2026-12-31",
    )


def of_match(match: MatchId = MATCH, partner: MemberId = CASCAIS) -> dict[str, Any]:
    """What every event of a match names."""
    return {
        "match_id": match,
        "pledge_id": PLEDGE,
        "pledge_line": 1,
        "partner_id": partner,
        "need_id": NEED,
        "need_line": 1,
        "authority_id": IRPIN,
        "reserved": EUR,
        "covers": UAH,
    }


def proposed(match: MatchId = MATCH, partner: MemberId = CASCAIS) -> MatchProposed:
    """A match of the pledge and the need."""
    return MatchProposed(
        **of_match(match, partner),
        explanation=Explanation(rule="by-hand.v1", parts={}),
        lapses_at="2026-03-19T12:02:00.000000Z",
        proposed_by=partner,
        reason="the mayors met",
    )


def declined(match: MatchId = MATCH) -> MatchDeclined:
    """Irpin says no."""
    return MatchDeclined(
        **of_match(match), side="ukraine", declined_by=IRPIN, reason="built elsewhere\nalready"
    )


def started() -> ProjectStarted:
    """Work begins; Cascais and the silent partner gave."""
    return ProjectStarted(
        need_id=NEED,
        authority_id=IRPIN,
        match_ids=(MATCH,),
        donors=(CASCAIS, SILENT),
        start_date="2022-08-01",
        planned_scope="a crèche",
        planned_end_date="2023-08-31",
        planned_value=(EUR,),
    )


OF_PARTNERSHIP: dict[str, Any] = {
    "partnership_id": an_id(PartnershipId, "1"),
    "ukrainian_id": IRPIN,
    "partner_id": CASCAIS,
}

BEDS = Quantity(quantity=21, unit="piece")

EVENTS: tuple[Event, ...] = (
    applied(CASCAIS).model_copy(update={"associations": (ASSOCIATION,)}),
    MemberAdmitted(member_id=CASCAIS, role="member", endorsed_by=ASSOCIATION, reason="known"),
    MemberRejected(member_id=CASCAIS, rejected_by=ASSOCIATION, reason="no such body"),
    MemberSuspended(
        member_id=CASCAIS, suspended_by=ASSOCIATION, endorsed_by=ASSOCIATION, reason="no answers"
    ),
    MemberReinstated(
        member_id=CASCAIS, reinstated_by=MONITOR, endorsed_by=ASSOCIATION, reason="it answered"
    ),
    MemberLeft(member_id=CASCAIS, endorsed_by=ASSOCIATION, reason="elections"),
    PartnershipDeclared(**OF_PARTNERSHIP, declared_by=CASCAIS, statement="together"),
    PartnershipConfirmed(**OF_PARTNERSHIP, confirmed_by=IRPIN),
    PartnershipEnded(
        **OF_PARTNERSHIP, ended_by=IRPIN, was="confirmed", cause="decision", reason="all is built"
    ),
    need_posted(),
    NeedAmended(
        need_id=NEED,
        authority_id=IRPIN,
        reason="beds were forgotten",
        lines=(
            FundingLine(line=1, amount=UAH, purpose="kitchen"),
            AskedGoods(line=2, category="bed", amount=BEDS, purpose="for the youngest"),
        ),
        lines_before=(FundingLine(line=1, amount=UAH, purpose="kitchen"),),
        urgency="critical",
        urgency_before="high",
    ),
    pledge_made(),
    PledgeExpired(
        pledge_id=PLEDGE,
        partner_id=CASCAIS,
        valid_until="2023-12-31",
        expired=(LineAmount(line=1, amount=EUR),),
    ),
    proposed(),
    MatchAgreed(**of_match()),
    declined(),
    MatchLapsesSoon(**of_match(), accepted=("partner",), lapses_at="2026-03-19T12:02:00.000000Z"),
    MatchLapsed(**of_match(), accepted=("partner",)),
    MatchReleased(**of_match(), cause="need-withdrawn", was="agreed", reason="built by others"),
    MatchFlagged(**of_match(), member_id=CASCAIS, cause="member-suspended", reason="no answers"),
    MatchUnflagged(**of_match(), member_id=CASCAIS, reason="it answered"),
    ContributionDelivered(
        **of_match(),
        delivered=EUR,
        delivered_covers=UAH,
        rest=Money.model_validate({"amount": "0.00", "currency": "EUR"}),
        date="2023-09-01",
        scope="kitchen",
    ),
    NeedCovered(need_id=NEED, authority_id=IRPIN),
    started(),
    ProjectSuspended(
        need_id=NEED, authority_id=IRPIN, cause="security", reason="shelling of the quarter"
    ),
    ProjectResumed(need_id=NEED, authority_id=IRPIN, reason="it is quiet again"),
    ProjectCancelled(need_id=NEED, authority_id=IRPIN, reason="the ground does not hold"),
    MilestoneRecorded(
        need_id=NEED,
        authority_id=IRPIN,
        milestone=1,
        title={"uk": "Дах", "en": "Roof"},
        status="partiallyMet",
        status_before="scheduled",
        date="2023-02-01",
    ),
    ProjectCompleted(
        need_id=NEED,
        authority_id=IRPIN,
        end_date="2023-08-31",
        final_value=(EUR, UAH),
        final_scope="the kindergarten Chervona Kalyna",
        scope_change=ScopeChange(planned="crèche", final="kindergarten", reason="needed more"),
        end_date_change=EndDateChange(
            planned="2023-06-30", final="2023-08-31", reason="shells came late"
        ),
        value_change=ValueChange(planned=(EUR,), final=(EUR, UAH), reason="a second floor"),
    ),
    CompletionVerified(
        need_id=NEED,
        authority_id=IRPIN,
        monitor_id=MONITOR,
        finding="confirmed-with-reservations",
        report="one door is missing",
    ),
    PledgePassedOver(
        pledge_id=PLEDGE,
        partner_id=CASCAIS,
        round_id=an_id(RoundId, "1"),
        lines=(
            LostLine(pledge_line=1, need_id=NEED, need_line=1, reason="covered-by-others"),
            LostLine(pledge_line=1, need_id=NEED, need_line=2, reason="lower-score", margin=12),
        ),
    ),
    WebhookDisabled(
        webhook_id=an_id(WebhookId, "1"),
        member_id=IRPIN,
        cause="gone",
        reason="its server answered 410: it is gone for good",
    ),
)


VARIANTS: dict[str, Event] = {
    "match-released.displaced": MatchReleased(
        **of_match(),
        cause="displaced",
        was="proposed",
        reason="a twin of Irpin pledged",
        displaced_by=an_id(MatchId, "2"),
    ),
    "match-proposed.in-kind": proposed().model_copy(
        update={"covers": BEDS, "unit_value": EUR, "proposed_by": None, "reason": None}
    ),
    "need-amended.urgency": NeedAmended(
        need_id=NEED,
        authority_id=IRPIN,
        reason="winter is near",
        urgency="critical",
        urgency_before="high",
    ),
}
"""Other forms that some of them take."""


class Logs:
    """The other services' logs, as they would publish them: positions, versions, rising ids."""

    def __init__(self) -> None:
        self._versions: dict[str, int] = {}
        self._positions: dict[str, int] = {}

    def envelope(self, event: Event, actor: str = "operator:test") -> Envelope:
        """The next event of its owner's log."""
        version = self._versions[event.subject] = self._versions.get(event.subject, 0) + 1
        position = self._positions[event.owner] = self._positions.get(event.owner, -1) + 1
        new = Envelope(
            id=str(Id.new()),
            source=f"/{event.owner}",
            type=event.ce_type(),
            subject=event.subject,
            subject_version=version,
            time="2026-03-05T12:02:00.000000Z",
            actor=actor,
            correlation_id=str(Id.new()),
            traceparent=f"00-{TRACE}-b7ad6b7169203331-01",
            data=event.data(),
        )
        return replace(new, sequence=position)
