"""What is said, in English: the msgids of services/notify/translations/*.po.

`{placeholders}` are fields of the event, said in the reader's language (saying.py). Whatever a
member wrote is only ever put in as a value, never read as a template. A sentence or a fact whose
value was not given is left out.
"""

from services.notify.messages.common import CODES, TO_DO, UNITS, WHY
from services.notify.messages.form import Message
from services.notify.messages.matches import MATCHES
from services.notify.messages.membership import MEMBERSHIP
from services.notify.messages.needs import NEEDS
from services.notify.messages.operations import OPERATIONS

MESSAGES: dict[str, Message] = {**MEMBERSHIP, **NEEDS, **MATCHES, **OPERATIONS}
"""Every message, by its name."""

__all__ = ["CODES", "MESSAGES", "OPERATIONS", "TO_DO", "UNITS", "WHY", "Message"]
