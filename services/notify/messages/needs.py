"""Messages about needs and their projects."""

from services.notify.messages.form import Message

_REASON = ("Reason", "{reason}")
_NEED = "Open the need"
_PROJECT = "Open the project"

NEEDS = {
    "need-posted": Message(
        "Received: {need}",
        ("Your need “{need}” is recorded and public.",),
        (
            ("What you ask for", "{lines}"),
            ("Urgency", "{urgency}"),
            ("Reason of the urgency", "{urgency_reason}"),
        ),
        ("You will be told as soon as a match is proposed.",),
        _NEED,
    ),
    "need-amended": Message(
        "Changed: {need}",
        ("The change of your need “{need}” is recorded and public.",),
        (
            _REASON,
            ("What you ask for", "{lines}"),
            ("What you asked for before", "{lines_before}"),
            ("Urgency", "{urgency}"),
            ("Urgency before", "{urgency_before}"),
        ),
        ("{to_do}",),
        _NEED,
    ),
    "need-covered": Message(
        "Fully covered: {need}",
        ("Every line of your need “{need}” is agreed or delivered in full.",),
        (),
        ("You can record the start of the work.",),
        _NEED,
    ),
    "project-started": Message(
        "Work has begun: {need}",
        ("{authority} has begun work on “{need}”.",),
        (
            ("Start", "{start_date}"),
            ("Planned end", "{planned_end_date}"),
            ("Planned scope", "{planned_scope}"),
            ("Planned value", "{planned_value}"),
            ("Donors", "{donors}"),
        ),
        (),
        _PROJECT,
    ),
    "project-suspended": Message(
        "Suspended: {need}",
        ("{authority} has suspended work on “{need}”.",),
        (("Cause", "{cause}"), _REASON),
        ("What is agreed stands; nothing new is proposed until work goes on.",),
        _PROJECT,
    ),
    "project-resumed": Message(
        "Work goes on: {need}",
        ("{authority} has resumed work on “{need}”.",),
        (_REASON,),
        (),
        _PROJECT,
    ),
    "project-cancelled": Message(
        "Given up: {need}",
        ("{authority} has given up the project “{need}”.",),
        (_REASON,),
        ("Matches of which nothing was delivered are released; each is told of separately.",),
        _PROJECT,
    ),
    "milestone-recorded": Message(
        "{need}: {title} – {status}",
        ("{authority} recorded milestone {milestone} of “{need}”: {title}.",),
        (("Status", "{status}"), ("Status before", "{status_before}"), ("Date", "{date}")),
        (),
        _PROJECT,
    ),
    "project-completed": Message(
        "Completed: {need}",
        ("{authority} recorded that the work on “{need}” is completed.",),
        (
            ("End", "{end_date}"),
            ("Final value", "{final_value}"),
            ("What was built", "{final_scope}"),
            ("Changed against the plan", "{scope_change}"),
            ("Another end than planned", "{end_date_change}"),
            ("Another value than planned", "{value_change}"),
        ),
        ("An independent monitor will verify this.",),
        _PROJECT,
    ),
    "completion-verified": Message(
        "{need}: completion {finding}",
        ("{monitor} verified the completion of “{need}” ({authority}).",),
        (("Finding", "{finding}"), ("Report", "{report}")),
        (),
        _PROJECT,
    ),
}
