"""Sends records to Kafka and waits until every in-sync copy has them (kafka-python: idempotent, ``acks=all``, lz4).

Memory is bounded: what is on its way never exceeds a budget of bytes, and while the broker is away callers are refused at once
instead of queueing. Whatever the outcome, nothing is kept for later: who was refused still has the events.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog
from sqlalchemy import Connection as Transaction

from infra.errors import ConfigurationError, TooBusy, Unavailable
from infra.telemetry import BROKER_AWAY, RECORDS_SENT, SEND_SECONDS
from streams.events import Event, event_type
from streams.kafka.connection import CHECK_SECONDS, Connection, closing_what_failed
from streams.kafka.headers import Headers, of_this_request
from streams.kafka.topics import MAX_LETTER
from streams.publish import records_of

log = structlog.get_logger()

BUDGET: Final = 64 * 1024 * 1024
MOST_WAITING: Final = 20
"""Callers that wait at once. Each holds a thread of the web server, which has pages to serve as well."""
REQUEST_MS: Final = 8_000
DELIVERY_MS: Final = 12_000
SLACK_SECONDS: Final = 3.0
AWAY_SECONDS: Final = 2.0
RETRY_AFTER: Final = 5
BATCH_BYTES: Final = 256 * 1024
LINGER_MS: Final = 5


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One record: ``topic`` without the cluster's prefix; key and value as they go on the wire."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()

    @property
    def size(self) -> int:
        headers = sum(len(name) + len(value) for name, value in self.headers)
        return len(self.key or b"") + len(self.value or b"") + headers


class Sender:
    """Sends records of many threads through one producer, which is made when first needed and anew after every failure.

    After a failure a producer's sequence numbers are in doubt; starting afresh is what its authors advise.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        budget: int = BUDGET,
        most_waiting: int = MOST_WAITING,
        make: Callable[[Connection], Any] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._budget = budget
        self._most_waiting = most_waiting
        self._make = make or make_producer
        self._now = now
        self._producer: Any = None
        self._making = threading.Lock()
        self._counting = threading.Lock()
        self._bytes = self._waiting = 0
        self._away_until = 0.0

    @property
    def away(self) -> bool:
        """Whether the last attempt failed a moment ago."""
        return self._now() < self._away_until

    def admit(self) -> None:
        """See ``Publisher.admit``."""
        if self.away:
            raise Unavailable("消息队列 Kafka 暂时连不上，内容未接收，请稍后重发", retry_after=RETRY_AFTER)
        if self._waiting >= self._most_waiting or self._bytes >= self._budget:
            raise TooBusy("等待写入 Kafka 的内容已到上限，内容未接收，请放慢速度后重发", retry_after=1)

    def send(self, records: Sequence[Outgoing]) -> None:
        """Send the records, those of one key in their order, and wait until all are safe.

        Raises:
            Unavailable: some may not have arrived; sending all again is right. TooBusy: none was sent.
        """
        if not records:
            return
        size = sum(record.size for record in records)
        self._enter(size)
        try:
            with SEND_SECONDS.time():
                self._send(records)
        finally:
            with self._counting:
                self._bytes -= size
                self._waiting -= 1

    def close(self) -> None:
        """Give the producer up; nothing waits in it, as every ``send`` has waited for its own records."""
        with self._making:
            producer, self._producer = self._producer, None
        if producer is not None:
            _close(producer)

    def _enter(self, size: int) -> None:
        with self._counting:
            self.admit()
            # One request larger than the whole budget is let through alone rather than never.
            if self._bytes and self._bytes + size > self._budget:
                raise TooBusy("等待写入 Kafka 的内容已到上限，内容未接收，请放慢速度后重发", retry_after=1)
            self._bytes += size
            self._waiting += 1

    def _send(self, records: Sequence[Outgoing]) -> None:
        from kafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError  # noqa: PLC0415

        producer = self._current()
        try:
            futures = [
                producer.send(
                    self._connection.topic(record.topic),
                    key=record.key,
                    value=record.value,
                    headers=list(record.headers),
                )
                for record in records
            ]
            until = time.monotonic() + DELIVERY_MS / 1000 + SLACK_SECONDS
            for future in futures:
                future.get(timeout=max(0.1, until - time.monotonic()))
        except (MessageSizeTooLargeError, RecordListTooLargeError) as error:
            largest = max(records, key=lambda record: record.size)
            raise Unavailable(
                f"Kafka 主题 {self._connection.topic(largest.topic)} 不接受 {largest.size} 字节的记录，"
                f"请让管理员运行 chengxin topics apply",
                retry_after=60,
            ) from error
        except KafkaError as error:
            self._give_up(producer, error)
            raise Unavailable(
                "消息队列 Kafka 没有确认收到，请稍后重发（重发不会产生重复）", retry_after=RETRY_AFTER
            ) from error
        self._came_back()
        for record in records:
            RECORDS_SENT.labels(record.topic).inc()

    def _current(self) -> Any:
        from kafka.errors import KafkaError  # noqa: PLC0415

        with self._making:
            if self._producer is None:
                if self.away:  # another thread has just found out
                    self.admit()
                try:
                    self._producer = self._make(self._connection)
                except (ConfigurationError, KafkaError) as error:
                    self._stay_away(error)
                    raise Unavailable(
                        "消息队列 Kafka 暂时连不上，内容未接收，请稍后重发", retry_after=RETRY_AFTER
                    ) from error
            return self._producer

    def _give_up(self, producer: Any, error: Exception) -> None:
        self._stay_away(error)
        with self._making:
            if self._producer is producer:
                self._producer = None
        # Beside us: it takes until the last record of other callers has arrived or is given up.
        threading.Thread(target=_close, args=(producer,), name="kafka-producer-close", daemon=True).start()

    def _stay_away(self, error: Exception) -> None:
        self._away_until = self._now() + AWAY_SECONDS
        BROKER_AWAY.set(1)
        log.warning("kafka does not take records", error=f"{type(error).__name__}: {error}")

    def _came_back(self) -> None:
        BROKER_AWAY.set(0)


