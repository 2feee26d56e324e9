"""Webhooks of the service as a process, and servers that behave well or badly."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from cli.rebuild import rebuild
from deploy.local.ports import free_port
from deploy.local.stack import Stack
from shared.events.ids import Id, NeedId
from tests.notify.running import MailServer, Notify, alliance, forget_group, until
from tests.notify.samples import CASCAIS, IRPIN, Logs, applied, contact_of, need_posted
from tests.notify.webhooks.receiver import Receiver, a_gigabyte, after, code, hang

Json = Any
SETTINGS = {
    "ALLIANCE_WEBHOOKS_ALLOW_LOOPBACK": "true",
    "ALLIANCE_WEBHOOK_RETRY_SECONDS": "0.2",
    "ALLIANCE_WEBHOOK_TIMEOUT_SECONDS": "1.5",
}


@pytest.fixture(scope="module")
def notify(stack: Stack, server: MailServer) -> Iterator[Notify]:
    """The service, which knows Irpin and its address."""
    service = Notify(stack)
    service.start(server.port, ready=True, **SETTINGS)
    service.verified_contact(server.messages, contact_of(IRPIN), "mayor@irpin.example")
    service.publish([LOGS.envelope(applied(m)) for m in (IRPIN, CASCAIS)])
    until(lambda: service.db["recipients"].count_documents({}) == 2)
    yield service
    service.process.stop()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A webhook's server."""
    found = Receiver()
    yield found
    found.stop()


LOGS = Logs()


