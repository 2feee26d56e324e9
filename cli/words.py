"""Events in words: one readable line each, with names where the event has ids."""

from dataclasses import dataclass, field

from shared.events import Envelope, Event
from shared.events.credentials import CredentialIssued, CredentialRevoked, CredentialRotated
from shared.events.facts import LocalisedText
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
    NeedCovered,
    OfMatch,
)
from shared.events.members import (
    MemberAdmitted,
    MemberApplied,
    MemberLeft,
    MemberReinstated,
    MemberRejected,
    MemberSuspended,
    OfPartnership,
    PartnershipConfirmed,
    PartnershipDeclared,
    PartnershipEnded,
)
from shared.events.notify import (
    ContactChanged,
    ContactErased,
    ContactExported,
    ContactMailFailed,
    ContactMailSent,
    ContactSuspended,
    ContactVerified,
    NoticeFailed,
    NoticeQueued,
    NoticeRequeued,
    NoticeSent,
    NoticeWithheld,
    PreferencesChanged,
    VerificationAsked,
    WebhookDisabled,
    WebhookEnabled,
    WebhookRegistered,
    WebhookRemoved,
    WebhookSecretRotated,
)
from shared.events.pledges import PledgeAmended, PledgeExpired, PledgeMade, PledgeWithdrawn
from shared.events.projects import (
    CompletionVerified,
    MilestoneRecorded,
    NeedAmended,
    NeedPosted,
    NeedWithdrawn,
    PreparationStarted,
    ProjectCancelled,
    ProjectCompleted,
    ProjectResumed,
    ProjectStarted,
    ProjectSuspended,
)
from shared.events.rounds import (
    MatchingRoundCompleted,
    MatchingRoundRequested,
    PledgePassedOver,
    RatesSet,
)
from shared.lines import Line


def _english(text: LocalisedText) -> str:
    return text.get("en") or next(iter(text.values()))


def _lines(lines: tuple[Line, ...]) -> str:
    return "; ".join(
        f"{line.amount}" + (f" for {line.purpose}" if line.purpose else "") for line in lines
    )


@dataclass
class Names:
    """What ids stand for, learned from the events that introduced them."""

    known: dict[str, str] = field(default_factory=dict)

    def learn(self, event: Event) -> None:
        """Remember the names this event gives."""
        match event:
            case MemberApplied():
                self.known[event.member_id] = _english(event.names)
            case NeedPosted():
                self.known[event.need_id] = f"“{_english(event.title)}”"
            case PledgeMade():
                self.known[event.pledge_id] = f"“{_english(event.title)}”"

    def __getitem__(self, identifier: str) -> str:
        return self.known.get(identifier, identifier[:8])

    def actor(self, actor: str) -> str:
        """Who acted, by name: a member's, or the operator's or service's own."""
        kind, _, name = actor.partition(":")
        return self[name] if kind == "member" else actor


def describe(  # noqa: PLR0912 a branch for each event is the point
    event: Event, envelope: Envelope, names: Names
) -> str:
    """What happened, in one line without the actor."""
    match event:
        case NeedPosted():
            return f"need {names[event.need_id]}, {event.urgency} urgency: {_lines(event.lines)}"
        case NeedAmended():
            return f"need {names[event.need_id]} is amended: {event.reason}"
        case NeedWithdrawn():
            return f"need {names[event.need_id]} is withdrawn: {event.reason}"
        case PreparationStarted():
            return f"is being prepared: {event.plan}"
        case ProjectStarted():
            donors = ", ".join(names[d] for d in event.donors)
            return f"work begins, planned: {event.planned_scope} (donors: {donors})"
        case ProjectSuspended():
            return f"work stands still ({event.cause}): {event.reason}"
        case ProjectResumed():
            return f"work goes on: {event.reason}"
        case ProjectCancelled():
            return f"given up: {event.reason}"
        case MilestoneRecorded():
            return f"milestone {event.milestone} {event.status}: {_english(event.title)}"
        case ProjectCompleted(scope_change=None):
            return f"completed as planned: {event.final_scope}"
        case ProjectCompleted():
            assert event.scope_change is not None
            return (
                f"completed, with another scope, {event.final_scope}: {event.scope_change.reason}"
            )
        case CompletionVerified():
            return f"{names[event.monitor_id]} verifies: {event.finding}: {event.report}"
        case _:
            return _members(event, names) or _matching(event, names)


