"""Alerts and dashboards name metrics and labels that the code has, and every metric is looked at somewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.infra.deploy.metrics import named_metrics, our_labels, our_metrics

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "infra" / "deploy"
RULES = yaml.safe_load((DEPLOY / "prometheus" / "rules.yaml").read_text(encoding="utf-8"))
ALERTS = {rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"]}
DASHBOARDS = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in (DEPLOY / "grafana" / "dashboards").glob("*.json")
}
TARGET_LABELS = {"instance", "job"}
NOT_PICTURED = {"chengxin_stage_seconds_created"}


def expressions() -> Iterator[tuple[str, str]]:
    for name, rule in ALERTS.items():
        yield name, rule["expr"]
    for name, dashboard in DASHBOARDS.items():
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                yield f"{name}: {panel['title']}", target["expr"]


EXPRESSIONS = list(expressions())


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS)
def test_named_metrics_exist(where: str, expression: str) -> None:
    assert named_metrics(expression) - our_metrics() == set(), where
    assert named_metrics(expression) or "up{" in expression


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS)
def test_named_labels_exist(where: str, expression: str) -> None:
    labels = our_labels()
    possible = TARGET_LABELS.union(*(labels[name] for name in named_metrics(expression)))
    grouped = {
        label.strip() for inside in re.findall(r"\b(?:by|on) \(([^)]*)\)", expression) for label in inside.split(",")
    }
    matched = {
        m for inside in re.findall(r"\{([^}]*)\}", expression) for m in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", inside)
    }
    assert grouped | matched <= possible, where


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS)
def test_brackets_close_and_counters_are_rated(where: str, expression: str) -> None:
    for opening, closing in ("()", "[]", "{}"):
        assert expression.count(opening) == expression.count(closing), where
    for counter in re.findall(r"\bchengxin_\w+_(?:total|bucket|sum|count)\b(?:\{[^}]*\})?(.?)", expression):
        assert counter == "[", where


def test_every_metric_is_on_a_dashboard_or_in_an_alert() -> None:
    seen = {name for _, expression in EXPRESSIONS for name in named_metrics(expression)}
    families = {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in our_metrics()}
    shown = {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in seen}
    assert families - shown == set()


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_happened_and_where_to_read_on(name: str) -> None:
    alert = ALERTS[name]
    assert alert["labels"]["severity"] in ("warning", "critical")
    assert re.search(r"[一-鿿]", alert["annotations"]["summary"])
    assert (ROOT / alert["annotations"]["runbook"]).is_file()


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_can_be_provisioned(name: str) -> None:
    dashboard: dict[str, Any] = DASHBOARDS[name]
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    (source,) = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"]} == {source["uid"]}
    assert all(
        panel["gridPos"]["x"] >= 0 and panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        for panel in dashboard["panels"]
    )
    assert len({dashboard["uid"] for dashboard in DASHBOARDS.values()}) == len(DASHBOARDS)


def test_prometheus_reads_the_rules_and_asks_services_that_exist() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text(encoding="utf-8"))
    assert all((DEPLOY / "prometheus" / name).is_file() for name in config["rule_files"])
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]
    jobs = {job["job_name"] for job in config["scrape_configs"]}
    for job in config["scrape_configs"]:
        (found,) = job["dns_sd_configs"]
        assert set(found["names"]) <= set(services)
    named = {job for _, expression in EXPRESSIONS for job in re.findall(r'job="([^"]+)"', expression)}
    assert named <= jobs