class Owner:
    """Irpin (or another member), asking by HTTP for its webhooks."""

    def __init__(self, notify: Notify, member: str = IRPIN) -> None:
        self.notify = notify
        token = notify.issuer.token("office", member_id=member, roles=("member",))
        self.headers = {"Authorization": f"Bearer {token}"}

    def post(self, path: str, body: Json = None, key: str | None = None) -> httpx.Response:
        headers = {**self.headers, "Idempotency-Key": key or str(uuid4()), "If-Match": "*"}
        return self.notify.http.post(path, json=body, headers=headers)

    def done(self, path: str, body: Json = None) -> Json:
        answer = self.post(path, body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def get(self, path: str) -> httpx.Response:
        return self.notify.http.get(path, headers=self.headers)

    def register(self, url: str, *kinds: str) -> tuple[str, str]:
        """A webhook's id and its secret."""
        found = self.done("/webhooks", {"url": url, "kinds": kinds})
        return found["id"], found["secret"]

    def attempts(self, webhook: str) -> list[Json]:
        """The newest last."""
        return list(reversed(self.get(f"/webhooks/{webhook}/attempts").json()))

    def outcomes(self, webhook: str) -> list[str | None]:
        return [attempt.get("outcome") for attempt in self.attempts(webhook)]


@pytest.fixture
def owner(notify: Notify) -> Iterator[Owner]:
    """Irpin, which removes its webhooks in the end."""
    found = Owner(notify)
    yield found
    for webhook in found.get("/webhooks").json():
        if webhook["status"] != "removed":
            found.done(f"/webhooks/{webhook['id']}/removals")


def tell(notify: Notify) -> str:
    """Something happens that Irpin is told of; the event's id."""
    event = LOGS.envelope(need_posted(NeedId.new()))
    notify.publish([event])
    return event.id


def to_webhooks(notify: Notify, about: str, number: int = 1) -> list[Json]:
    """What became of its notices to webhooks."""
    return notify.settled(number, about=about, channel="webhook")


def test_a_notice_arrives_signed_beside_the_mail_and_only_of_kinds_that_are_wanted(
    notify: Notify, owner: Owner, receiver: Receiver, server: MailServer
) -> None:
    """standardwebhooks takes it; the webhook-id is the notice's; a replay of events sends none."""
    webhook, secret = owner.register(receiver.url, "needs")
    owner.register(f"{receiver.url}/other", "partnerships")
    event = LOGS.envelope(need_posted(NeedId.new()))
    notify.publish([event])
    [notice] = to_webhooks(notify, event.id)
    [request] = receiver.requests
    said = Verifier(secret).verify(request.body, request.headers)
    assert (said["type"], said["data"]["id"]) == ("need-posted", event.id)
    assert said["data"]["data"] == json.loads(event.data)
    assert request.headers["webhook-id"] == notice["_id"] == notice["message_id"]
    assert (notice["status"], notice["webhook_id"], notice["attempts"]) == ("sent", webhook, 1)
    [by_mail] = notify.settled(1, about=event.id, channel="email")
    assert by_mail["status"] == "sent"
    [attempt] = owner.attempts(webhook)
    assert (attempt["outcome"], attempt["code"]) == ("taken", 204)
    assert attempt["milliseconds"] >= 0
    notify.publish([event])
    time.sleep(1)
    assert len(receiver.requests) == 1


def test_a_secret_and_a_url_are_shown_to_their_owner_only(
    notify: Notify, owner: Owner, receiver: Receiver
) -> None:
    """The secret once, also where the request is repeated; neither in the log nor in any event."""
    key, body = str(uuid4()), {"url": f"{receiver.url}?token=hush"}
    first, again = (owner.post("/webhooks", body, key).json() for _ in range(2))
    assert first["secret"].startswith("whsec_")
    assert "secret" not in again
    assert again["id"] == first["id"]
    shown = owner.get(f"/webhooks/{first['id']}").json()
    assert shown["url"] == body["url"]
    assert "secret" not in shown
    other = Owner(notify, CASCAIS)
    path = f"/webhooks/{first['id']}"
    assert other.get(path).status_code == other.get(f"{path}/attempts").status_code == 403
    assert notify.http.get(path, headers={"Authorization": ""}).status_code == 401
    assert other.get("/webhooks").json() == []
    assert other.get(f"/webhooks?member_id={IRPIN}").status_code == 403
    for step in ("rotations", "pings", "enablings", "removals", "replays"):
        given = {"rotations": {}, "replays": {"notice_id": str(Id.new())}}.get(step)
        assert other.post(f"{path}/{step}", given).status_code == 403, step
    assert other.post("/webhooks", {**body, "member_id": IRPIN}).status_code == 403
    assert notify.http.get("/webhooks").json()  # operators see them all
    for collection in ("log", "webhooks", "notices", "requests", "deliveries"):
        found = json.dumps(list(notify.db[collection].find()), default=str)
        assert "hush" not in found, collection
        assert first["secret"] not in found, collection
    printed = notify.process.log_file.read_text()
    assert "hush" not in printed
    assert first["secret"] not in printed


def test_places_that_are_not_public_are_refused_without_the_url(owner: Owner) -> None:
    """Names that do not exist yet are taken."""
    for url in (
        "https://169.254.169.254/hush",
        "https://10.0.0.1/hush",
        "https://[::ffff:127.0.0.1]/hush",
        "https://[fd00:ec2::254]/hush",
        "https://0x7f.1/hush",
        "http://193.109.164.1/hush",
        "ftp://hooks.irpin.example/hush",
    ):
        answer = owner.post("/webhooks", {"url": url})
        assert answer.status_code == 422, url
        assert answer.json()["errors"][0]["pointer"] == "/url"
        assert "hush" not in answer.text
    assert owner.post("/webhooks", {"url": "https://hooks.irpin.example/"}).status_code == 201


def test_during_a_rotation_both_secrets_sign_and_then_the_new_one_only(
    notify: Notify, owner: Owner, receiver: Receiver
) -> None:
    """Until the moment that was stated."""
    webhook, old = owner.register(receiver.url)
    new = owner.done(f"/webhooks/{webhook}/rotations", {"overlap_seconds": 4})["secret"]
    to_webhooks(notify, tell(notify))
    for secret in (old, new):
        assert Verifier(secret).verify(receiver.requests[0].body, receiver.requests[0].headers)
    time.sleep(4)
    to_webhooks(notify, tell(notify))
    last = receiver.requests[-1]
    assert Verifier(new).verify(last.body, last.headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(old).verify(last.body, last.headers)
    assert "old_secret" not in (notify.db["endpoints"].find_one({"_id": webhook}) or {})


def test_500_then_200_and_429_with_retry_after(
    notify: Notify, owner: Owner, receiver: Receiver
) -> None:
    """Tried again under the same id; not before the time that the server asked for."""
    webhook, secret = owner.register(receiver.url)
    receiver.answers = [code(500), code(429, Retry_After="2")]
    [notice] = to_webhooks(notify, tell(notify))
    assert (notice["status"], notice["attempts"]) == ("sent", 3)
    assert owner.outcomes(webhook) == ["refused", "busy", "taken"]
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
    moments = [int(request.headers["webhook-timestamp"]) for request in receiver.requests]
    assert moments[2] - moments[1] >= 1
    begun = [attempt["begun"] for attempt in owner.attempts(webhook)]
    assert begun[2] > owner.attempts(webhook)[1]["again_after"]
    for request in receiver.requests:
        assert Verifier(secret).verify(request.body, request.headers)


def test_a_server_that_hangs_holds_up_no_other(
    notify: Notify, owner: Owner, receiver: Receiver
) -> None:
    """Two webhooks: ten notices reach the one while the other one is silent."""
    silent = Receiver(usual=hang)
    stuck, _ = owner.register(silent.url)
    quick, _ = owner.register(receiver.url)
    events = [LOGS.envelope(need_posted(NeedId.new())) for _ in range(10)]
    began = time.monotonic()
    notify.publish(events)
    until(lambda: len(receiver.requests) == 10)
    print(f"10 notices beside a silent server in {time.monotonic() - began:.1f} s")
    assert len(silent.requests) <= 3
    until(lambda: "no-answer" in owner.outcomes(stuck))
    assert set(owner.outcomes(quick)) == {"taken"}
    silent.stop()


def test_a_message_that_a_server_does_not_take_holds_up_no_other(
    notify: Notify, owner: Owner, receiver: Receiver
) -> None:
    """The first is answered 400 again and again; the second goes through meanwhile."""
    owner.register(receiver.url)
    receiver.answers = [code(400)]
    first, second = tell(notify), tell(notify)
    found = [*to_webhooks(notify, first), *to_webhooks(notify, second)]
    assert sorted(n["attempts"] for n in found) == [1, 2]


def test_a_gigabyte_is_not_read_and_a_redirect_not_followed(
    notify: Notify, owner: Owner, receiver: Receiver
) -> None:
    """200 is 200 whatever follows; a redirect is a refusal, which the owner may have replayed."""
    webhook, _ = owner.register(receiver.url)
    receiver.answers = [a_gigabyte]
    [notice] = to_webhooks(notify, tell(notify))
    assert notice["status"] == "sent"
    other = Receiver()
    receiver.answers = [code(308, Location=other.url)]
    [notice] = to_webhooks(notify, tell(notify))
    assert (notice["status"], notice["reason"]) == ("failed", "message-refused")
    assert other.requests == []
    other.stop()

    path = f"/webhooks/{webhook}/replays"
    assert owner.done(path, {"notice_id": notice["_id"]})["status"] == "queued"
    [again] = to_webhooks(notify, notice["about"])
    assert (again["status"], again["attempts"], again.get("reason")) == ("sent", 1, None)
    ids = [request.headers["webhook-id"] for request in receiver.requests]
    assert ids[1:] == [notice["_id"]] * 2
    assert owner.outcomes(webhook) == ["taken", "redirected", "taken"]
    [mail_notice] = notify.settled(1, about=notice["about"], channel="email")
    assert owner.post(path, {"notice_id": mail_notice["_id"]}).status_code == 403


def test_a_410_disables_and_the_owner_is_told_by_mail(
    notify: Notify, owner: Owner, receiver: Receiver, server: MailServer
) -> None:
    """Nothing more is sent until the owner enables it; what was missed may be replayed."""
    webhook, _ = owner.register(receiver.url)
    receiver.answers = [code(410)]
    [notice] = to_webhooks(notify, tell(notify))
    assert (notice["status"], notice["reason"]) == ("failed", "address-refused")
    shown = owner.get(f"/webhooks/{webhook}").json()
    assert (shown["status"], shown["cause"]) == ("disabled", "gone")
    [told] = notify.settled(1, message="webhook-disabled", thread=webhook)
    assert (told["status"], told["channel"]) == ("sent", "email")
    letter = next(m for m in server.messages if m["Message-ID"] == told["message_id"])
    assert "webhook" in letter["Subject"]
    text = "".join(part.get_content() for part in letter.iter_parts())
    assert webhook in text
    assert receiver.url not in text
    about = tell(notify)
    notify.settled(1, about=about, channel="email")
    assert notify.notices(about=about, channel="webhook") == []
    assert owner.done(f"/webhooks/{webhook}/enablings")["status"] == "enabled"
    owner.done(f"/webhooks/{webhook}/replays", {"notice_id": notice["_id"]})
    [again] = to_webhooks(notify, notice["about"])
    assert again["status"] == "sent"


def test_a_ping_is_sent_at_once_and_once(notify: Notify, owner: Owner, receiver: Receiver) -> None:
    """Also while the webhook pauses; its attempt says what came of it."""
    webhook, secret = owner.register(receiver.url)
    receiver.answers = [code(503, Retry_After="600")]
    about = tell(notify)
    until(lambda: owner.outcomes(webhook) == ["busy"])
    pinged = owner.done(f"/webhooks/{webhook}/pings")
    [ping] = notify.settled(1, _id=pinged["id"])
    assert ping["status"] == "sent"
    request = receiver.requests[-1]
    said = Verifier(secret).verify(request.body, request.headers)
    assert (said["type"], said["data"]["subject"]) == ("ping", webhook)
    assert notify.notices(about=about, status="queued", channel="webhook")
    receiver.answers = [code(500)]
    failed = owner.done(f"/webhooks/{webhook}/pings")
    [ping] = notify.settled(1, _id=failed["id"])
    assert (ping["status"], ping["reason"], ping["attempts"]) == ("failed", "gave-up", 1)


def test_what_is_removed_gets_nothing_and_its_url_is_erased(
    notify: Notify, owner: Owner, receiver: Receiver
) -> None:
    """Also what was queued for it."""
    webhook, _ = owner.register(receiver.url)
    receiver.usual = code(503, Retry_After="3")
    about = tell(notify)
    until(lambda: owner.outcomes(webhook) == ["busy"])
    assert owner.done(f"/webhooks/{webhook}/removals")["status"] == "removed"
    [notice] = to_webhooks(notify, about)
    assert (notice["status"], notice["reason"]) == ("failed", "webhook-closed")
    assert notify.db["endpoints"].find_one({"_id": webhook}) is None
    assert "url" not in owner.get(f"/webhooks/{webhook}").json()
    assert owner.post(f"/webhooks/{webhook}/pings").status_code == 409
    assert len(receiver.requests) == 1


def test_killed_between_request_and_record_it_sends_again_under_the_same_id(
    notify: Notify, owner: Owner, receiver: Receiver, server: MailServer
) -> None:
    """SIGKILL while the server answers: the attempt is uncertain, and the only duplicate."""
    webhook, _ = owner.register(receiver.url)
    receiver.usual = after(0.3, code(204))
    events = [LOGS.envelope(need_posted(NeedId.new())) for _ in range(12)]
    about = {"$in": [event.id for event in events]}
    notify.publish(events)
    until(lambda: len(notify.notices(about=about, channel="webhook")) == 12)
    for kill in range(1, 4):
        until(partial(receiver.has, 3 * kill))
        notify.process.kill()
        notify.start(server.port, ready=False, **SETTINGS)
    found = notify.settled(12, timeout=120, about=about, channel="webhook")
    assert {notice["status"] for notice in found} == {"sent"}
    received = Counter(request.headers["webhook-id"] for request in receiver.requests)
    assert set(received) == {notice["_id"] for notice in found}
    twice = sum(received.values()) - len(received)
    uncertain = owner.outcomes(webhook).count("uncertain")
    assert twice <= uncertain <= 3
    assert uncertain >= 1
    assert sum(notice.get("uncertain") or 0 for notice in found) == uncertain
    print(f"12 notices, 3 kills: none lost, {twice} sent twice, {uncertain} marked uncertain")


def test_killed_between_the_attempt_and_what_it_means_it_sends_no_second_time(
    notify: Notify, owner: Owner, receiver: Receiver, server: MailServer
) -> None:
    """The attempt is known to have been taken: the notice is closed by it, whatever became of the
    webhook meanwhile."""
    webhook, _ = owner.register(receiver.url)
    notify.process.stop()
    notify.start(server.port, ready=True, armed="webhook-taken:1", **SETTINGS)
    about = tell(notify)
    until(lambda: not notify.process.alive())
    assert notify.notices(about=about, channel="webhook")[0]["status"] == "queued"
    notify.start(server.port, ready=True, **SETTINGS)
    [notice] = to_webhooks(notify, about)
    assert (notice["status"], notice["attempts"]) == ("sent", 1)
    assert owner.outcomes(webhook) == ["taken"]
    assert len(receiver.requests) == 1


def test_a_webhook_that_takes_nothing_for_long_is_disabled(
    notify: Notify, owner: Owner, server: MailServer
) -> None:
    """Nobody listens: after so many attempts over so long a time; pauses grow in between."""
    notify.process.stop()
    short = {"ALLIANCE_WEBHOOK_DISABLE_SECONDS": "2", "ALLIANCE_WEBHOOK_DISABLE_ATTEMPTS": "3"}
    longest = {"ALLIANCE_WEBHOOK_LONGEST_PAUSE_SECONDS": "1"}
    notify.start(server.port, ready=True, **SETTINGS, **short, **longest)
    webhook, _ = owner.register(f"http://127.0.0.1:{free_port()}/")
    [notice] = to_webhooks(notify, tell(notify))
    assert (notice["status"], notice["reason"]) == ("failed", "gave-up")
    shown = owner.get(f"/webhooks/{webhook}").json()
    assert (shown["status"], shown["cause"]) == ("disabled", "failing")
    assert set(owner.outcomes(webhook)) == {"no-answer"}
    [told] = notify.settled(1, message="webhook-disabled", thread=webhook)
    assert told["status"] == "sent"


def test_a_replay_of_everything_sends_nothing(
    notify: Notify, owner: Owner, receiver: Receiver, server: MailServer
) -> None:
    """Rebuilding from the logs, and reading every topic again, with both servers listening."""
    owner.register(receiver.url)
    event = tell(notify)
    to_webhooks(notify, event)
    notify.settled(1, about=event, channel="email")
    until(lambda: notify.db["log"].count_documents({"position": None}) == 0)
    before = (len(receiver.requests), len(server.messages), notify.db["log"].count_documents({}))
    addresses = notify.stack.addresses
    found = asyncio.run(rebuild("notify", addresses.kafka, addresses.mongodb))
    assert found.equal, found.different
    handled = notify.db["inbox"].count_documents({})
    notify.process.stop()
    asyncio.run(forget_group(addresses.kafka, "notify"))
    notify.start(server.port, ready=True, **SETTINGS)
    until(lambda: notify.http.get("/health/progress").json()["inbox"].get("repeated", 0) >= handled)
    time.sleep(1.5)
    after_it = (len(receiver.requests), len(server.messages), notify.db["log"].count_documents({}))
    assert after_it == before


def test_a_person_looks_after_a_webhook(notify: Notify, receiver: Receiver) -> None:
    """By `alliance webhooks`: register, ping, attempts, replay, rotate, enable and remove."""

    def run(*words: str, code: int = 0) -> Json:
        status, said = alliance(notify, IRPIN, "webhooks", *words)
        assert status == code, said
        return json.loads(said) if code == 0 else said

    registered = run("register", receiver.url, "--kind", "needs")
    webhook, secret = registered["id"], registered["secret"]
    assert [w["id"] for w in run("list", "--status", "enabled")] == [webhook]
    assert run("show", webhook)["kinds"] == ["needs"]
    run("ping", webhook)
    until(lambda: len(receiver.requests) == 1)
    [notice] = to_webhooks(notify, tell(notify))
    run("replay", webhook, notice["_id"])
    until(lambda: len(receiver.requests) == 3)
    until(lambda: {a["outcome"] for a in run("attempts", webhook)} == {"taken"})
    assert [a["message"] for a in run("attempts", webhook)] == ["need-posted"] * 2 + ["ping"]
    assert run("rotate", webhook, "--overlap-hours", "1")["secret"] != secret
    assert "enabled" in run("enable", webhook, code=1)
    assert run("remove", webhook)["status"] == "removed"
    assert "http" in run("register", "ftp://hooks.irpin.example/", code=1)