def _members(  # noqa: PLR0912
    event: Event, names: Names
) -> str | None:
    match event:
        case MemberApplied():
            return f"{_english(event.names)} applies (side {event.side})"
        case MemberAdmitted(endorsed_by=None):
            return f"{names[event.member_id]} is a {event.role} member: {event.reason}"
        case MemberAdmitted():
            endorser = names[event.endorsed_by or ""]
            return f"{names[event.member_id]} is admitted, endorsed by {endorser}: {event.reason}"
        case MemberRejected():
            return f"{names[event.member_id]} is rejected: {event.reason}"
        case MemberSuspended():
            return f"{names[event.member_id]} is suspended: {event.reason}"
        case MemberReinstated():
            return f"{names[event.member_id]} is reinstated: {event.reason}"
        case MemberLeft():
            return f"{names[event.member_id]} leaves: {event.reason}"
        case PartnershipDeclared():
            return f"{_pair(event, names)} are twinned, {names[event.declared_by]} declares"
        case PartnershipConfirmed():
            return f"{_pair(event, names)} are twinned, {names[event.confirmed_by]} confirms"
        case PartnershipEnded():
            return f"{_pair(event, names)} are not twinned any more: {event.reason}"
        case CredentialIssued():
            owner = names[event.member_id] if event.member_id else "a body that is no member"
            return f"credential for {owner} ({', '.join(event.roles)}): {event.label}"
        case CredentialRotated():
            return f"credential {event.credential_id[:8]} has a new secret"
        case CredentialRevoked():
            return f"credential {event.credential_id[:8]} is revoked: {event.reason}"
        case _:
            return None


def _matching(  # noqa: PLR0912
    event: Event, names: Names
) -> str:
    match event:
        case PledgeMade():
            return f"{names[event.partner_id]} pledges {_lines(event.lines)}"
        case PledgeAmended():
            return f"pledge {names[event.pledge_id]} is amended: {event.reason}"
        case PledgeWithdrawn():
            return f"pledge {names[event.pledge_id]} is withdrawn: {event.reason}"
        case PledgeExpired():
            return f"pledge {names[event.pledge_id]} has expired"
        case PledgePassedOver():
            needs = ", ".join(dict.fromkeys(names[lost.need_id] for lost in event.lines))
            return f"pledge {names[event.pledge_id]} is passed over for {needs}"
        case MatchProposed(round_id=None):
            by = names[event.proposed_by] if event.proposed_by else "an operator"
            return f"{_of(event, names)}, by hand of {by}: {event.reason}"
        case MatchProposed():
            why = event.explanation
            steps = ", ".join(k for k, v in why.tier.items() if v) or "no preference"
            return f"{_of(event, names)}, because: {steps} (rule {why.rule})"
        case MatchAccepted():
            return f"{names[event.accepted_by]} accepts: {_of(event, names)}"
        case MatchAgreed():
            return f"agreed: {_of(event, names)}"
        case MatchDeclined():
            return f"{names[event.declined_by]} declines {_of(event, names)}: {event.reason}"
        case MatchLapsesSoon():
            silent = " and ".join(names[side] for side in event.silent)
            return f"lapses soon, {silent} to answer: {_of(event, names)}"
        case MatchLapsed():
            silent = " and ".join(names[side] for side in event.silent)
            return f"lapsed, no answer of {silent}: {_of(event, names)}"
        case MatchReleased():
            return f"released: {_of(event, names)}: {event.reason}"
        case MatchFlagged():
            return f"flagged ({event.cause} of {names[event.member_id]}): {_of(event, names)}"
        case MatchUnflagged():
            return f"flagged no more ({names[event.member_id]}): {_of(event, names)}"
        case ContributionDelivered():
            return f"delivered {event.delivered} by {names[event.partner_id]}: {event.scope}"
        case NeedCovered():
            return f"need {names[event.need_id]} is covered in full"
        case RatesSet():
            rates = ", ".join(f"{v:f} {k}" for k, v in event.per_eur.items())
            return f"rates of {event.date}: EUR 1 = {rates} ({event.source})"
        case MatchingRoundCompleted():
            found = event.decision
            lost = f", {found.passed_over} passed over" if found.passed_over else ""
            return f"round over {found.requirement_lines} requirement and {found.pledge_lines} " + (
                f"pledge lines: {found.matches} to be proposed{lost}"
            )
        case MatchingRoundRequested():
            return f"a round is asked for: {event.reason}"
        case _:
            return _notify(event, names)


