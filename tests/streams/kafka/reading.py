"""Reads whole topics back, for tests that compare what was sent with what is there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from streams.kafka.connection import Connection


def records(connection: Connection, topic: str) -> list[Any]:
    """All records of a topic, partition by partition, from the beginning to the present end."""
    with _consumer(connection) as consumer:
        return list(_all(consumer, connection.topic(topic)))


def ids(connection: Connection, topic: str) -> list[str]:
    """The ids of all events of a topic, in the order of their partitions; a repeated event is there repeatedly."""
    values = [record.value for record in records(connection, topic)]
    return [event["id"] for value in values for event in msgspec.json.decode(b"[" + value.strip(b"[]") + b"]")]


def _all(consumer: Any, topic: str) -> Iterator[Any]:
    from kafka import TopicPartition

    partitions = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic))]
    ends = consumer.end_offsets(partitions)
    for partition in partitions:
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        while consumer.position(partition) < ends[partition]:
            for batch in consumer.poll(timeout_ms=1000).values():
                yield from batch


@contextmanager
def _consumer(connection: Connection) -> Iterator[Any]:
    from kafka import KafkaConsumer

    consumer = KafkaConsumer(**connection.options(), enable_auto_commit=False, group_id=None)
    try:
        yield consumer
    finally:
        consumer.close()
