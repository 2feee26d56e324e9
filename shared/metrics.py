"""What is measured, by its OpenTelemetry name; exported where telemetry.py exports.

Durations are in seconds. Names follow the messaging conventions (development status, 2026) where
they have one. A counter or a histogram is added to where the thing happens; a gauge is measured
every few seconds (measuring.py) by each instance, so whoever asks takes the maximum over them.
"""

import time
from collections.abc import Iterable, Mapping

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation

FRESH_SECONDS = 30.0
"""A gauge that was not measured for so long is not exported: a lease or a partition that another
instance has now is that one's to measure."""

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
SIZES = (1, 2, 5, 10, 25, 50, 100, 250, 500)

_meter = metrics.get_meter("alliance")


class Gauge:
    """A value that is measured now and then, and exported as long as it is fresh."""

    def __init__(self, name: str, unit: str, description: str) -> None:
        self._values: dict[frozenset[tuple[str, str]], tuple[float, float]] = {}
        _meter.create_observable_gauge(name, [self._observe], unit, description)

    def set(self, value: float, attributes: Mapping[str, str] | None = None) -> None:
        """What was measured just now."""
        self._values[frozenset((attributes or {}).items())] = value, time.monotonic()

    def _observe(self, options: CallbackOptions) -> Iterable[Observation]:
        oldest = time.monotonic() - FRESH_SECONDS
        for attributes, (value, at) in list(self._values.items()):
            if at >= oldest:
                yield Observation(value, dict(attributes))


# Is it healthy?
ready = Gauge("alliance.ready", "", "1 where nothing stands between a part and its work, else 0.")
uptime = Gauge("process.uptime", "s", "How long the process has run: it falls with each restart.")
store_size = Gauge("alliance.store.size", "By", "Data and indexes of the service's database.")
disk_size = Gauge("alliance.store.disk.size", "By", "The file system that holds the database.")
disk_used = Gauge("alliance.store.disk.used", "By", "How much of that file system is used.")

# Is it keeping up?
published = _meter.create_counter(
    "messaging.client.sent.messages", "{message}", "Events the broker acknowledged."
)
processed = _meter.create_counter(
    "messaging.client.consumed.messages",
    "{message}",
    "Records read, by outcome: handled, repeated, unknown, unhandled, dead-letter.",
)
process_duration = _meter.create_histogram(
    "messaging.process.duration",
    "s",
    "One batch, from reading to its commit.",
    explicit_bucket_boundaries_advisory=SECONDS,
)
operation_duration = _meter.create_histogram(
    "messaging.client.operation.duration",
    "s",
    "One batch sent and acknowledged.",
    explicit_bucket_boundaries_advisory=SECONDS,
)
batches = _meter.create_histogram(
    "alliance.batch.size",
    "{message}",
    "Records taken together, by who takes them: relay, inbox.",
    explicit_bucket_boundaries_advisory=SIZES,
)
lag = Gauge(
    "alliance.consumer.lag",
    "{message}",
    "Records of a partition not yet handled, by the instance that has the partition.",
)
backlog = Gauge("alliance.relay.backlog", "{event}", "Events recorded and not published yet.")
transactions = _meter.create_counter(
    "alliance.transactions",
    "{transaction}",
    "Store transactions by outcome: committed, conflict (run again), busy (given up), away, "
    "refused.",
)

# Is anyone waiting too long?
oldest_event = Gauge(
    "alliance.relay.oldest", "s", "For how long the oldest event that is not published waits."
)
oldest_notice = Gauge(
    "alliance.notices.oldest",
    "s",
    "For how long the oldest notice that is due waits to be sent, by channel.",
)
letters_waiting = Gauge(
    "alliance.dead_letters.waiting",
    "{record}",
    "Dead letters of this consumer that are neither replayed nor dropped.",
)
subjects_parked = Gauge(
    "alliance.dead_letters.parked",
    "{subject}",
    "Subjects whose events wait behind a dead letter.",
)
notices_waiting = Gauge("alliance.notices.waiting", "{notice}", "Queued notices, by channel.")
proposals_open = Gauge("alliance.proposals.open", "{match}", "Proposals that await an answer.")
oldest_proposal = Gauge(
    "alliance.proposals.oldest", "s", "For how long the proposal that lapses next has stood."
)
proposal_overdue = Gauge(
    "alliance.proposals.overdue",
    "s",
    "For how long the first proposal that should have lapsed stands beyond its date; else 0.",
)

# What comes of it?
notices = _meter.create_counter(
    "alliance.notices",
    "{notice}",
    "Notices by channel and outcome: queued, withheld, no-contact, sent, later, or why not.",
)
round_duration = _meter.create_histogram(
    "alliance.matching.round.duration",
    "s",
    "A matching round's decision and proposals, by outcome: proposed, nothing, failed, stopped.",
    explicit_bucket_boundaries_advisory=SECONDS,
)
proposals = _meter.create_counter(
    "alliance.matching.proposals", "{match}", "Matches that rounds proposed."
)
