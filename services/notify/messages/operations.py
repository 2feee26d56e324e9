"""Messages about sending itself: to operators, to owners of webhooks, to unverified addresses."""

from services.notify.messages.form import Message

OPERATIONS = {
    "delivery-failed": Message(
        "Notices could not be delivered",
        ("Some notices could not be delivered, and are not tried again. Of the first:",),
        (
            ("How many", "{count}"),
            ("Notice", "{notice}"),
            ("Recipient", "{recipient}"),
            ("Message", "{message}"),
            ("Reason", "{reason}"),
            ("Attempts", "{attempts}"),
        ),
        (
            "All of them: alliance notices list --status failed. Once the cause is gone, send each "
            "again: alliance notices resend {notice}",
        ),
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
        (
            "What comes after them about the same subjects waits. Look at them with alliance "
            "dead-letters list; once the cause is gone, handle them again with alliance "
            "dead-letters replay.",
        ),
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
