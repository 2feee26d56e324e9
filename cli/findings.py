"""What `alliance doctor` makes of what it was told: each finding with what to do. No I/O.

The limits are those of the alerts (deploy/observability): what doctor calls well rings no bell.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from cli.certificate import Certificate

Json = dict[str, Any]
State = Literal["well", "to-do", "not-asked"]

RUNBOOK = "docs/runbook.md"
CERTIFICATE_DAYS = 21
"""A certificate that ends sooner is to be renewed."""

CLOCK_SECONDS = 5.0
RELAY_SECONDS = 60.0
MOST_LAG = 5_000
NOTICE_SECONDS = {"email": 900.0, "webhook": 86_400.0}
OVERDUE_SECONDS = 3_600.0
API_VERSION = "1"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `do` says what to do about it, `see` where more is said."""

    about: str
    check: str
    state: State
    said: str
    do: str | None = None
    see: str | None = None

    def data(self) -> Json:
        """It as JSON."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def well(about: str, check: str, said: str) -> Finding:
    """Nothing to do."""
    return Finding(about, check, "well", said)


def to_do(about: str, check: str, said: str, do: str, section: str) -> Finding:
    """Something to do; `section` is the runbook's."""
    return Finding(about, check, "to-do", said, do, f"{RUNBOOK}#{section}")


def not_asked(about: str, check: str, why: str) -> Finding:
    """What could not be looked at."""
    return Finding(about, check, "not-asked", why)


def of_certificate(about: str, found: Certificate, now: datetime) -> Finding:
    """Whether it is trusted, and for how long."""
    left = found.days_left(now)
    until = f"{found.until:%Y-%m-%d %H:%M} UTC"
    if left < 0:
        said, do = f"ended {-left:.0f} days ago, {until}", "renew it now: nobody can connect"
    elif found.refused is not None:
        said = f"is not trusted here: {found.refused}"
        do = "name its CA (SSL_CERT_FILE=deploy/secrets/ca.pem), or get one for this host name"
    elif left < CERTIFICATE_DAYS:
        said, do = f"ends in {left:.0f} days, {until}", "renew it: deploy/init --renew-certificates"
    else:
        return well(about, "certificate", f"good for {left:.0f} more days, until {until}")
    return to_do(about, "certificate", said, do, "certificate")


def of_clock(about: str, ahead: float) -> Finding:
    """`ahead` is how many seconds the other clock is ahead of ours."""
    said = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
    if abs(ahead) <= CLOCK_SECONDS:
        return well(about, "clock", said)
    do = "set both clocks by NTP: tokens and days depend on them"
    return to_do(about, "clock", said, do, "clock")


def of_readiness(about: str, status: int, parts: Json) -> Iterator[Finding]:
    """Each part that can't do its work."""
    missing = {k: v for k, v in parts.items() if k != "ready" and v != "ok"}
    if status == 200 and not missing:
        yield well(about, "ready", ", ".join(k for k in parts if k != "ready"))
    elif not missing:
        yield silent(about, f"answers {status} to /health/ready")
    for part, state in missing.items():
        yield to_do(about, "ready", f"{part}: {state}", f"look at its {part}", "not-ready")


def silent(about: str, why: str) -> Finding:
    """A service that gives no answer of its own."""
    do = f"look whether it runs: docker compose ps {about}; docker compose logs --tail 50 {about}"
    return to_do(about, "ready", why, do, "not-ready")


def of_version(about: str, document: Json) -> Finding:
    """Whether the service speaks what this command was made for."""
    version = str(document.get("info", {}).get("version"))
    if version == API_VERSION:
        return well(about, "version", f"API {version}, OpenAPI {document.get('openapi')}")
    said = f"API {version}, this command knows {API_VERSION}"
    return to_do(about, "version", said, "use the `alliance` of the same release", "upgrade")


