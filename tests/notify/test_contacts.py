"""How an address comes to be written to, and how it ceases to be: decided and folded."""

import pytest

from services.notify.contacts import model
from services.notify.contacts.model import ContactState, Limits, NotUnverified
from shared.events.ids import ContactRef
from shared.events.notify import ContactChanged, ContactErased, ContactMailSent
from shared.events.registry import Event
from shared.limiting import TooManyRequests
from tests.notify.samples import IRPIN, contact_of

REF: ContactRef = contact_of(IRPIN)
LIMITS = Limits(pause=300, a_day=5)


def after(*events: Event) -> ContactState:
    """The contact after some events."""
    state: ContactState | None = None
    for event in (ContactChanged(contact_ref=REF, edition=1), *events):
        state = model.evolve(state, event)
    assert state is not None
    return state


def verified() -> ContactState:
    """A contact whose first address is verified."""
    event = model.verify(after(), 1)
    assert event is not None
    return model.evolve(after(), event)


def sent(state: ContactState, number: int = 1) -> ContactState:
    """The same when the mail that was due has gone."""
    went = {"mail": "verification", "number": number, "message_id": "<a@b.example>"}
    event = ContactMailSent.model_validate({"contact_ref": REF, "edition": state.edition} | went)
    return model.evolve(state, event)


def test_the_same_address_again_stays_verified_and_another_is_not() -> None:
    """Only a change of the address asks anew; the links and mails of the one before are void."""
    state = verified()
    assert model.write(state, REF, same=True) is None
    changed = model.write(state, REF, same=False)
    assert changed == ContactChanged(contact_ref=REF, edition=2)
    anew = model.evolve(state, changed)
    assert (anew.status, anew.due, anew.asked) == ("unverified", ("verification",), 1)
    assert model.verify(anew, 1) is None
    assert model.verify(anew, 2) is not None


def test_a_suspended_address_is_lifted_by_writing_it_again_and_verifying_it() -> None:
    """The link that was sent before it bounced does not lift it."""
    bounced = model.suspend(verified(), 1, 550, report=True)
    assert bounced is not None
    state = model.evolve(verified(), bounced)
    assert (state.status, state.code, state.due) == ("suspended", 550, ("address-suspended",))
    assert model.verify(state, 1) is None
    assert model.suspend(state, 1, 550, report=True) is None
    with pytest.raises(NotUnverified):
        model.ask(state, [], LIMITS)
    again = model.write(state, REF, same=True)
    assert again is not None
    assert model.evolve(state, again).status == "unverified"


def test_a_bounce_of_the_address_before_does_not_suspend_the_one_after() -> None:
    """The answer came for another address than is there now."""
    anew = model.evolve(verified(), ContactChanged(contact_ref=REF, edition=2))
    assert model.suspend(anew, 1, 550, report=True) is None


def test_each_mail_has_an_id_of_its_own_that_stays_the_same() -> None:
    """By version of the address and number of the mail: an attempt that is made again is known."""
    first = after()
    asked = model.evolve(sent(first), model.ask(sent(first), [1.0], LIMITS))
    anew = model.evolve(first, ContactChanged(contact_ref=REF, edition=2))
    ids = [model.mail_id(state, "verification") for state in (first, asked, anew)]
    assert len(set(ids)) == 3
    assert model.mail_id(after(), "verification") == ids[0]
    assert sent(asked, 1).due == ("verification",)
    assert sent(asked, 2).due == ()


def test_mails_to_verify_are_not_asked_for_without_end() -> None:
    """One more at once, then one in five minutes, five in a day; the answer says when."""
    state = sent(after())
    state = sent(model.evolve(state, model.ask(state, [1.0], LIMITS)), 2)
    with pytest.raises(TooManyRequests) as too_soon:
        model.ask(state, [10.0, 11.0], LIMITS)
    assert too_soon.value.facts["retry_after"] in (290, 291)
    assert model.ask(state, [301.0, 302.0], LIMITS).number == 3
    with pytest.raises(TooManyRequests) as too_many:
        model.ask(state, [80_000.0, 4_000.0, 3_000.0, 2_000.0, 1_000.0], LIMITS)
    assert 6_400 <= int(too_many.value.facts["retry_after"]) <= 6_401


def test_a_contact_that_is_erased_can_only_be_written_anew() -> None:
    """Nothing is due for it, and no link verifies it."""
    state = model.evolve(verified(), ContactErased(contact_ref=REF))
    assert (state.status, state.due) == ("erased", ())
    assert model.verify(state, 1) is None
    assert model.suspend(state, 1, 550, report=False) is None
    assert model.write(state, REF, same=False) == ContactChanged(contact_ref=REF, edition=2)
