"""The changelog topics of the worker's tables: made by the worker when they are missing, because they follow its source topics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from infra.errors import ConfigurationError
from streams.events import TOPICS
from streams.kafka.cluster import TopicsRefused, administration
from streams.kafka.connection import Connection
from streams.kafka.topics import MAX_MESSAGE
from streams.kafka.works import TABLES

CONFIGS: Final = {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.1",
    "segment.bytes": str(64 * 1024 * 1024),
    "max.message.bytes": str(MAX_MESSAGE),
}


def changelog(group: str, table: str) -> str:
    """The name of a table's changelog topic (Faust's own rule)."""
    return f"{group}-{table}-changelog"


def prepare(connection: Connection, *, group: str) -> dict[str, int]:
    """The number of partitions of each source topic; changelogs that are missing are made with as many.

    Raises:
        ConfigurationError: the cluster cannot be used, a source topic is missing, or a changelog has another number of
            partitions than its source.
        TopicsRefused: the cluster does not let us make a changelog.
    """
    with administration(connection) as admin:
        names = {topic: connection.topic(topic) for topic in TOPICS}
        logs = {changelog(group, table): topic for topic, table in TABLES.items()}
        found = _described(admin, {*names.values(), *logs})
        missing = [name for name in names.values() if name not in found]
        if missing:
            raise ConfigurationError(
                f"CHENGXIN_BROKER_URL：Kafka（{'、'.join(connection.servers)}）缺少主题 {'、'.join(missing)}；"
                f"请先运行 chengxin topics apply（单台 Kafka 加 --replication 1）"
            )
        wanted: dict[str, dict[str, Any]] = {}
        for name, topic in logs.items():
            partitions, replicas = found[names[topic]]
            if name not in found:
                wanted[name] = {"num_partitions": partitions, "replication_factor": replicas, "configs": CONFIGS}
            elif found[name][0] != partitions:
                raise ConfigurationError(
                    f"Kafka 主题 {name} 有 {found[name][0]} 个分区，而 {names[topic]} 有 {partitions} 个，两者必须相同："
                    f"停下全部 worker，删除 {name} 后重新启动（其中只是近期上下文，会随新事件重新积累）"
                )
        if wanted:
            _create(admin, wanted)
        return {topic: found[name][0] for topic, name in names.items()}


def _described(admin: Any, names: set[str]) -> Mapping[str, tuple[int, int]]:
    """Partitions and replicas of the topics that exist."""
    # All are asked for: asking for one that does not exist would make some clusters create it.
    return {
        topic["name"]: (len(topic["partitions"]), len(topic["partitions"][0]["replica_nodes"]))
        for topic in admin.describe_topics()
        if topic["name"] in names
    }


def _create(admin: Any, wanted: dict[str, dict[str, Any]]) -> None:
    answer = admin.create_topics(wanted, wait_for_metadata=True, raise_errors=False)
    # 36: another worker was quicker.
    if refused := [topic for topic in answer["topics"] if topic["error_code"] not in (0, 36)]:
        raise TopicsRefused("；".join(f"{t['name']}：{t['error_message'] or t['error_code']}" for t in refused))