def of_progress(about: str, progress: Json, now: datetime) -> Iterator[Finding]:
    """The relay and the consumer."""
    backlog, since = progress["backlog"], progress.get("oldest_unpublished")
    waited = (now - datetime.fromisoformat(since)).total_seconds() if since else 0.0
    said = f"{backlog} events not published" + (f", the first for {ago(waited)}" if since else "")
    if waited > RELAY_SECONDS:
        do = "look whether the broker takes its events, and which instance has the relay's lease"
        yield to_do(about, "relay", said, do, "stuck-relay")
    else:
        yield well(about, "relay", said)
    if (lag := progress.get("lag")) is None:
        yield to_do(about, "lag", "the broker does not say", "look at the broker", "not-ready")
    elif (behind := sum(lag.values())) > MOST_LAG:
        most = max(lag, key=lambda where: lag[where])
        said = f"{behind} records behind, most of them {most}: {lag[most]}"
        yield to_do(about, "lag", said, "look whether it falls; if not, restart the service", "lag")
    else:
        yield well(about, "lag", f"{behind} records behind")


def of_letters(about: str, letters: list[Json], more: bool, parked: list[Json]) -> Finding:
    """What was set aside since it could not be handled, and what waits behind it."""
    number = f"{len(letters)}{' or more' if more else ''}"
    said = f"{number} dead letters wait, {len(parked)} subjects are parked"
    if not letters and not parked:
        return well(about, "dead-letters", said)
    if parked:
        said += f", the first since {parked[0]['since']}"
    do = f"alliance dead-letters list {about}; replay them once the cause is mended"
    return to_do(about, "dead-letters", said, do, "dead-letters")


def of_notices(queued: Iterable[Json], now: datetime) -> Iterator[Finding]:
    """The oldest notice of each channel that is due and not sent."""
    waits: dict[str, list[tuple[float, Json]]] = {channel: [] for channel in NOTICE_SECONDS}
    for notice in queued:
        due = max(begun(notice["about"]), _moment(notice.get("not_before")))
        if due <= now:
            waits[notice["channel"]].append(((now - due).total_seconds(), notice))
    for channel, found in waits.items():
        check = f"oldest-{channel}"
        if not found:
            yield well("notify", check, "none waits")
            continue
        waited, notice = max(found, key=lambda each: each[0])
        said = f"{len(found)} wait, notice {notice['id']} for {ago(waited)}"
        if waited > NOTICE_SECONDS[channel]:
            server = "the mail server" if channel == "email" else "the member's webhook"
            do = f"look what {server} answers: alliance notices show {notice['id']}"
            yield to_do("notify", check, said, do, "waiting-notices")
        else:
            yield well("notify", check, said)


def of_proposals(proposed: Iterable[Json], now: datetime) -> Finding:
    """The oldest proposal that nobody has answered, and whether one should have lapsed."""
    open_ = list(proposed)
    if not open_:
        return well("matching", "oldest-proposal", "none is open")
    oldest = min(open_, key=lambda match: begun(match["id"]))
    ends = [_moment(m["lapses_at"]) for m in open_ if m.get("lapses_at")]
    overdue = (now - min(ends)).total_seconds() if ends else 0.0
    waited = (now - begun(oldest["id"])).total_seconds()
    said = f"{len(open_)} open, match {oldest['id']} for {ago(waited)}"
    if overdue <= OVERDUE_SECONDS:
        return well("matching", "oldest-proposal", said)
    said += f"; one should have lapsed {ago(overdue)} ago"
    do = "look at matching's lapsing worker: alliance doctor --json, its log, then restart it"
    return to_do("matching", "oldest-proposal", said, do, "overdue-proposals")


def begun(identifier: str) -> datetime:
    """When the thing with an id of ours (UUIDv7, perhaps after its source) began."""
    milliseconds = UUID(identifier.rpartition(" ")[2]).int >> 80
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def ago(seconds: float) -> str:
    """A duration, as short as a person needs it."""
    for unit, length in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def _moment(text: str | None) -> datetime:
    return datetime.fromisoformat(text) if text else datetime.min.replace(tzinfo=UTC)
