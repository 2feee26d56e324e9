"""Webhooks' lives, and which messages they get."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from services.notify.model import notice_id as id_of
from services.notify.webhooks import model, payload
from services.notify.webhooks.model import (
    MOST_OF_A_MEMBER,
    TooManyWebhooks,
    Webhook,
    WebhookEnabledAlready,
    WebhookRemovedAlready,
    evolve_webhook,
)
from shared.actor import Actor
from shared.errors import InvalidInput, NotYours
from shared.events.ids import WebhookId
from shared.events.notify import WebhookDisabled, WebhookRemoved
from tests.notify.samples import CASCAIS, IRPIN, Logs, an_id, proposed

ID = an_id(WebhookId, "1")
OWNER = Actor(f"member:{IRPIN}", IRPIN, frozenset({"member"}))
OTHER = Actor(f"member:{CASCAIS}", CASCAIS, frozenset({"member"}))
OPERATOR = Actor("operator:x", None, frozenset({"operator"}))
NOW = datetime(2026, 3, 5, tzinfo=UTC)


def registered(*kinds: str) -> Webhook:
    return evolve_webhook(None, model.register(ID, IRPIN, kinds, 0, OWNER))  # type: ignore[arg-type]


def removed() -> Webhook:
    return evolve_webhook(registered(), WebhookRemoved(webhook_id=ID, member_id=IRPIN))


def test_a_webhook_gets_all_kinds_or_those_it_names_and_none_while_it_is_disabled() -> None:
    """No kind named means all."""
    assert model.wants(registered(), "needs")
    assert model.wants(registered("matches"), "matches")
    assert not model.wants(registered("matches"), "needs")
    disabled = evolve_webhook(registered(), model.disable(registered(), "gone"))
    assert (disabled.status, disabled.cause) == ("disabled", "gone")
    assert not model.wants(disabled, "needs")
    enabled = evolve_webhook(disabled, model.enable(disabled, OWNER))
    assert enabled == registered()


def test_a_webhook_is_its_members_and_the_operators() -> None:
    """Nobody else registers, rotates, enables or removes it."""
    webhook = registered()
    assert model.register(ID, IRPIN, (), 0, OPERATOR)
    for act in (
        lambda: model.register(ID, IRPIN, (), 0, OTHER),
        lambda: model.rotate(webhook, timedelta(0), OTHER, NOW),
        lambda: model.enable(webhook, OTHER),
        lambda: model.remove(webhook, OTHER),
        lambda: model.must_be_of(None, OTHER),
    ):
        with pytest.raises(NotYours):
            act()


def test_what_is_removed_is_over() -> None:
    """It is neither rotated, enabled nor removed again, and no event follows."""
    for act in (
        lambda: model.rotate(removed(), timedelta(0), OWNER, NOW),
        lambda: model.enable(removed(), OWNER),
        lambda: model.remove(removed(), OWNER),
    ):
        with pytest.raises(WebhookRemovedAlready):
            act()
    with pytest.raises(TypeError):
        evolve_webhook(
            removed(), WebhookDisabled(webhook_id=ID, member_id=IRPIN, cause="gone", reason="x")
        )


def test_an_enabled_webhook_is_not_enabled_again() -> None:
    """It says so."""
    with pytest.raises(WebhookEnabledAlready):
        model.enable(registered(), OWNER)


def test_there_is_a_most_of_webhooks_and_no_kind_is_named_twice() -> None:
    """Each of them gets every notice."""
    with pytest.raises(TooManyWebhooks):
        model.register(ID, IRPIN, (), MOST_OF_A_MEMBER, OWNER)
    with pytest.raises(InvalidInput):
        model.register(ID, IRPIN, ("needs", "needs"), 0, OWNER)


def test_the_old_secret_has_an_end_that_is_stated() -> None:
    """In the event, so that its owner can read until when both sign."""
    event = model.rotate(registered(), timedelta(days=1), OWNER, NOW)
    assert event.old_valid_until == "2026-03-06T00:00:00.000000Z"
    assert evolve_webhook(registered(), event).old_secret_valid_until == event.old_valid_until


def test_one_decision_has_a_notice_for_each_destination() -> None:
    """Mail and two webhooks: three ids, the same each time."""
    ids = [id_of("e1", IRPIN, "m", *to) for to in ((), (ID,), (an_id(WebhookId, "2"),))]
    assert len(set(ids)) == 3
    assert ids[1] == id_of("e1", IRPIN, "m", ID)


def test_what_is_sent_is_the_event_without_who_acted_and_our_traces() -> None:
    """A public envelope and the event's own data; the same bytes each time."""
    envelope = Logs().envelope(proposed(), actor="operator:olena")
    body = payload.body("match-proposed", envelope)
    assert body == payload.body("match-proposed", envelope)
    said = json.loads(body)
    assert (said["type"], said["timestamp"]) == ("match-proposed", envelope.time)
    assert said["data"]["data"] == json.loads(envelope.data)
    assert said["data"]["id"] == envelope.id
    assert b"olena" not in body
    assert envelope.correlation_id.encode() not in body
