"""Messages about sending itself: to operators, to owners of webhooks, to unverified addresses."""

from services.notify.messages.form import Message

OPERATIONS = {
    "delivery-failed": Message(
        "A notice could not be delivered",
        ("A notice could not be delivered, and is not tried again.",),
        (
            ("Notice", "{notice}"),
            ("Recipient", "{recipient}"),
            ("Message", "{message}"),
            ("Reason", "{reason}"),
            ("Attempts", "{attempts}"),
        ),
        ("Once the cause is gone, send it again: alliance notices resend {notice}",),
    ),
    "webhook-disabled": Message(
        "Your webhook was disabled",
        ("A webhook of {member} gets nothing more: {cause}.",),
        (("Webhook", "{webhook}"),),
        (
            "What it was to be told meanwhile is not lost: when its server works again, enable "
            "the webhook and have the notices sent once more.",
        ),
    ),
    "address-suspended": Message(
        "An address was suspended",
        ("The mail server refused an address for good; nothing more is sent to it.",),
        (("Member", "{member}"), ("Contact", "{contact}"), ("Reason", "{reason}")),
        ("Please ask the member for another address; it is verified before it is used.",),
    ),
    "dead-letters": Message(
        "Events could not be handled",
        ("{service} could not handle some events and has put them aside.",),
        (
            ("How many", "{count}"),
            ("Topic", "{topic}"),
            ("First", "{first}"),
            ("Error", "{error}"),
        ),
        ("What comes after them about the same subjects waits. See docs/reliability.md.",),
    ),
    "verification": Message(
        "Please confirm this address",
        (
            "Somebody entered this address for notices of the Alliance for the Reconstruction of "
            "Ukraine. Please confirm that it is yours.",
        ),
        (("The link is valid until", "{valid_until}"),),
        ("If you know nothing of this, do nothing: nothing else is sent to this address.",),
        "Confirm this address",
    ),
}