class KafkaPublisher:
    """The ``Publisher`` that sends to Kafka; nothing of it is in the database."""

    def __init__(self, sender: Sender) -> None:
        self.sender = sender

    def admit(self) -> None:
        self.sender.admit()

    def deliver(self, topic: str, events: Sequence[Event]) -> None:
        """Send the events, grouped by key into arrays; the request's id goes with them in a header."""
        event_type(topic)
        headers = of_this_request()
        self.sender.send([Outgoing(topic, key.encode(), value, headers) for key, value in records_of(events)])

    def record(self, connection: Transaction, topic: str, events: Sequence[Event], *, at: datetime) -> None:
        """Nothing: Kafka holds them."""

    def close(self) -> None:
        self.sender.close()


def _close(producer: Any) -> None:
    with suppress(Exception):
        producer.close(timeout=DELIVERY_MS / 1000 + SLACK_SECONDS)
        return
    # kafka-python gives up closing when it cannot flush, and would leave its thread behind.
    with suppress(Exception):
        producer._sender.force_close()
        producer.close(timeout=1)


def make_producer(connection: Connection, *, seconds: float = CHECK_SECONDS / 2) -> Any:
    """A kafka-python producer that is connected.

    Raises:
        ConfigurationError: the cluster cannot be reached or used.
    """
    from kafka import KafkaProducer  # noqa: PLC0415

    # The client repeats itself on every attempt to reconnect; what that comes to is in our own warning.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    connection.check(seconds=seconds)
    with closing_what_failed() as made:
        return KafkaProducer(
            **connection.options(),
            client_id="chengxin",
            enable_idempotence=True,
            acks="all",
            compression_type="lz4",
            linger_ms=LINGER_MS,
            batch_size=BATCH_BYTES,
            max_request_size=MAX_LETTER,
            request_timeout_ms=REQUEST_MS,
            delivery_timeout_ms=DELIVERY_MS,
            max_block_ms=REQUEST_MS,
            bootstrap_timeout_ms=REQUEST_MS,
            reconnect_backoff_max_ms=2_000,
            allow_auto_create_topics=False,
            kafka_client=made,
        )
