"""Messages about pledges and matches."""

from services.notify.messages.form import Message

_REASON = ("Reason", "{reason}")
_ENDS = (("Need", "{need} ({authority})"), ("Pledge", "{pledge} ({partner})"))
_RESERVED = ("Reserved of the pledge", "{reserved}")
_COVERS = ("Covers of the need", "{covers}")
_FREED = (("Freed of the pledge", "{reserved}"), ("Open again of the need", "{reopened}"))
_MATCH = ("Match", "{match}")
_OPEN = "Open the match"
_OPEN_PLEDGE = "Open the pledge"

MATCHES = {
    "pledge-made": Message(
        "Received: {pledge}",
        ("Your pledge “{pledge}” is recorded. It is indicative until a match is agreed.",),
        (
            ("What you offer", "{lines}"),
            ("Conditions", "{conditions}"),
            ("Valid from", "{valid_from}"),
            ("Valid until", "{valid_until}"),
        ),
        ("You will be told as soon as a match is proposed.",),
        _OPEN_PLEDGE,
    ),
    "pledge-expired": Message(
        "Expired: {pledge}",
        ("The last day of your pledge “{pledge}” has passed.",),
        (("Valid until", "{valid_until}"),),
        (
            "What of it is agreed stands; what was only proposed is released.",
            "You may pledge again at any time.",
        ),
        _OPEN_PLEDGE,
    ),
    "passed-over": Message(
        "A matching round passed over your pledge: {pledge}",
        (
            "A matching round has ended. Your pledge “{pledge}” could have served these needs "
            "and was not chosen.",
        ),
        (("Not chosen for", "{lines}"),),
        ("It stays available for the next round; nothing is left for you to do.",),
        _OPEN_PLEDGE,
    ),
    "match-proposed": Message(
        "Match proposed: {need} – {partner}",
        ("A match is proposed: {reserved} of a pledge for a need. {to_do}",),
        (
            *_ENDS,
            _RESERVED,
            _COVERS,
            ("Money for what was asked in kind, for one unit", "{unit_value}"),
            ("Proposed by", "{proposed_by}"),
            _REASON,
            ("It lapses unless both sides have accepted by", "{lapses_at}"),
            _MATCH,
        ),
        (),
        _OPEN,
    ),
    "match-agreed": Message(
        "Match agreed: {need} – {partner}",
        ("Both sides have accepted: {partner} commits {reserved} to {authority}.",),
        (*_ENDS, _COVERS, _MATCH),
        ("Next: agree on the delivery with each other, and record it when it has happened.",),
        _OPEN,
    ),
    "match-declined": Message(
        "Match declined: {need} – {partner}",
        ("{declined_by} declined the proposed match. What it held is free again.",),
        (_REASON, *_ENDS, *_FREED, _MATCH),
        (),
        _OPEN,
    ),
    "match-lapses-soon": Message(
        "Your answer is missing: {need} – {partner}",
        ("A proposed match waits for your answer. Please accept or decline it.",),
        (
            *_ENDS,
            _RESERVED,
            _COVERS,
            ("Accepted so far by", "{accepted}"),
            ("Without your yes it lapses", "{lapses_at}"),
            _MATCH,
        ),
        (),
        _OPEN,
    ),
    "match-lapsed": Message(
        "Match lapsed: {need} – {partner}",
        (
            "The proposed match has lapsed, since its time has passed and not both sides have "
            "accepted. What it held is free again.",
        ),
        (*_ENDS, ("Accepted by", "{accepted}"), *_FREED, _MATCH),
        (),
        _OPEN,
    ),
    "match-released": Message(
        "Match ended: {need} – {partner}",
        ("The match has ended, because {cause}. There is nothing left to do.",),
        (
            _REASON,
            *_ENDS,
            ("It had been", "{was}"),
            *_FREED,
            ("What takes its place", "{displaced_by}"),
            _MATCH,
        ),
        (),
        _OPEN,
    ),
    "match-flagged": Message(
        "Match goes on, with a reservation: {need} – {partner}",
        ("An agreed match goes on, but {cause}: {member}.",),
        (_REASON, *_ENDS, _RESERVED, _MATCH),
        ("What is agreed stands. Please settle with each other how it goes on.",),
        _OPEN,
    ),
    "match-unflagged": Message(
        "Match without reservation again: {need} – {partner}",
        (
            "{member} is a member in good standing again; the reservation about an agreed "
            "match is lifted.",
        ),
        (_REASON, *_ENDS, _MATCH),
        (),
        _OPEN,
    ),
    "contribution-delivered": Message(
        "Delivered: {delivered} for {need}",
        ("A contribution of {partner} to {authority} is recorded as delivered.",),
        (
            *_ENDS,
            ("Delivered", "{delivered}"),
            ("Covers of the need", "{delivered_covers}"),
            ("Still to come", "{rest}"),
            ("Date", "{date}"),
            ("What it was", "{scope}"),
        ),
        ("If this is not what happened, please say so now.",),
        _OPEN,
    ),
}