def _notify(event: Event, names: Names) -> str:
    match event:
        case NoticeQueued():
            return f"{names[event.recipient_id]} is to be told: {event.message}"
        case NoticeSent(channel="webhook"):
            return f"webhook of {names[event.recipient_id]}: {event.message}"
        case NoticeWithheld(contact_ref=None):
            return f"{names[event.recipient_id]} has no contact, its feed has it: {event.message}"
        case NoticeWithheld():
            return f"{names[event.recipient_id]} wants no e-mail of it: {event.message}"
        case PreferencesChanged():
            kinds = ", ".join(f"{kind} {timing}" for kind, timing in event.timings)
            return f"{names[event.member_id]} wants its e-mail: {kinds}"
        case NoticeSent():
            return f"e-mail to {names[event.recipient_id]} ({event.language}): {event.message}"
        case NoticeFailed():
            return f"no {event.channel} to {names[event.recipient_id]}: {event.reason}"
        case NoticeRequeued():
            return f"{names[event.recipient_id]} is to be told again: {event.message}"
        case _:
            return _webhook(event, names)


def _webhook(event: Event, names: Names) -> str:
    match event:
        case WebhookRegistered():
            kinds = ", ".join(event.kinds) or "all"
            return f"{names[event.member_id]} has a webhook for {kinds}"
        case WebhookDisabled():
            return f"a webhook of {names[event.member_id]} is disabled: {event.reason}"
        case WebhookEnabled():
            return f"a webhook of {names[event.member_id]} is enabled again"
        case WebhookRemoved():
            return f"a webhook of {names[event.member_id]} is removed"
        case WebhookSecretRotated():
            return f"a webhook of {names[event.member_id]} has a new secret"
        case _:
            return _contact(event)


def _contact(event: Event) -> str:
    match event:
        case ContactChanged():
            return "an address was written, and is to be verified"
        case VerificationAsked():
            return f"mail {event.number} to verify an address is asked for"
        case ContactVerified():
            return "an address is verified"
        case ContactSuspended():
            return f"an address bounced: SMTP {event.code}"
        case ContactMailSent():
            return f"e-mail about an address: {event.mail}"
        case ContactMailFailed():
            return f"no e-mail about an address ({event.mail}): {event.reason}"
        case ContactExported():
            return "an operator was shown what is kept of a person"
        case ContactErased():
            return "what was kept of a person is erased"
        case _:
            return event.type


def _pair(event: OfPartnership, names: Names) -> str:
    return f"{names[event.ukrainian_id]} and {names[event.partner_id]}"


def _of(event: OfMatch, names: Names) -> str:
    same = str(event.reserved) == str(event.covers)
    covers = "" if same else f" (covers {event.covers})"
    return f"{event.reserved}{covers} of {names[event.partner_id]} for {names[event.need_id]}"
