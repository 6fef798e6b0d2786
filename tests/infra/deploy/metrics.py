"""Which metrics the code has, and which a PromQL expression names."""

from __future__ import annotations

import re

from infra.telemetry import REGISTRY

SUFFIXES = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_sum", "_count"),
}


def our_metrics() -> set[str]:
    """The series names Prometheus stores for the metrics of ``infra.telemetry``."""
    return {family.name + suffix for family in REGISTRY.collect() for suffix in SUFFIXES[family.type]}


def our_labels() -> dict[str, set[str]]:
    """The labels each series can have."""
    labels = {}
    for family in REGISTRY.collect():
        collector = REGISTRY._names_to_collectors[family.name]
        own = set(getattr(collector, "_labelnames", ()))
        for suffix in SUFFIXES[family.type]:
            labels[family.name + suffix] = own | ({"le"} if suffix == "_bucket" else set())
    return labels


def named_metrics(expression: str) -> set[str]:
    """Every series name of ours in an expression."""
    return set(re.findall(r"\bchengxin_\w+", re.sub(r'"[^"]*"', '""', expression)))
