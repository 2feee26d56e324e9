"""Messages about members and partnerships."""

from services.notify.messages.form import Message

_REASON = ("Reason", "{reason}")

MEMBERSHIP = {
    "application-received": Message(
        "Received: the application of {member}",
        (
            "The application of {member} to join the Alliance for the Reconstruction of Ukraine "
            "is recorded.",
        ),
        (("Associations it names", "{associations}"),),
        ("A core member of your side endorses it or turns it down; you will be told.",),
        "Open the application",
    ),
    "application-to-endorse": Message(
        "{member} asks to join the Alliance",
        ("{member} asks to join the Alliance and names you as its association.",),
        (),
        ("If you are a core member, please endorse the application or turn it down.",),
        "Open the application",
    ),
    "member-admitted": Message(
        "{member}: admitted to the Alliance",
        ("{member} is now a member of the Alliance for the Reconstruction of Ukraine.",),
        (("Endorsed by", "{endorsed_by}"), _REASON),
        (),
        "Open the member",
    ),
    "member-rejected": Message(
        "{member}: the application was turned down",
        ("The application of {member} was turned down by {rejected_by}.",),
        (_REASON,),
        (),
        "Open the member",
    ),
    "member-suspended": Message(
        "{member}: membership suspended",
        ("The membership of {member} is suspended.",),
        (("Decided by", "{suspended_by}"), _REASON),
        (
            "Until it is reinstated, nothing new is matched for it, and its proposals are "
            "released. What is agreed stands.",
        ),
        "Open the member",
    ),
    "member-reinstated": Message(
        "{member}: membership reinstated",
        ("The suspension of {member} has ended. It may pledge, ask and accept again.",),
        (("Decided by", "{reinstated_by}"), _REASON),
        (),
        "Open the member",
    ),
    "member-left": Message(
        "{member} has left the Alliance",
        ("{member} has left the Alliance for the Reconstruction of Ukraine.",),
        (_REASON,),
        (
            "Its partnerships have ended and what it offered or asked for is withdrawn. What "
            "is agreed stands.",
        ),
        "Open the member",
    ),
    "partnership-to-confirm": Message(
        "{declared_by} declares a partnership with you",
        ("{declared_by} declares a partnership of {ukrainian} and {partner}.",),
        (("Statement", "{statement}"), ("Partnership", "{partnership}")),
        ("Please confirm or decline it: it counts once you confirm.",),
        "Open the partnership",
    ),
    "partnership-declared": Message(
        "Declared: {ukrainian} and {partner}",
        ("Your declaration of a partnership of {ukrainian} and {partner} is recorded.",),
        (("Statement", "{statement}"), ("Partnership", "{partnership}")),
        ("It counts once the other side confirms it; you will be told.",),
        "Open the partnership",
    ),
    "partnership-confirmed": Message(
        "{ukrainian} and {partner} are twinned",
        ("The partnership of {ukrainian} and {partner} is confirmed.",),
        (("Confirmed by", "{confirmed_by}"),),
        (),
        "Open the partnership",
    ),
    "partnership-ended": Message(
        "Ended: partnership of {ukrainian} and {partner}",
        ("The partnership of {ukrainian} and {partner} has ended, because {cause}.",),
        (("Ended by", "{ended_by}"), ("It had been", "{was}"), _REASON),
        (),
        "Open the partnership",
    ),
}
