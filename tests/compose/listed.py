"""What each container may: the one table that the engine's and the kernel's word is compared with.

Nobody has a capability, a device, a group or a namespace of the host beside what is here, and
nothing of its own image can be written.
"""

from dataclasses import dataclass

from deploy.local.system import SERVICES


@dataclass(frozen=True)
class Listed:
    """One container's rights. Words with spaces between; networks without the project's name."""

    user: int
    networks: str
    writable: str = "/tmp"
    """Volumes and memory; what a container has beside them are /proc, /dev and /dev/shm."""
    secrets: str = ""
    """Files of /run/secrets."""
    reads: str = ""
    """What is mounted and cannot be written."""
    listens: str = ""
    """Ports, but those of its own loopback."""
    capabilities: str = ""
    bare: bool = False
    """Its official image holds its program alone: nothing in it can ask whether it is well."""
    kind: str = "server"
    """A server is looked after and started again, a job is when it failed."""


KAFKA_PASSWORDS = " ".join(
    f"kafka-{identity}.password" for identity in ("admin", "auditor", *SERVICES)
)


def _service(name: str, networks: str = "", secrets: str = "", reads: str = "") -> Listed:
    return Listed(
        user=10001,
        networks=f"web bus store-{name} watch {networks}",
        secrets=f"ca.pem kafka-{name}.password mongo-{name}.password {secrets}",
        reads=reads,
        listens="8000",
    )


SERVERS: dict[str, Listed] = {
    # Caddy's files of the volume are root's; it is root without root's capabilities.
    "gateway": Listed(
        user=0,
        networks="edge web watch",
        writable="/tmp /config /data",
        secrets="gateway.pem gateway.key",
        reads="/etc/caddy/Caddyfile /srv/documents/schemas /srv/documents/principles",
        listens="8443 2020",
        capabilities="NET_BIND_SERVICE",  # its program carries it and does not start without
    ),
    "members": _service("members", reads="/run/signing-keys"),
    "projects": _service("projects"),
    "matching": _service("matching"),
    "notify": _service("notify", networks="mail outside", secrets="link-keys smtp.password"),
    "kafka": Listed(
        user=1000,
        networks="bus",
        writable="/tmp /etc/kafka/secrets /mnt/shared/config /var/lib/kafka/data",
        secrets="ca.pem kafka.pem kafka-cluster-id kafka-admin.password",
        reads="/opt/alliance/start /opt/alliance/healthy /opt/alliance/log4j2.yaml",
        listens="9092 9093 9094",
    ),
    "mail": Listed(user=65534, networks="mail desk", listens="1025 8025"),
    "otel-collector": Listed(
        user=10001,
        networks="watch",
        writable="",
        reads="/etc/otelcol/config.yaml",
        listens="4318 8888",
        bare=True,
    ),
    "prometheus": Listed(
        user=65534,
        networks="watch desk",
        writable="/prometheus",
        reads="/etc/prometheus/prometheus.yml /etc/prometheus/alerts.yml "
        "/etc/prometheus/alertmanagers",
        listens="9090",
    ),
    **{
        f"{service}-db": Listed(
            user=999,
            networks=f"store-{service}",
            writable="/tmp /data/db /data/configdb",
            secrets="mongo.key mongo-root.password",
            reads="/opt/alliance",
            listens="27017",
        )
        for service in SERVICES
    },
}

JOBS: dict[str, Listed] = {
    "kafka-setup": Listed(
        user=10001,
        networks="bus",
        secrets=f"ca.pem kafka.pem kafka-admin.previous {KAFKA_PASSWORDS}",
        kind="job",
    ),
    "members-operator": Listed(
        user=10001,
        networks="store-members",
        secrets="ca.pem mongo-members.password operator.id operator.secret",
        kind="job",
    ),
    **{
        f"{service}-db-setup": Listed(
            user=10001,
            networks=f"store-{service}",
            secrets=f"mongo-{service}.password mongo-{service}-root.password "
            f"mongo-{service}-root.previous",
            kind="job",
        )
        for service in SERVICES
    },
}

OPS = Listed(
    user=10001,
    networks="web bus store-members store-projects store-matching store-notify",
    secrets="ca.pem operator.id operator.secret kafka-admin.password kafka-auditor.password "
    "mongo-members-root.password mongo-projects-root.password mongo-matching-root.password "
    "mongo-notify-root.password",
    writable="/tmp /backups",
    kind="by hand",
)

WAYS_OUT = {
    "edge": "the gateway answers those outside, and asks for its certificate there",
    "outside": "notify's mails and webhooks",
    "desk": "the mail catcher's page; alerts, to an Alertmanager of the operator's",
}
"""The networks that have one; all others are internal."""

PUBLISHED = {"gateway": "0.0.0.0", "mail": "127.0.0.1"}
"""Who has a port of the host, at which of its addresses."""
