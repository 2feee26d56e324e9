"""Which metrics and labels a PromQL expression names. Enough of its grammar for ours."""

import re
from pathlib import Path
from typing import Any

import yaml

from deploy.observability.panels import sources

RULES = Path("deploy/observability/alerts.yml")

STRING = re.compile(r'"[^"]*"')
MATCHERS = re.compile(r"\{([^}]*)\}")
GROUPED = re.compile(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)")
WORD = re.compile(r"[a-zA-Z_:][\w:]*")
NAME = re.compile(r"(?<![\w:])[a-zA-Z_:][\w:]*(?![\w:]*\s*\()")
WINDOW = re.compile(r"\[[^\]]*\]")
OPERATORS = {"and", "or", "unless", "by", "on", "without", "ignoring", "bool", "offset", "le"}


def metrics(expression: str) -> set[str]:
    """The series that it asks for."""
    bare = WINDOW.sub("", MATCHERS.sub("", STRING.sub("", expression)))
    return set(NAME.findall(GROUPED.sub("", bare))) - OPERATORS


def labels(expression: str) -> set[str]:
    """The labels that it selects or groups by."""
    bare = STRING.sub("", expression)
    found = (*MATCHERS.findall(bare), *GROUPED.findall(bare))
    return {word for part in found for word in WORD.findall(part)}


def alerts() -> list[dict[str, Any]]:
    """Every alert's rule."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def asked() -> dict[str, str]:
    """Every expression of alerts and dashboards, by whose it is."""
    found = {f"alert {rule['alert']}": rule["expr"] for rule in alerts()}
    for dashboard in sources():
        for row in dashboard["rows"]:
            for panel in row["panels"]:
                for number, query in enumerate(panel["queries"], 1):
                    name = f"{dashboard['title']}: {panel['title']} ({number})"
                    found[name] = query["ask"]
    return found
