"""A cluster's corner of its own for each test: topics under a prefix nobody else uses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from infra.settings import Settings
from streams.kafka import cluster, topics
from streams.kafka.connection import Connection
from streams.kafka.topics import TopicPlan

PARTITIONS = 3


def small(plan: TopicPlan) -> TopicPlan:
    """The plan with few partitions, so that a test's topics cost the broker little."""
    few = {
        name: msgspec.structs.replace(spec, partitions=min(PARTITIONS, spec.partitions))
        for name, spec in plan.topics.items()
    }
    return msgspec.structs.replace(plan, topics=few, replication=1)


def settings_on(url: str, prefix: str, folder: Path, **changes: Any) -> Settings:
    return Settings(data_dir=folder / "data", broker_url=url, broker_prefix=prefix, **changes)


@pytest.fixture
def kafka_settings(kafka_url: str, unique_name: str, tmp_path: Path) -> Settings:
    """Settings for Kafka with a prefix of the test's own; the topics are not there yet."""
    return settings_on(kafka_url, f"{unique_name}.", tmp_path)


@pytest.fixture
def empty_kafka(kafka_settings: Settings) -> Iterator[Connection]:
    """A connection without topics; what the test leaves is deleted."""
    connection = Connection.from_settings(kafka_settings)
    yield connection
    with cluster.administration(connection) as admin:
        left = [name for name in admin.list_topics() if name.startswith(connection.prefix)]
        if left:
            admin.delete_topics(left)


@pytest.fixture
def kafka(empty_kafka: Connection) -> Connection:
    """A connection with all topics set up."""
    with cluster.administration(empty_kafka) as admin:
        cluster.apply(admin, empty_kafka, small(topics.load()), replication=1, grow=False)
    return empty_kafka
