"""What messages share: codes in words, units, why somebody is told."""

from services.notify.audience import Party

WHY: dict[Party, str] = {
    "authority": "You get this because this is your need.",
    "partner": "You get this because you are the partner.",
    "other side": "You get this because you are the other side of this match.",
    "silent": "You get this because your answer is missing.",
    "donors": "You get this because you gave to this project.",
    "monitor": "You get this as a receipt of your verification.",
    "member": "You get this because it is about your membership.",
    "association": "You get this because the applicant names you as its association.",
    "endorser": "You get this because you endorsed this member.",
    "ukrainian": "You get this because you are the Ukrainian partner.",
    "declarer": "You get this as a receipt of your declaration.",
    "twin": "You get this because you are the other side of this partnership.",
}
"""Why each party is told."""

TO_DO = {
    "amended": (
        "What you added is open: a need that was fully covered is so no more until that is agreed, "
        "too. You will be told of each match that this ends."
    ),
    "proposed": "Please accept or decline it.",
    "agreed": "Both sides have accepted it meanwhile; nothing is left to do.",
    "declined": "It was declined meanwhile; nothing is left to do.",
    "lapsed": "It has lapsed meanwhile; nothing is left to do.",
    "released": "It has ended meanwhile; nothing is left to do.",
}
"""What is left to do: about a proposed match, by its status; about a need with other lines.

A proposal that has ended is asked for no more, but whoever was told of it has it in the feed.
"""

CODES = {
    "proposed": "proposed",
    "agreed": "agreed",
    "declared": "declared",
    "low": "low",
    "normal": "normal",
    "high": "high",
    "critical": "critical",
    "scheduled": "scheduled",
    "met": "met",
    "notMet": "not met",
    "partiallyMet": "partially met",
    "confirmed": "confirmed",
    "confirmed-with-reservations": "confirmed with reservations",
    "refuted": "refuted",
    "security": "security",
    "weather": "weather",
    "funding": "funding",
    "permits": "permits",
    "supply": "supply",
    "other": "other",
    "need-withdrawn": "the need was withdrawn",
    "project-completed": "the project is completed",
    "project-cancelled": "the project was given up",
    "need-amended": "the need was changed",
    "pledge-withdrawn": "the pledge was withdrawn",
    "pledge-expired": "the pledge has expired",
    "pledge-amended": "the pledge was changed",
    "member-suspended": "a member was suspended",
    "member-left": "a member has left the Alliance",
    "displaced": "a pair of a higher tier has come, and nobody had accepted this one",
    "decision": "one side decided so",
    "partner": "the partner",
    "ukraine": "the authority",
    "lower-tier": "what was chosen has precedence",
    "lower-score": "what was chosen scored higher",
    "later": "what was chosen scored the same and came first",
    "does-not-fit": "your pledge's terms allow no part as small as was left",
    "used-for-others": "your pledge was used for other needs",
    "covered-by-others": "others cover the need in full",
    "no-address": "there is no address",
    "address-refused": "the mail server refuses the address",
    "message-refused": "the mail server refuses the message",
    "gave-up": "every attempt failed",
    "gone": "its server answered that it is gone for good (410)",
    "failing": "its server has taken nothing for long",
    "superseded": "it was overtaken by events",
}
"""Codes of events in words; a code that is not here is shown as it is."""

UNITS = {
    "piece": ("{count} piece", "{count} pieces"),
    "person-day": ("{count} person-day", "{count} person-days"),
    "set": ("{count} set", "{count} sets"),
    "tonne": ("{count} tonne", "{count} tonnes"),
    "litre": ("{count} litre", "{count} litres"),
    "metre": ("{count} metre", "{count} metres"),
}
"""Units of goods and services, one and many; a unit that is not here is shown as it is."""
