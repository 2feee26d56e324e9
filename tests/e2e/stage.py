"""What a command needs to be possible: a need, pledge or match in the state before it.

One row for each command of the table of roles, so that the roles and OpenAPI's examples are run
on the same things.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import uuid4

from cli.story import BORODIANKA
from deploy.local.system import System
from services.matching.examples import EXAMPLES as OF_MATCHING
from services.members.examples import EXAMPLES as OF_MEMBERS
from services.notify.examples import EXAMPLES as OF_NOTIFY
from services.projects.examples import EXAMPLES as OF_PROJECTS
from shared.dead_letters_api import EXAMPLES as OF_LETTERS
from shared.events import Envelope
from shared.events.ids import Id
from shared.events.projects import NeedWithdrawn
from shared.kafka import Producer, Record
from tests.connected.acting import Acting, Json, until

GENERATORS = {"quantity": 2, "unit": "piece"}
BODIES = OF_MEMBERS | OF_PROJECTS | OF_MATCHING | OF_NOTIFY | OF_LETTERS


class Stage(Acting):
    """Acts on a system; Borodianka asks, Cascais gives, and there are others beside them."""

    def __init__(self, system: System) -> None:
        super().__init__(system)
        self._applicants = 0
        self._contact: str | None = None

    async def open_all(self) -> None:
        """The alliance, two authorities and two partners."""
        await self.found()
        for who, side, place in (
            ("borodianka", "ukraine", BORODIANKA),
            ("irpin", "ukraine", ""),
            ("cascais", "partner", ""),
            ("celle", "partner", ""),
        ):
            await self.admit(who, side, *([place] if place else []))
        await self.at_rest()

    async def nothing(self) -> Json:
        """Nothing has to be there before."""
        return {}

    async def applicant(self) -> Json:
        """A Ukrainian body that has applied."""
        self._applicants += 1
        return {"member_id": await self.apply(f"applicant{self._applicants}", "ukraine")}

    async def newcomer(self) -> Json:
        """A Ukrainian member that was admitted just now."""
        self._applicants += 1
        return {"member_id": await self.admit(f"newcomer{self._applicants}", "ukraine")}

    async def suspension(self) -> Json:
        """One that is suspended."""
        staged = await self.newcomer()
        path = f"/members/{staged['member_id']}/suspension"
        await self.done("auc", "members", path, BODIES["suspend_member"])
        return staged

    async def leaver(self) -> Json:
        """A member that others here do without."""
        if "leaver" not in self.ids:
            await self.admit("leaver", "ukraine")
        return {"member_id": self.ids["leaver"]}

    async def declaration(self) -> Json:
        """A partnership with Irpin that a new partner has declared."""
        self._applicants += 1
        twin = f"twin{self._applicants}"
        await self.admit(twin, "partner")
        body = BODIES["declare_partnership"] | {"with_member": self.ids["irpin"]}
        partnership = await self.done(twin, "members", "/partnerships", body)
        return {"partnership_id": partnership["id"]}

    async def credential(self) -> Json:
        """A credential of Irpin's."""
        body = BODIES["issue_credential"] | {"member_id": self.ids["irpin"]}
        credential = await self.done("irpin", "members", "/credentials", body)
        return {"credential_id": credential["id"]}

    async def need(self) -> Json:
        """A need of Borodianka's, of which nothing is agreed."""
        need = await self.done("borodianka", "projects", "/needs", BODIES["post_need"])
        return {"need_id": need["id"]}

    async def pledge_made(self) -> Json:
        """A pledge of Cascais's."""
        pledge = await self.done("cascais", "matching", "/pledges", BODIES["make_pledge"])
        return {"pledge_id": pledge["id"]}

    async def partner(self) -> Json:
        """A partner that may pledge."""
        return {"partner_id": self.ids["cascais"]}

    async def proposal(self) -> Json:
        """A match of the two that is proposed."""
        need = await self.need()
        await self.at_rest()
        body = BODIES["make_pledge"] | {"earmark": need}
        await self.done("cascais", "matching", "/pledges", body)
        (match,) = await self.proposals(need["need_id"])
        return need | {"match_id": match["id"]}

    async def declined(self) -> Json:
        """A need and a pledge for it that no round pairs: their match was declined."""
        lines = [{"kind": "goods", "line": 1, "category": "generator", "amount": GENERATORS}]
        body = BODIES["post_need"] | {"lines": lines}
        need = await self.done("borodianka", "projects", "/needs", body)
        earmark = {"need_id": need["id"]}
        await self.at_rest()
        body = BODIES["make_pledge"] | {"lines": lines, "earmark": earmark}
        pledge = await self.done("cascais", "matching", "/pledges", body)
        (match,) = await self.proposals(need["id"])
        path = f"/matches/{match['id']}/declines"
        await self.done("borodianka", "matching", path, BODIES["decline_match"])
        return earmark | {"pledge_id": pledge["id"]}

    async def agreement(self) -> Json:
        """The same, agreed."""
        staged = await self.proposal()
        for who in ("cascais", "borodianka"):
            await self.done(who, "matching", f"/matches/{staged['match_id']}/acceptances")
        await self.at_rest()
        return staged

    async def prepared(self) -> Json:
        """A need that is being prepared."""
        return await self.then(await self.need(), "preparation", "prepare_project")

    async def work(self) -> Json:
        """A project on which work began."""
        return await self.then(await self.agreement(), "start", "start_project")

    async def standstill(self) -> Json:
        """A project that is suspended."""
        return await self.then(await self.work(), "suspension", "suspend_project")

    async def built(self) -> Json:
        """A project whose completion is not verified."""
        return await self.then(await self.work(), "completion", "complete_project")

    async def of_irpin(self) -> Json:
        """What is Irpin's as a member."""
        return {"member_id": self.ids["irpin"]}

    async def contact(self) -> Json:
        """An address in the vault."""
        return {"contact_ref": str(uuid4())}

    async def webhook(self) -> Json:
        """A webhook of Irpin's, and a test that was sent to it and did not arrive."""
        await self.at_rest()  # notify has to know Irpin
        body = BODIES["register_webhook"] | {"member_id": self.ids["irpin"]}
        webhook = await self.done("irpin", "notify", "/webhooks", body)
        ping = await self.done("irpin", "notify", f"/webhooks/{webhook['id']}/pings")
        notices, failed = self.store["notify"]["notices"], {"_id": ping["id"], "status": "failed"}
        await until(lambda: notices.find_one(failed))
        return {"webhook_id": webhook["id"], "notice_id": ping["id"]}

    async def disabled_webhook(self) -> Json:
        """A webhook of Irpin's whose server is gone."""
        staged = await self.webhook()
        self.store["notify"]["webhooks"].update_one(
            {"_id": staged["webhook_id"]}, {"$set": {"status": "disabled", "cause": "gone"}}
        )
        return staged

    async def unverified(self) -> Json:
        """The contact of a member, whose address is not verified."""
        if self._contact is None:
            self._contact = str(uuid4())
            path = f"/contacts/{self._contact}"
            body = BODIES["set_contact"]
            answer = await self.ask("operator", "notify", path, body, method="PUT")
            assert answer.status_code == 204, answer.text
            await self.apply("reader", "ukraine", contact_ref=self._contact)
            await self.at_rest()
        return {"contact_ref": self._contact}

    async def notice(self) -> Json:
        """A notice that failed: whom it is for has a contact, and no address in the vault."""
        self._applicants += 1
        name = f"reader{self._applicants}"
        member = await self.apply(name, "ukraine", contact_ref=str(uuid4()))
        endorsement = BODIES["endorse"]
        await self.done("auc", "members", f"/members/{member}/endorsements", endorsement)

        path = f"/notices?recipient_id={member}&status=failed"
        found: list[Json] = await until(lambda: self.got("notify", path))
        return {"notice_id": found[0]["id"]}

    async def letter(self) -> Json:
        """An event of projects' that cannot be read, in matching's dead letters."""
        event = an_unreadable_event()
        producer = Producer(self.system.addresses.kafka, client_id="test")
        await producer.send([event])
        await producer.discard()
        subject = (event.key or b"").decode()
        query = {"subject": subject, "letter": {"$exists": True}}
        note = await until(lambda: self.store["matching"]["dead_letters"].find_one(query))
        assert note is not None
        return {"letter": note["letter"], "source": "/projects", "subject": subject}

    async def then(self, staged: Json, step: str, command: str) -> Json:
        """Borodianka takes a step with its need."""
        path = f"/needs/{staged['need_id']}/{step}"
        await self.done("borodianka", "projects", path, BODIES[command])
        return staged


