"""Grafana's dashboards, made from the short files in dashboards/: `make dashboards`.

A file has rows, each a question, of panels. A panel has `queries` (`ask`, PromQL; `name`, of a
line, with `{{label}}` for a label's value) and, where they aren't the usual ones: `kind`
(timeseries, stat, table), `unit` (Grafana's), `warn` (what lies above is red), `about`, `runbook`
(the section to read then), `words` (value: [word, colour]), `width` (of 24) and `height`.
"""

import json
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
SOURCES = HERE / "dashboards"
WRITTEN = HERE / "grafana" / "dashboards"

RUNBOOK = "/public/alliance/runbook.md"
"""Where services.yml lets Grafana serve docs/runbook.md."""

WIDTH = 24
PROMETHEUS = {"type": "prometheus", "uid": "prometheus"}

OPTIONS: dict[str, dict[str, Any]] = {
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom"},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "colorMode": "background",
        "graphMode": "none",
        "textMode": "value_and_name",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    },
    "table": {"showHeader": True},
}

Json = dict[str, Any]


def sources() -> list[Json]:
    """The short files, read."""
    return [yaml.safe_load(path.read_text()) for path in sorted(SOURCES.glob("*.yml"))]


def written() -> dict[Path, str]:
    """Each file of grafana/dashboards/, as it must be."""
    found = sources()
    return {
        WRITTEN / f"{source['uid'].removeprefix('alliance-')}.json": json.dumps(
            dashboard(source, found), indent=1, ensure_ascii=False
        )
        + "\n"
        for source in found
    }


def dashboard(source: Json, all_of_them: list[Json]) -> Json:
    """A dashboard as Grafana has it, with links to the others and to the runbook."""
    panels: list[Json] = []
    y = 0
    for row in source["rows"]:
        panels.append(_header(row["question"], len(panels) + 1, y))
        x, y, tallest = 0, y + 1, 0
        for found in row["panels"]:
            width, height = found.get("width", 8), found.get("height", 7)
            if x + width > WIDTH:
                x, y, tallest = 0, y + tallest, 0
            place = {"x": x, "y": y, "w": width, "h": height}
            panels.append({"id": len(panels) + 1, "gridPos": place, **_panel(found)})
            x, tallest = x + width, max(tallest, height)
        y += tallest
    others = [d for d in all_of_them if d["uid"] != source["uid"]]
    links = [{"type": "link", "title": d["title"], "url": f"/d/{d['uid']}"} for d in others]
    return {
        "uid": source["uid"],
        "title": source["title"],
        "tags": ["alliance"],
        "timezone": "utc",
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "schemaVersion": 39,
        "links": [*links, {"type": "link", "title": "Runbook", "url": RUNBOOK}],
        "panels": panels,
    }


def _header(question: str, number: int, y: int) -> Json:
    place = {"x": 0, "y": y, "w": WIDTH, "h": 1}
    about = {"type": "row", "title": question, "collapsed": False, "panels": []}
    return {"id": number, "gridPos": place, **about}


def _panel(found: Json) -> Json:
    kind = found.get("kind", "timeseries")
    return {
        "type": kind,
        "title": found["title"],
        "description": found.get("about", ""),
        "datasource": PROMETHEUS,
        "fieldConfig": {"defaults": _drawing(found, kind), "overrides": []},
        "options": OPTIONS[kind],
        "targets": [_target(query, kind, i) for i, query in enumerate(found["queries"])],
        "links": [_what_to_do(found["runbook"])] if "runbook" in found else [],
    }


def _drawing(found: Json, kind: str) -> Json:
    steps: list[Json] = [{"color": "green", "value": None}]
    if "warn" in found:
        steps.append({"color": "red", "value": found["warn"]})
    words = [
        {"type": "value", "options": {value: {"text": word, "color": colour}}}
        for value, (word, colour) in found.get("words", {}).items()
    ]
    line = {"lineWidth": 1, "fillOpacity": 10, "showPoints": "never", "spanNulls": 60000}
    line |= {"thresholdsStyle": {"mode": "line" if "warn" in found else "off"}}
    return {
        "unit": found.get("unit", "short"),
        "noValue": "none",
        "thresholds": {"mode": "absolute", "steps": steps},
        "mappings": words,
        "custom": line if kind == "timeseries" else {},
    }


def _target(query: Json, kind: str, number: int) -> Json:
    instant = kind != "timeseries"
    return {
        "refId": chr(ord("A") + number),
        "datasource": PROMETHEUS,
        "expr": query["ask"],
        "legendFormat": query["name"],
        "instant": instant,
        "range": not instant,
        "format": "table" if kind == "table" else "time_series",
    }


def _what_to_do(section: str) -> Json:
    title = f"What to do: runbook, {section}"
    return {"title": title, "url": f"{RUNBOOK}#{section}", "targetBlank": True}


if __name__ == "__main__":
    for path, text in written().items():
        path.write_text(text)
