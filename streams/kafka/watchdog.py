"""Watches a worker from a thread of its own: measures the lag, and ends the process when its offsets stand still while lag grows.

Faust is known to stall after a rebalance now and then: it reads, acknowledges, and never commits again. Nothing inside the
process mends that; a supervisor that starts it again does. Hence the hard exit, which loses nothing.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from infra.telemetry import LAG
from streams.events import TOPICS
from streams.kafka.connection import Connection, listening_to_kafka
from streams.kafka.standing import Standing

log = structlog.get_logger()

LOOK_SECONDS: Final = 5.0
EXIT_STALLED: Final = 70
RECOVERY_FACTOR: Final = 5
"""Sharing out partitions includes reading tables anew, which takes longer than any batch."""
QUIET_FACTOR: Final = 2
"""Without new records there is no hurry, and a restart costs everybody a rebalance."""

Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Offsets:
    """What a look at the broker found, by (topic, partition): the end, and what the group has committed."""

    ends: Mapping[Place, int]
    committed: Mapping[Place, int]

    def lag(self, topic: str) -> int:
        """Records of a topic the group has still to commit."""
        return sum(max(0, end - self.committed.get(place, 0)) for place, end in self.ends.items() if place[0] == topic)


@dataclass(slots=True)
class Stall:
    """Decides from one look after the other whether the worker is stuck. Times are seconds of any steady clock."""

    seconds: float
    _moved: dict[Place, tuple[float, int, int]] = field(default_factory=dict)

    def judge(self, now: float, standing: Standing, offsets: Offsets | None) -> str | None:
        """Why the worker must be ended (for people), or None. ``offsets`` None: the broker could not be asked."""
        if now - standing.beat > self.seconds:
            return f"事件循环已 {now - standing.beat:.0f} 秒没有动静"
        if standing.state == "retrying":
            # Its cause is known and told; starting again would not bring the database back.
            self._moved.clear()
            return None
        if standing.state in ("starting", "rebalancing"):
            self._moved.clear()
            if standing.to_read and now - standing.read_at > self.seconds:
                # Faust was seen to wait for ever for a record of a changelog after two rebalances within a second.
                return f"读取状态表时停住：还差 {standing.to_read} 条，已 {now - standing.read_at:.0f} 秒没有前进"
            stuck = now - standing.since > self.seconds * RECOVERY_FACTOR
            return f"分区分配 {now - standing.since:.0f} 秒没有完成" if stuck else None
        return self._standing_still(now, standing, offsets) if offsets is not None else None

    def _standing_still(self, now: float, standing: Standing, offsets: Offsets) -> str | None:
        mine = {(topic, number) for topic, numbers in standing.assigned.items() for number in numbers}
        for place in self._moved.keys() - mine:
            del self._moved[place]
        for place in sorted(mine):
            end, committed = offsets.ends.get(place, 0), offsets.committed.get(place, 0)
            since, before, end_then = self._moved.get(place, (now, -1, end))
            if committed != before or end <= committed:
                self._moved[place] = (now, committed, end)
            elif _stuck(now - since, self.seconds, grown=end > end_then, lag=end - committed):
                topic, number = place
                told = "积压增至" if end > end_then else "还差"
                return f"主题 {topic} 分区 {number} 的偏移 {committed} 已 {now - since:.0f} 秒没有前进，{told} {end - committed} 条"
        return None


def _stuck(still: float, seconds: float, *, grown: bool, lag: int) -> bool:
    """Whether a partition without progress for ``still`` seconds is stuck: sooner while its topic grows.

    In a topic that has gone quiet a single place may be a transaction's mark that nobody reads.
    """
    return still > seconds if grown else lag > 1 and still > seconds * QUIET_FACTOR


class Watchdog:
    """The thread. ``end`` is what happens to a stalled process."""

    def __init__(
        self,
        standing: Standing,
        *,
        connection: Connection,
        group: str,
        seconds: float,
        end: Callable[[str], None] | None = None,
    ) -> None:
        self._standing = standing
        self._connection = connection
        self._group = group
        self._stall = Stall(seconds)
        self._end = end or _end_process
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        admin: Any = None
        while not self._stop.wait(LOOK_SECONDS):
            offsets = None
            try:
                with listening_to_kafka():
                    admin = admin or _admin(self._connection)
                    offsets = look(admin, self._connection, self._group)
                for topic in TOPICS:
                    LAG.labels(topic, self._group).set(offsets.lag(topic))
            except Exception as error:  # the broker may be what is failing; the worker tells that itself
                log.warning("could not measure the lag", error=repr(error))
                _close(admin)
                admin = None
            reason = self._stall.judge(time.monotonic(), self._standing, offsets)
            if reason is not None:
                self._end(reason)
        _close(admin)


def look(admin: Any, connection: Connection, group: str) -> Offsets:
    """Ask the broker how long the topics are and how far the group has come."""
    from kafka import TopicPartition  # noqa: PLC0415
    from kafka.admin import OffsetSpec  # noqa: PLC0415

    plain = {connection.topic(topic): topic for topic in TOPICS}
    places = {
        TopicPartition(topic["name"], part["partition_index"]): (plain[topic["name"]], part["partition_index"])
        for topic in admin.describe_topics(list(plain))
        for part in topic["partitions"]
    }
    ends = admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.LATEST))
    committed = admin.list_group_offsets(group).get(group, {})
    return Offsets(
        {place: ends[tp].offset for tp, place in places.items()},
        {place: committed[tp].offset for tp, place in places.items() if tp in committed},
    )


def _admin(connection: Connection) -> Any:
    from kafka import KafkaAdminClient  # noqa: PLC0415

    return KafkaAdminClient(**connection.options(), request_timeout_ms=10_000)


def _close(admin: Any) -> None:
    if admin is not None:
        try:
            admin.close()
        except Exception as error:
            log.warning("could not close the admin client", error=repr(error))


def _end_process(reason: str) -> None:
    log.critical("worker stalled, ending the process so that it is started again", reason=reason, status=EXIT_STALLED)
    os._exit(EXIT_STALLED)