def an_unreadable_event() -> Record:
    """A record whose headers are a need's, and whose value is none."""
    event = Envelope(
        id=str(Id.new()),
        source="/projects",
        type=NeedWithdrawn.ce_type(),
        subject=str(Id.new()),
        subject_version=1,
        time="2026-03-05T12:02:00.000000Z",
        actor="operator:test",
        correlation_id=str(Id.new()),
        data="{}",
        sequence=10**6,
    )
    return Record("projects.events", event.key(), event.value(), event.headers())


@dataclass(frozen=True)
class Row:
    """One command: where it is asked for, on what, whose that is, and who is refused, and how;
    `previews`: it changes nothing."""

    service: str
    path: str
    before: Callable[[Stage], Awaitable[Json]]
    own: str
    other: str = ""
    refusal: str = "not-yours"
    method: str = "POST"
    previews: bool = False

    def body(self, command: str, stage: Stage, staged: Json) -> Json | None:
        """OpenAPI's example, about a member that is there and what is staged."""
        body = BODIES.get(command)
        if body:
            body = body | {field: staged[field] for field in staged.keys() & body.keys()}
        for field, who in (("with_member", "celle"), ("member_id", "irpin")):
            if body and field in body:
                body = body | {field: stage.ids[who]}
        return body


def _need(step: str, before: Callable[[Stage], Awaitable[Json]]) -> Row:
    return Row("projects", f"/needs/{{need_id}}/{step}", before, "borodianka", "irpin")


