"""The messages in English."""

from services.notify.templates import Speech, Template

_MATCH = ("Need: {need} ({authority})", "Pledge: {pledge} ({partner})")

ENGLISH = Speech(
    messages={
        "member-admitted": Template(
            "{member}: admitted to the Alliance",
            (
                "{member} is now a member of the Alliance for the Reconstruction of Ukraine.",
                "Endorsed by: {endorsed_by}",
                "Reason: {reason}",
            ),
        ),
        "member-rejected": Template(
            "{member}: the application was turned down",
            (
                "The application of {member} was turned down by {rejected_by}.",
                "Reason: {reason}",
            ),
        ),
        "member-suspended": Template(
            "{member}: membership suspended",
            (
                "The membership of {member} is suspended.",
                "Decided by: {suspended_by}",
                "Reason: {reason}",
                "Until it is reinstated, nothing new is matched for it, and its proposals are "
                "released. What is agreed stands.",
            ),
        ),
        "member-reinstated": Template(
            "{member}: membership reinstated",
            (
                "The suspension of {member} has ended. It may pledge, ask and accept again.",
                "Decided by: {reinstated_by}",
                "Reason: {reason}",
            ),
        ),
        "member-left": Template(
            "{member} has left the Alliance",
            (
                "{member} has left the Alliance for the Reconstruction of Ukraine.",
                "Reason: {reason}",
                "Its partnerships have ended and what it offered or asked for is withdrawn. What "
                "is agreed stands.",
            ),
        ),
        "partnership-to-confirm": Template(
            "{declared_by} declares a partnership with you",
            (
                "{declared_by} declares a partnership of {ukrainian} and {partner}.",
                "Statement: {statement}",
                "Please confirm or decline it: it counts once you confirm.",
                "Partnership: {partnership}",
            ),
        ),
        "partnership-declared": Template(
            "Declared: {ukrainian} and {partner}",
            (
                "Your declaration of a partnership of {ukrainian} and {partner} is recorded.",
                "Statement: {statement}",
                "It counts once the other side confirms it; you will be told.",
                "Partnership: {partnership}",
            ),
        ),
        "partnership-confirmed": Template(
            "{ukrainian} and {partner} are twinned",
            (
                "The partnership of {ukrainian} and {partner} is confirmed.",
                "Confirmed by: {confirmed_by}",
            ),
        ),
        "partnership-ended": Template(
            "Ended: partnership of {ukrainian} and {partner}",
            (
                "The partnership of {ukrainian} and {partner} has ended, because {cause}.",
                "Ended by: {ended_by}",
                "It had been: {was}",
                "Reason: {reason}",
            ),
        ),
        "need-posted": Template(
            "Received: {need}",
            (
                "Your need “{need}” is recorded and public.",
                "What you ask for:{lines}",
                "Urgency: {urgency}",
                "You will be told as soon as a match is proposed.",
            ),
        ),
        "project-started": Template(
            "Work has begun: {need}",
            (
                "{authority} has begun work on “{need}”.",
                "Start: {start_date}",
                "Planned end: {planned_end_date}",
                "Planned scope: {planned_scope}",
                "Donors: {donors}",
            ),
        ),
        "project-suspended": Template(
            "Suspended: {need}",
            (
                "{authority} has suspended work on “{need}”.",
                "Cause: {cause}",
                "Reason: {reason}",
                "What is agreed stands; nothing new is proposed until work goes on.",
            ),
        ),
        "project-resumed": Template(
            "Work goes on: {need}",
            ("{authority} has resumed work on “{need}”.", "Reason: {reason}"),
        ),
        "project-cancelled": Template(
            "Given up: {need}",
            (
                "{authority} has given up the project “{need}”.",
                "Reason: {reason}",
                "Matches of which nothing was delivered are released; each is told of separately.",
            ),
        ),
        "milestone-recorded": Template(
            "{need}: {title} – {status}",
            (
                "{authority} recorded milestone {milestone} of “{need}”: {title}.",
                "Status: {status}",
                "Status before: {status_before}",
                "Date: {date}",
            ),
        ),
        "project-completed": Template(
            "Completed: {need}",
            (
                "{authority} recorded that the work on “{need}” is completed.",
                "End: {end_date}",
                "Final value: {final_value}",
                "What was built: {final_scope}",
                "Changed against the plan: {scope_change}",
                "An independent monitor will verify this.",
            ),
        ),
        "completion-verified": Template(
            "{need}: completion {finding}",
            (
                "{monitor} verified the completion of “{need}” ({authority}).",
                "Finding: {finding}",
                "Report: {report}",
            ),
        ),
        "pledge-made": Template(
            "Received: {pledge}",
            (
                "Your pledge “{pledge}” is recorded. It is indicative until a match is agreed.",
                "What you offer:{lines}",
                "Conditions: {conditions}",
                "Valid until: {valid_until}",
                "You will be told as soon as a match is proposed.",
            ),
        ),
        "pledge-expired": Template(
            "Expired: {pledge}",
            (
                "The last day of your pledge “{pledge}” has passed: {valid_until}.",
                "What of it is agreed stands; what was only proposed is released.",
                "You may pledge again at any time.",
            ),
        ),
        "match-proposed": Template(
            "Match proposed: {need} – {partner}",
            (
                "A match is proposed: {reserved} of a pledge for a need. {to_do}",
                *_MATCH,
                "Reserved of the pledge: {reserved}",
                "Covers of the need: {covers}",
                "Proposed by: {proposed_by}",
                "Reason: {reason}",
                "It lapses unless both sides have accepted by: {lapses_at}",
                "Match: {match}",
            ),
        ),
        "match-agreed": Template(
            "Match agreed: {need} – {partner}",
            (
                "Both sides have accepted: {partner} commits {reserved} to {authority}.",
                *_MATCH,
                "Covers of the need: {covers}",
                "Next: agree on the delivery with each other, and record it when it has happened.",
                "Match: {match}",
            ),
        ),
        "match-declined": Template(
            "Match declined: {need} – {partner}",
            (
                "{declined_by} declined the proposed match. What it held is free again.",
                "Reason: {reason}",
                *_MATCH,
                "Freed of the pledge: {reserved}",
                "Open again of the need: {covers}",
                "Match: {match}",
            ),
        ),
        "match-lapses-soon": Template(
            "Your answer is missing: {need} – {partner}",
            (
                "A proposed match waits for your answer. Please accept or decline it.",
                *_MATCH,
                "Reserved of the pledge: {reserved}",
                "Covers of the need: {covers}",
                "Accepted so far by: {accepted}",
                "Without your yes it lapses: {lapses_at}",
                "Match: {match}",
            ),
        ),
        "match-lapsed": Template(
            "Match lapsed: {need} – {partner}",
            (
                "The proposed match has lapsed, since its time has passed and not both sides have "
                "accepted. What it held is free again.",
                *_MATCH,
                "Accepted by: {accepted}",
                "Freed of the pledge: {reserved}",
                "Open again of the need: {covers}",
                "Match: {match}",
            ),
        ),
        "match-released": Template(
            "Match ended: {need} – {partner}",
            (
                "The match has ended, because {cause}. There is nothing left to do.",
                "Reason: {reason}",
                *_MATCH,
                "It had been: {was}",
                "Freed of the pledge: {reserved}",
                "Match: {match}",
            ),
        ),
        "match-flagged": Template(
            "Match goes on, with a reservation: {need} – {partner}",
            (
                "An agreed match goes on, but {cause}: {member}.",
                "Reason: {reason}",
                *_MATCH,
                "Reserved of the pledge: {reserved}",
                "What is agreed stands. Please settle with each other how it goes on.",
                "Match: {match}",
            ),
        ),
        "match-unflagged": Template(
            "Match without reservation again: {need} – {partner}",
            (
                "{member} is a member in good standing again; the reservation about an agreed "
                "match is lifted.",
                "Reason: {reason}",
                *_MATCH,
                "Match: {match}",
            ),
        ),
        "contribution-delivered": Template(
            "Delivered: {delivered} for {need}",
            (
                "A contribution of {partner} to {authority} is recorded as delivered.",
                *_MATCH,
                "Delivered: {delivered}",
                "Covers of the need: {delivered_covers}",
                "Still to come: {rest}",
                "Date: {date}",
                "What it was: {scope}",
                "If this is not what happened, please say so now.",
            ),
        ),
        "need-covered": Template(
            "Fully covered: {need}",
            (
                "Every line of your need “{need}” is agreed or delivered in full.",
                "You can record the start of the work.",
            ),
        ),
        "passed-over": Template(
            "A matching round passed over your pledge: {pledge}",
            (
                "A matching round has ended. Your pledge “{pledge}” could have served these needs "
                "and was not chosen:{lines}",
                "It stays available for the next round; nothing is left for you to do.",
            ),
        ),
        "webhook-disabled": Template(
            "Your webhook was disabled",
            (
                "A webhook of {member} gets nothing more: {cause}.",
                "What it was to be told meanwhile is not lost: when its server works again, enable "
                "the webhook and have the notices sent once more.",
                "Webhook: {webhook}",
            ),
        ),
    },
    to_do={
        "proposed": "Please accept or decline it.",
        "agreed": "Both sides have accepted it meanwhile; nothing is left to do.",
    },
    why={
        "authority": "You get this because this is your need.",
        "partner": "You get this because you are the partner.",
        "other side": "You get this because you are the other side of this match.",
        "silent": "You get this because your answer is missing.",
        "donors": "You get this because you gave to this project.",
        "monitor": "You get this as a receipt of your verification.",
        "member": "You get this because it is about your membership.",
        "endorser": "You get this because you endorsed this member.",
        "ukrainian": "You get this because you are the Ukrainian partner.",
        "declarer": "You get this as a receipt of your declaration.",
        "twin": "You get this because you are the other side of this partnership.",
    },
    greeting="Dear colleagues,",
    greeting_by_name="Dear {name},",
    footer="Recorded {when} as event {about}. Nobody reads answers to this address.",
    codes={
        "notMet": "not met",
        "partiallyMet": "partially met",
        "confirmed-with-reservations": "confirmed with reservations",
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
        "partner": "the partner",
        "ukraine": "the authority",
        "lower-tier": "what was chosen has precedence",
        "lower-score": "what was chosen scored higher",
        "later": "what was chosen scored the same and came first",
        "does-not-fit": "your pledge's terms allow no part as small as was left",
        "used-for-others": "your pledge was used for other needs",
        "covered-by-others": "others cover the need in full",
        "decision": "one side decided so",
        "gone": "its server answered that it is gone for good (410)",
        "failing": "its server has taken nothing for long",
    },
    units={"piece": "pieces", "person-day": "person-days", "set": "sets"},
    months=(
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ),
    date="{day} {month} {year}",
    money="{currency} {amount}",
    thousands=",",
    decimals=".",
)
