"""What carries the events: the embedded log and its engine, or Kafka and its topics; and what has been left undone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect
from sqlalchemy.exc import SQLAlchemyError

from api.doctor.database import skew, sqlite_file
from api.doctor.finding import Finding, error, guarded, ok, warning
from infra import broker
from infra.clock import Clock
from infra.database import Database
from infra.settings import Settings
from streams.events import TOPICS

if TYPE_CHECKING:
    from streams.kafka.connection import Connection


@guarded("broker", "检查 CHENGXIN_BROKER_URL 及其 TLS、用户设置，见 docs/runbooks/broker-loss.md")
def examine(settings: Settings, clock: Clock) -> Iterator[Finding]:
    """The broker the settings name."""
    if broker.is_kafka(settings.broker_url):
        yield from _kafka(settings, clock)
    else:
        yield from _embedded(settings, clock)


def _embedded(settings: Settings, clock: Clock) -> Iterator[Finding]:
    from streams import embedded  # noqa: PLC0415

    path = sqlite_file(settings)
    if path is not None and not path.exists():
        yield ok("broker", "内置日志，尚无数据")
        return
    database = Database(settings.database)
    try:
        with database.read() as connection:
            if not inspect(connection).has_table("engine_status"):
                yield ok("broker", "内置日志，尚无数据")
                return
            status = embedded.status(connection)
    finally:
        database.close()
    if status is None:
        yield ok("broker", "内置日志，引擎还没有运行过")
    elif status.state == "running" and not status.healthy(clock.now()):
        yield warning(
            "broker", f"内置引擎自 {status.at:%m-%d %H:%M:%S} UTC 起没有动静", "若服务应在运行，请重启 chengxin serve"
        )
    elif status.state == "running":
        yield ok("broker", f"内置引擎在运行，待处理 {sum(status.lag.values())} 条记录")
    else:
        yield warning("broker", f"内置引擎 {status.state}：{status.reason}", "见 docs/runbooks/consumer-lag.md")
    yield from _waiting(settings)


def _dead_letters(waiting: dict[str, int]) -> Finding:
    counts = "、".join(f"{topic} {count} 条" for topic, count in waiting.items())
    return warning(
        "dead_letters", f"待处理死信：{counts}", "chengxin deadletters list，见 docs/runbooks/dead-letters.md"
    )


def _kafka(settings: Settings, clock: Clock) -> Iterator[Finding]:
    from streams.kafka import cluster, topics  # noqa: PLC0415
    from streams.kafka.connection import Connection  # noqa: PLC0415

    connection = Connection.from_settings(settings)
    found = connection.check()
    version = ".".join(map(str, found.version))
    yield ok("broker", f"Kafka {version}，{found.brokers} 个节点（{'、'.join(connection.servers)}）")
    plan = topics.load()
    copies = min(plan.replication, found.brokers)
    if found.brokers < plan.replication:
        do = "正式环境应有至少三个节点；单机试用可不理会"
        yield warning("replication", f"只有 {found.brokers} 个节点，不足 {plan.replication} 份副本", do)
    with cluster.administration(connection) as admin:
        there = cluster.find(admin, connection, list(plan.topics))
        consumers = list(_consumers(admin, connection)) if set(TOPICS) <= set(there) else []
        latest = _newest(admin, {connection.topic(name): found.partitions for name, found in there.items()})
    different = topics.differences(plan, there, replication=copies)
    how = f"chengxin topics apply{'' if copies == plan.replication else f' --replication {copies}'}"
    if missing := [connection.topic(one.topic) for one in different if one.kind == "create"]:
        yield error("topics", f"缺少主题 {'、'.join(missing)}", how)
    for one in different:
        if one.kind != "create":
            yield warning("topics", f"{connection.topic(one.topic)}：{one.message}", how)
    if not different:
        yield ok("topics", f"{len(plan.topics)} 个主题与 topics.yaml 一致")
    yield from consumers
    yield from _waiting(settings)
    if latest is not None:
        ahead = (latest - clock.now()).total_seconds()
        if ahead > 0:  # the last record may be old, so the broker's clock shows only where it is ahead
            yield skew("broker_clock", "Kafka ", ahead)


def _consumers(admin: Any, connection: Connection) -> Iterator[Finding]:
    """The workers' group: how many are at work, and how much is left to do."""
    from streams.kafka.app import GROUP  # noqa: PLC0415
    from streams.kafka.watchdog import look  # noqa: PLC0415

    group = connection.topic(GROUP)
    lag = sum(look(admin, connection, group).lag(topic) for topic in TOPICS)
    members = len(admin.describe_groups([group])[group]["members"])
    if members == 0:
        do = "启动 chengxin worker；在此之前事件只在 Kafka 里等着，见 docs/runbooks/consumer-lag.md"
        yield warning("workers", f"没有处理进程在运行，待处理 {lag} 条记录", do)
    else:
        yield ok("workers", f"{members} 个处理进程，待处理 {lag} 条记录")


def _waiting(settings: Settings) -> Iterator[Finding]:
    """Dead letters, which the database has whichever the broker is."""
    from streams import deadletters  # noqa: PLC0415

    path = sqlite_file(settings)
    if path is not None and not path.exists():
        return
    database = Database(settings.database)
    try:
        with database.read() as connection:
            there = inspect(connection).has_table("dead_letters")
            waiting = deadletters.waiting(connection) if there else {}
    except SQLAlchemyError:
        return  # the check of the database has told it
    finally:
        database.close()
    if waiting:
        yield _dead_letters(waiting)


def _newest(admin: Any, partitions: Mapping[str, int]) -> datetime | None:
    """The time of the newest record, by the broker's clock; None when there is none, or the broker is older than Kafka 3."""
    from kafka import TopicPartition  # noqa: PLC0415
    from kafka.errors import KafkaError  # noqa: PLC0415
    from kafka.protocol.consumer import OffsetSpec  # noqa: PLC0415

    wanted = {
        TopicPartition(topic, number): OffsetSpec.MAX_TIMESTAMP
        for topic, count in partitions.items()
        for number in range(count)
    }
    try:
        found = admin.list_partition_offsets(wanted) if wanted else {}
    except KafkaError:
        return None
    newest = max((place.timestamp for place in found.values()), default=-1)
    return datetime.fromtimestamp(newest / 1000, UTC) if newest > 0 else None
