"""Gauges: what is not measured any more is not exported either."""

import pytest
from opentelemetry.metrics import CallbackOptions

from shared.metrics import FRESH_SECONDS, Gauge


def _exported(gauge: Gauge) -> dict[str, float]:
    found = gauge._observe(CallbackOptions())
    return {str((o.attributes or {}).get("part", "")): float(o.value) for o in found}


def test_gauge_is_exported_while_it_is_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """A partition that another instance has now, or a store that is away, leaves no old value."""
    now = 1000.0
    monkeypatch.setattr("shared.metrics.time.monotonic", lambda: now)
    gauge = Gauge("alliance.tested", "", "For this test.")
    gauge.set(1, {"part": "store"})
    now += FRESH_SECONDS
    gauge.set(0, {"part": "relay"})
    assert _exported(gauge) == {"store": 1, "relay": 0}
    now += 1
    assert _exported(gauge) == {"relay": 0}
    gauge.set(2, {"part": "store"})
    assert _exported(gauge) == {"store": 2, "relay": 0}
