"""What every service needs, and no domain rule: events, log, relay, inbox, HTTP, telemetry."""