def _webhook(step: str, before: Callable[[Stage], Awaitable[Json]] = Stage.webhook) -> Row:
    return Row("notify", f"/webhooks/{{webhook_id}}/{step}", before, "irpin", "cascais")


ROWS: dict[str, Row] = {
    "apply": Row("members", "/members", Stage.nothing, "auc"),
    "found": Row("members", "/founding-members", Stage.nothing, "operator"),
    "endorse": Row(
        "members",
        "/members/{member_id}/endorsements",
        Stage.applicant,
        "auc",
        "cemr",
        "not-a-core-member",
    ),
    "reject": Row(
        "members",
        "/members/{member_id}/rejections",
        Stage.applicant,
        "auc",
        "cemr",
        "not-a-core-member",
    ),
    "suspend_member": Row(
        "members",
        "/members/{member_id}/suspension",
        Stage.newcomer,
        "auc",
        "cemr",
        "not-a-core-member",
    ),
    "reinstate_member": Row(
        "members",
        "/members/{member_id}/reinstatement",
        Stage.suspension,
        "auc",
        "cemr",
        "not-a-core-member",
    ),
    "leave": Row("members", "/members/{member_id}/departure", Stage.leaver, "leaver", "irpin"),
    "declare_partnership": Row("members", "/partnerships", Stage.nothing, "irpin"),
    "confirm_partnership": Row(
        "members",
        "/partnerships/{partnership_id}/confirmation",
        Stage.declaration,
        "irpin",
        "cascais",
    ),
    "end_partnership": Row(
        "members", "/partnerships/{partnership_id}/end", Stage.declaration, "irpin", "cascais"
    ),
    "issue_credential": Row("members", "/credentials", Stage.nothing, "irpin", "cascais"),
    "rotate_credential": Row(
        "members", "/credentials/{credential_id}/rotations", Stage.credential, "irpin", "cascais"
    ),
    "revoke_credential": Row(
        "members", "/credentials/{credential_id}/revocations", Stage.credential, "irpin", "cascais"
    ),
    "post_need": Row(
        "projects", "/needs", Stage.nothing, "borodianka", "cascais", "not-an-authority"
    ),
    "amend_need": _need("amendments", Stage.need),
    "withdraw_need": _need("withdrawal", Stage.need),
    "prepare_project": _need("preparation", Stage.need),
    "start_project": _need("start", Stage.agreement),
    "suspend_project": _need("suspension", Stage.work),
    "resume_project": _need("resumption", Stage.standstill),
    "cancel_project": _need("cancellation", Stage.prepared),
    "record_milestone": _need("milestones", Stage.work),
    "complete_project": _need("completion", Stage.work),
    "verify_completion": Row(
        "projects",
        "/needs/{need_id}/verification",
        Stage.built,
        "cor",
        "cascais",
        "not-independent",
    ),
    "make_pledge": Row(
        "matching", "/pledges", Stage.nothing, "cascais", "borodianka", "not-a-partner"
    ),
    "preview_pledge": Row(
        "matching", "/matches/previews", Stage.partner, "cascais", "celle", previews=True
    ),
    "amend_pledge": Row(
        "matching", "/pledges/{pledge_id}/amendments", Stage.pledge_made, "cascais", "celle"
    ),
    "withdraw_pledge": Row(
        "matching", "/pledges/{pledge_id}/withdrawal", Stage.pledge_made, "cascais", "celle"
    ),
    "propose_match": Row("matching", "/matches", Stage.declined, "cascais", "celle"),
    "accept_match": Row(
        "matching", "/matches/{match_id}/acceptances", Stage.proposal, "cascais", "celle"
    ),
    "decline_match": Row(
        "matching", "/matches/{match_id}/declines", Stage.proposal, "borodianka", "irpin"
    ),
    "deliver": Row(
        "matching", "/matches/{match_id}/deliveries", Stage.agreement, "borodianka", "cascais"
    ),
    "ask_for_round": Row("matching", "/rounds", Stage.nothing, "operator"),
    "set_rates": Row("matching", "/rates", Stage.nothing, "operator"),
    "set_contact": Row(
        "notify", "/contacts/{contact_ref}", Stage.contact, "operator", method="PUT"
    ),
    "ask_verification": Row(
        "notify",
        "/contacts/{contact_ref}/verifications",
        Stage.unverified,
        "reader",
        "cascais",
    ),
    "set_preferences": Row(
        "notify", "/preferences/{member_id}", Stage.of_irpin, "irpin", "cascais", method="PUT"
    ),
    "resend_notice": Row("notify", "/notices/{notice_id}/resendings", Stage.notice, "operator"),
    "erase_contact": Row(
        "notify", "/contacts/{contact_ref}", Stage.contact, "operator", method="DELETE"
    ),
    "replay_letter": Row("matching", "/dead-letters/{letter}/replay", Stage.letter, "operator"),
    "replay_letters": Row("matching", "/dead-letters/replay", Stage.letter, "operator"),
    "drop_letter": Row("matching", "/dead-letters/{letter}/drop", Stage.letter, "operator"),
    "register_webhook": Row("notify", "/webhooks", Stage.nothing, "irpin", "cascais"),
    "rotate_webhook_secret": _webhook("rotations"),
    "ping_webhook": _webhook("pings"),
    "enable_webhook": _webhook("enablings", Stage.disabled_webhook),
    "remove_webhook": _webhook("removals"),
    "replay_notice": _webhook("replays"),
}
"""Every command: `own` may do it, `other` has the role and is refused, since it is not its own."""


def asked(row: Row, staged: Json) -> str:
    """The path of a command about what is staged."""
    return row.path.format(**staged)
