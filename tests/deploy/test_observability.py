"""Alerts fire when they should and lead somewhere; dashboards are what their source says.

That alerts and dashboards ask only for what the services export is in connected/test_trace.py.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli import findings
from deploy.observability.panels import RUNBOOK, sources, written
from tests.promql import alerts, asked, labels, metrics

HERE = Path("deploy/observability")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
SILENT_AT = {"30m", "4h"}


def sections() -> set[str]:
    """The anchors of the runbook, as its headings make them."""
    text = Path("docs/runbook.md").read_text()
    return {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in HEADING.findall(text)}


def loaded(name: str) -> Any:
    """A YAML file of the profile."""
    return yaml.safe_load((HERE / name).read_text())


def promtool(*arguments: str | Path) -> str:
    """What promtool says; the test fails where it is not content."""
    program = shutil.which("promtool")
    if program is None:
        assert os.environ.get("CI") != "true", "promtool is missing (Debian: prometheus)"
        pytest.skip("promtool is not installed (Debian: prometheus)")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_alert_fires_on_its_case_and_not_where_all_is_well() -> None:
    """By promtool, from series to alerts, after the time that the rule gives."""
    promtool("test", "rules", HERE / "alerts.test.yml")
    every = {rule["alert"] for rule in alerts()}
    well, *cases = loaded("alerts.test.yml")["tests"]
    tests = well["alert_rule_test"]
    assert {(t["eval_time"], t["alertname"]) for t in tests if not t["exp_alerts"]} == {
        (at, name) for at in SILENT_AT for name in every
    }
    fired = [t for case in cases for t in case["alert_rule_test"] if t["exp_alerts"]]
    assert {t["alertname"] for t in fired} == every


def test_configuration_of_prometheus_is_valid(tmp_path: Path) -> None:
    """Also for a promtool before Prometheus 3, which knows no `otlp`: that part is left out."""
    settings = loaded("prometheus.yml")
    if "version 2." in promtool("--version"):
        assert settings.pop("otlp") == {"promote_resource_attributes": ["service.name"]}
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(settings))
    (tmp_path / "alerts.yml").write_text((HERE / "alerts.yml").read_text())
    (tmp_path / "alertmanagers").mkdir()
    promtool("check", "config", tmp_path / "prometheus.yml")


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: str(rule["alert"]))
def test_alert_says_how_bad_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    """A severity, a sentence, and a section of the runbook that is there."""
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"]["summary"]
    section = rule["labels"]["runbook"]
    assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{section}"
    assert section in sections()


def test_doctor_and_alerts_have_the_same_limits() -> None:
    """What `alliance doctor` calls well rings no bell, and what it does not call well does."""
    limits = {
        "RelayStuck": findings.RELAY_SECONDS,
        "ConsumerBehind": findings.MOST_LAG,
        "MailWaits": findings.NOTICE_SECONDS["email"],
        "WebhookWaits": findings.NOTICE_SECONDS["webhook"],
        "ProposalOverdue": findings.OVERDUE_SECONDS,
    }
    asked_for = {rule["alert"]: rule["expr"] for rule in alerts() if rule["alert"] in limits}
    beyond = {name: re.search(r"> (\d+)$", text.strip()) for name, text in asked_for.items()}
    assert {n: float(f[1]) if f else None for n, f in beyond.items()} == limits


def test_panels_lead_to_sections_of_the_runbook() -> None:
    """A panel's link opens what is written about what it shows."""
    named = {
        panel["runbook"]
        for dashboard in sources()
        for row in dashboard["rows"]
        for panel in row["panels"]
        if "runbook" in panel
    }
    assert named <= sections()
    mounted = loaded("services.yml")["services"]["grafana"]["volumes"]
    assert f"../../docs/runbook.md:/usr/share/grafana{RUNBOOK}:ro" in mounted


def test_dashboards_are_written_from_their_sources() -> None:
    """`make dashboards` would change nothing."""
    on_disk = {path: path.read_text() for path in (HERE / "grafana/dashboards").resolve().iterdir()}
    assert on_disk == written()


def test_panels_lie_side_by_side() -> None:
    """No panel covers another, nor reaches beyond the page."""
    for text in written().values():
        taken: set[tuple[int, int]] = set()
        for panel in yaml.safe_load(text)["panels"]:
            place = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert max(x for x, _ in cells) < 24
            assert not cells & taken, panel["title"]
            taken |= cells


def test_gauges_are_taken_over_all_instances() -> None:
    """A service may run three times: a gauge is never added up over instances, but after a
    maximum over them."""
    gauge = re.compile(
        r"\balliance_(?:ready|consumer_lag|relay|notices_(?:oldest|waiting)|proposals)"
    )
    over = re.compile(r"\b(?:max|min|absent)(?: by \([^)]*\))? ?\(\(?alliance_")
    for whose, expression in asked().items():
        bare = " ".join(expression.split()).replace("( ", "(")
        for found in gauge.finditer(bare):
            assert over.search(bare[: found.end()]), whose


def test_collector_has_components_of_the_core_only() -> None:
    """What the official image otel/opentelemetry-collector holds; nothing else is configured."""
    collector = loaded("collector.yaml")
    kinds = {
        name.split("/")[0]
        for part in ("receivers", "processors", "exporters")
        for name in collector[part]
    }
    assert kinds == {"otlp", "memory_limiter", "batch", "otlp_http"}
    for pipeline in collector["service"]["pipelines"].values():
        assert pipeline["processors"][0] == "memory_limiter"


def test_profile_is_hardened_and_off_by_default() -> None:
    """Its containers may do as little as ours; only Grafana is published, to this machine."""
    for name, service in loaded("services.yml")["services"].items():
        assert service["profiles"] == ["observability"]
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", service["image"]), "a patch is pinned"
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert {"mem_limit", "cpus", "pids_limit", "restart", "logging"} <= set(service)
        published = service.get("ports", [])
        assert all(port.startswith("127.0.0.1:") for port in published)
        assert bool(published) == (name == "grafana")
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert not source.startswith(".") or (HERE / source).exists(), source


def test_names_of_an_expression_are_found() -> None:
    """The test of tests: metrics and labels, and none of PromQL's own words."""
    expression = """sum by (a, le) (rate(x_bucket{b="c d",e!~"f|g"}[5m])) / on (a) max(y) > 2.5
    unless h or absent(i{j="k"})"""
    assert metrics(expression) == {"x_bucket", "y", "h", "i"}
    assert labels(expression) == {"a", "le", "b", "e", "j"}
