"""Topics as data: what ``infra/deploy/topics.yaml`` wants, and how a cluster differs from it. It talks to no server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
import yaml
from msgspec import Meta, Struct

import infra
from infra.errors import ConfigurationError
from streams.events import MAX_RECORD, TOPICS

BUNDLED: Final = Path(infra.__file__).parent / "deploy" / "topics.yaml"
DEAD_LETTERS: Final = ".dlq"
MIB: Final = 1024 * 1024
MAX_MESSAGE: Final = MAX_RECORD + MIB
"""The largest record of a topic in bytes: the largest value a reader accepts, and room for key and headers."""
MAX_LETTER: Final = MAX_MESSAGE + MIB
"""The largest dead letter in bytes: whatever its topic took, and the reasons."""

DAY_MS: Final = 86_400_000


class TopicSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """What one topic should be. ``retention_days`` has no meaning for a compacted topic, which keeps the last of each key."""

    partitions: Annotated[int, Meta(ge=1, le=10_000)]
    retention_days: Annotated[int, Meta(ge=1)] | None = None
    cleanup: Literal["delete", "compact"] = "delete"
    max_message_mib: Annotated[int, Meta(ge=1, le=100)] = MAX_MESSAGE // MIB
    kept_in: Literal["topic", "database"] = "topic"
    note: str = ""

    def configs(self, replication: int) -> dict[str, str]:
        """The topic's settings, under Kafka's names."""
        wanted = {
            "cleanup.policy": self.cleanup,
            "max.message.bytes": str(self.max_message_mib * MIB),
            "min.insync.replicas": str(max(1, replication - 1)),
            "unclean.leader.election.enable": "false",
        }
        if self.retention_days is not None:
            # The broker's time, not the sender's: a sender's wrong clock would keep a record for ever or drop it at once.
            wanted |= {
                "retention.ms": str(self.retention_days * DAY_MS),
                "retention.bytes": "-1",
                "message.timestamp.type": "LogAppendTime",
            }
        return wanted


class TopicPlan(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    version: Literal[1]
    replication: Annotated[int, Meta(ge=1, le=9)]
    topics: dict[str, TopicSpec]


@dataclass(frozen=True, slots=True)
class Found:
    """A topic as the cluster has it; ``replication`` is that of its weakest partition."""

    partitions: int
    replication: int
    configs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it should be. ``kind`` tells what mends it: create, grow and configure are done by ``apply``."""

    topic: str
    kind: Literal["create", "grow", "configure", "too_many_partitions", "replication"]
    message: str


def load(path: Path = BUNDLED) -> TopicPlan:
    """Read a topics file.

    Raises:
        ConfigurationError: names the file and what is wrong in it.
    """
    try:
        plan = msgspec.convert(yaml.safe_load(path.read_bytes()), TopicPlan)
    except (OSError, yaml.YAMLError, msgspec.MsgspecError) as error:
        raise ConfigurationError(f"主题文件 {path}：{error}") from None
    for name, spec in plan.topics.items():
        if (spec.cleanup == "delete") != (spec.retention_days is not None):
            raise ConfigurationError(
                f"主题文件 {path}：{name} 的 retention_days 应与 cleanup: delete 同用，compact 时不写"
            )
    if absent := [name for name in required() if name not in plan.topics]:
        raise ConfigurationError(f"主题文件 {path}：缺少主题 {'、'.join(absent)}")
    return plan


def required() -> list[str]:
    """The topics without which nothing can work."""
    return [*TOPICS, *(dead_letters_of(topic) for topic in TOPICS)]


def dead_letters_of(topic: str) -> str:
    """The topic of a topic's dead letters."""
    return topic + DEAD_LETTERS


def differences(plan: TopicPlan, found: Mapping[str, Found], *, replication: int | None = None) -> list[Difference]:
    """How the cluster differs from the plan, in the plan's order; ``replication`` stands in for the plan's."""
    copies = replication or plan.replication
    return [
        difference for name, spec in plan.topics.items() for difference in _compare(name, spec, found.get(name), copies)
    ]


def _compare(name: str, spec: TopicSpec, found: Found | None, replication: int) -> list[Difference]:
    if found is None:
        return [Difference(name, "create", f"不存在，应有 {spec.partitions} 个分区；用 chengxin topics apply 建立")]
    result = []
    if found.partitions < spec.partitions:
        how = f"{found.partitions} 个分区，应有 {spec.partitions} 个；待积压处理完、worker 停下后用 chengxin topics apply --grow 增加"
        result.append(Difference(name, "grow", how))
    if found.partitions > spec.partitions:
        how = f"{found.partitions} 个分区，文件里是 {spec.partitions} 个；分区不能减少，请把主题文件改为 {found.partitions}"
        result.append(Difference(name, "too_many_partitions", how))
    if found.replication != replication:
        how = f"{found.replication} 份副本，应有 {replication} 份；用 Kafka 的 kafka-reassign-partitions.sh 调整，单机用 --replication 1"
        result.append(Difference(name, "replication", how))
    # What follows from the number of copies is mended together with it, not before.
    for key, value in spec.configs(min(replication, found.replication)).items():
        if found.configs.get(key) != value:
            how = f"{key} 为 {found.configs.get(key, '（未设）')}，应为 {value}；用 chengxin topics apply 改正"
            result.append(Difference(name, "configure", how))
    return result
