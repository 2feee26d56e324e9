"""Collections of notify, and which event changes which document."""

from pymongo import IndexModel

from services.notify import attempts, model, vault
from services.notify.attempts import ATTEMPTS
from services.notify.contacts.model import ContactState
from services.notify.contacts.model import evolve as evolve_contact
from services.notify.model import Match, Need, Notice, Partnership, Pledge, Recipient
from services.notify.preferences import Preferences
from services.notify.preferences import evolve as evolve_preferences
from services.notify.webhooks.attempts import DELIVERIES, INDEXES
from services.notify.webhooks.endpoints import ENDPOINTS
from services.notify.webhooks.model import Webhook, evolve_webhook
from shared.events.matches import (
    MatchAgreed,
    MatchDeclined,
    MatchLapsed,
    MatchProposed,
    MatchReleased,
)
from shared.events.members import (
    MemberAdmitted,
    MemberApplied,
    MemberRejected,
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
from shared.events.pledges import PledgeExpired, PledgeMade, PledgeWithdrawn
from shared.events.projects import (
    NeedPosted,
    NeedWithdrawn,
    ProjectCancelled,
    ProjectCompleted,
    ProjectStarted,
)
from shared.log import Folded, Records

QUEUED_FOR_A_WEBHOOK = "queued for a webhook"
"""An index that queries name: most that is queued is mail."""

notices = Folded(
    "notices",
    Notice,
    model.evolve_notice,
    dict.fromkeys(
        (NoticeQueued, NoticeWithheld, NoticeSent, NoticeFailed, NoticeRequeued), "notice_id"
    ),
    [
        IndexModel([("status", 1), ("not_before", 1), ("last_event", 1)]),
        IndexModel([("recipient_id", 1), ("_id", 1)]),
        IndexModel([("recipient_id", 1), ("about", -1)]),
        IndexModel([("thread", 1), ("about", -1)]),
        IndexModel(
            [("contact_ref", 1), ("not_before", 1)],
            name="digests",
            partialFilterExpression={"digest": True},
        ),
        IndexModel(
            [("webhook_id", 1), ("last_event", 1)],
            name=QUEUED_FOR_A_WEBHOOK,
            partialFilterExpression={"status": "queued", "channel": "webhook"},
        ),
    ],
)

preferences = Folded(
    "preferences", Preferences, evolve_preferences, {PreferencesChanged: "member_id"}
)

contact_states = Folded(
    "contact_states",
    ContactState,
    evolve_contact,
    dict.fromkeys(
        (
            ContactChanged,
            VerificationAsked,
            ContactVerified,
            ContactSuspended,
            ContactMailSent,
            ContactMailFailed,
            ContactExported,
            ContactErased,
        ),
        "contact_ref",
    ),
    [IndexModel("due", sparse=True), IndexModel([("status", 1), ("_id", 1)])],
)

recipients = Folded(
    "recipients",
    Recipient,
    model.evolve_recipient,
    dict.fromkeys((MemberApplied, MemberAdmitted, MemberRejected), "member_id"),
    [IndexModel("contact_ref", sparse=True)],
)

partnerships = Folded(
    "partnerships",
    Partnership,
    model.evolve_partnership,
    dict.fromkeys((PartnershipDeclared, PartnershipConfirmed, PartnershipEnded), "partnership_id"),
)

needs = Folded(
    "needs",
    Need,
    model.evolve_need,
    dict.fromkeys(
        (NeedPosted, ProjectStarted, NeedWithdrawn, ProjectCancelled, ProjectCompleted), "need_id"
    ),
)

pledges = Folded(
    "pledges",
    Pledge,
    model.evolve_pledge,
    dict.fromkeys((PledgeMade, PledgeWithdrawn, PledgeExpired), "pledge_id"),
)

matches = Folded(
    "matches",
    Match,
    model.evolve_match,
    dict.fromkeys(
        (MatchProposed, MatchAgreed, MatchDeclined, MatchLapsed, MatchReleased), "match_id"
    ),
)


FACTS = "facts"
"""Copies of the events that notices tell of, by their ids; their owners' logs hold them too."""

REPORTS = "reports"
"""How far the operator was told of dead letters and of failed notices."""

AWAITED = "awaited"
"""What is to be told to a member whose application has not been read yet, by the member's id."""

webhooks = Folded(
    "webhooks",
    Webhook,
    evolve_webhook,
    dict.fromkeys(
        (
            WebhookRegistered,
            WebhookDisabled,
            WebhookEnabled,
            WebhookRemoved,
            WebhookSecretRotated,
        ),
        "webhook_id",
    ),
    [IndexModel([("member_id", 1), ("_id", 1)])],
    begins=(WebhookRegistered,),
)

RECORDS = Records(
    "notify",
    notices,
    recipients,
    partnerships,
    needs,
    pledges,
    matches,
    preferences,
    webhooks,
    contact_states,
    plain=(vault.CONTACTS, FACTS, AWAITED, REPORTS, ATTEMPTS, ENDPOINTS, DELIVERIES),
    plain_indexes={
        vault.CONTACTS: vault.INDEXES,
        ATTEMPTS: attempts.INDEXES,
        DELIVERIES: INDEXES,
    },
)
