"""What the broker's answers mean."""

NONE_SUCH = "none.such"
"""A topic, a group: nothing is called so."""

REFUSED = {29: "topic", 30: "group", 31: "cluster", 53: "transactional id"}
"""What a broker says to whoever may not."""

AFTER_THE_RIGHTS = {
    0: "done",
    2: "the record is damaged",
    3: "no such topic",
    22: "no such generation",
    25: "no such member of the group",
    26: "the session is too short",
    69: "no such group",
    91: "no such user",
}
"""What it says to whoever may, when something else is wrong with what was asked."""

NOT_YET = {14: "the coordinator loads", 15: "it is not there yet", 16: "it has moved"}
"""What it says for some seconds after its start: to be asked again."""


def outcome(code: int) -> str:
    """Whether it was allowed, by the broker's answer."""
    if code in REFUSED:
        return "refused"
    return "allowed" if code in AFTER_THE_RIGHTS else f"error {code}"
