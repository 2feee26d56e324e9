"""What a webhook is sent: the event that a notice tells of, and by which message; pure."""

import json
from typing import Any

from shared.events import Envelope


def body(message: str, event: Envelope) -> bytes:
    """The message as JSON; the same bytes at each attempt.

    Of the envelope only what everybody may know: not who acted, nor the traces of our own.
    """
    told: dict[str, Any] = {
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "subject": event.subject,
        "time": event.time,
        "data": json.loads(event.data),
    }
    said = {"type": message, "timestamp": event.time, "data": told}
    return json.dumps(said, separators=(",", ":")).encode()  # ASCII: half a surrogate pair is one
