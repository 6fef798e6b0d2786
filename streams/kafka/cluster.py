"""Looks at the topics of a Kafka cluster and sets them up. Everything is idempotent; partitions are never taken away."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from infra.errors import ChengxinError, ConfigurationError
from streams.kafka import topics
from streams.kafka.connection import Connection, closing_what_failed, listening_to_kafka
from streams.kafka.topics import Found, TopicPlan

BOOTSTRAP_MS: Final = 10_000
TIMEOUT_MS: Final = 15_000


class TopicsRefused(ChengxinError):
    """The cluster did not do what was asked."""

    title = "Kafka 拒绝了对主题的操作"


@contextmanager
def administration(connection: Connection) -> Iterator[Any]:
    """kafka-python's admin client, checked first, closed at the end.

    Raises:
        ConfigurationError: the cluster cannot be reached or used. TopicsRefused: the block's request failed.
    """
    from kafka import KafkaAdminClient  # noqa: PLC0415
    from kafka.errors import KafkaError  # noqa: PLC0415

    connection.check()
    with listening_to_kafka(), closing_what_failed() as made:
        try:
            with KafkaAdminClient(
                **connection.options(),
                bootstrap_timeout_ms=BOOTSTRAP_MS,
                request_timeout_ms=TIMEOUT_MS,
                kafka_client=made,
            ) as admin:
                yield admin
        except KafkaError as error:
            raise TopicsRefused(f"{type(error).__name__}：{error}") from error


def find(admin: Any, connection: Connection, names: list[str]) -> dict[str, Found]:
    """The topics of these (unprefixed) names that exist."""
    from kafka.admin import ConfigFilterType, ConfigResource, ConfigResourceType  # noqa: PLC0415

    real = {connection.topic(name): name for name in names}
    # All topics are asked for: asking for one that does not exist would make some clusters create it.
    described = {topic["name"]: topic for topic in admin.describe_topics() if topic["name"] in real}
    if not described:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in described]
    configs = admin.describe_configs(resources, config_filter=ConfigFilterType.ALL)["topic"]
    return {
        real[name]: Found(
            partitions=len(topic["partitions"]),
            replication=min((len(p["replica_nodes"]) for p in topic["partitions"]), default=0),
            configs={key: str(config["value"]) for key, config in configs[name].items()},
        )
        for name, topic in described.items()
    }


def apply(admin: Any, connection: Connection, plan: TopicPlan, *, replication: int, grow: bool) -> list[str]:
    """Create what is missing and set what differs; returns one Chinese line for each thing done.

    Raises:
        TopicsRefused: for example fewer brokers than ``replication``.
    """
    found = find(admin, connection, list(plan.topics))
    done = _create(admin, connection, plan, found, replication)
    done += _grow(admin, connection, plan, found) if grow else []
    return done + _configure(admin, connection, plan, found, replication)


def require_topics(connection: Connection) -> None:
    """For the start of a process.

    Raises:
        ConfigurationError: Kafka cannot be used, or topics are missing; one line that tells what to do.
    """
    with administration(connection) as admin:
        there = set(admin.list_topics())
    if missing := [name for name in map(connection.topic, topics.required()) if name not in there]:
        raise ConfigurationError(
            f"CHENGXIN_BROKER_URL：Kafka（{'、'.join(connection.servers)}）缺少主题 {'、'.join(missing)}；"
            f"请先运行 chengxin topics apply（单台 Kafka 加 --replication 1）"
        )


def _create(
    admin: Any, connection: Connection, plan: TopicPlan, found: Mapping[str, Found], replication: int
) -> list[str]:
    missing = {name: spec for name, spec in plan.topics.items() if name not in found}
    if not missing:
        return []
    wanted = {
        connection.topic(name): {
            "num_partitions": spec.partitions,
            "replication_factor": replication,
            "configs": spec.configs(replication),
        }
        for name, spec in missing.items()
    }
    answer = admin.create_topics(wanted, timeout_ms=TIMEOUT_MS, raise_errors=False)
    # 36: somebody else has created it meanwhile, which is what was wanted.
    refused = [t for t in answer["topics"] if t["error_code"] not in (0, 36)]
    if refused:
        raise TopicsRefused(
            "；".join(f"{t['name']}：{t['error_message'] or t['error_code']}" for t in refused[:3])
            + f"。副本数 {replication}，单台 Kafka 请加 --replication 1"
        )
    admin.wait_for_topics(list(wanted))
    return [f"建立 {connection.topic(name)}：{spec.partitions} 个分区" for name, spec in missing.items()]


def _grow(admin: Any, connection: Connection, plan: TopicPlan, found: Mapping[str, Found]) -> list[str]:
    short = {
        connection.topic(name): spec.partitions
        for name, spec in plan.topics.items()
        if name in found and found[name].partitions < spec.partitions
    }
    if short:
        admin.create_partitions(short, timeout_ms=TIMEOUT_MS)
        admin.wait_for_topics(list(short))
    return [f"{name} 增至 {count} 个分区" for name, count in short.items()]


def _configure(
    admin: Any, connection: Connection, plan: TopicPlan, found: Mapping[str, Found], replication: int
) -> list[str]:
    from kafka.admin import ConfigResource, ConfigResourceType  # noqa: PLC0415

    changes = {}
    for name, topic in found.items():
        # More copies than there are would let no record through.
        wanted = plan.topics[name].configs(min(replication, topic.replication))
        if wrong := {key: value for key, value in wanted.items() if topic.configs.get(key) != value}:
            changes[connection.topic(name)] = wrong
    if not changes:
        return []
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, wrong) for name, wrong in changes.items()]
    answer = admin.alter_configs(resources, raise_on_unknown=False)["topic"]
    if refused := {name: result for name, result in answer.items() if result != "OK"}:
        raise TopicsRefused("；".join(f"{name}：{result}" for name, result in refused.items()))
    _wait_until_seen(admin, connection, changes)
    return [f"{name}：{'、'.join(f'{k}={v}' for k, v in wrong.items())}" for name, wrong in changes.items()]


def _wait_until_seen(admin: Any, connection: Connection, changes: Mapping[str, Mapping[str, str]]) -> None:
    """A broker answers before it has heard of the change itself; whoever looks next should see it."""
    names = [connection.name_of(name) for name in changes]
    deadline = time.monotonic() + TIMEOUT_MS / 1000
    while time.monotonic() < deadline:
        found = find(admin, connection, names)
        if all(changes[connection.topic(name)].items() <= found[name].configs.items() for name in names):
            return
        time.sleep(0.1)
