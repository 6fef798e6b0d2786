"""Looks into a topic beside the worker's own consumer, without a group: which record comes first from an offset on."""

from __future__ import annotations

from typing import Final

from streams.kafka.connection import Connection
from streams.kafka.topics import MAX_MESSAGE

WAIT_MS: Final = 10_000


async def first_offset(connection: Connection, topic: str, partition: int, offset: int) -> int | None:
    """The offset of the first record at or after ``offset`` that the broker still has; None when there is none."""
    from aiokafka import AIOKafkaConsumer, TopicPartition  # noqa: PLC0415  only where Kafka is used

    place = TopicPartition(topic, partition)
    consumer = AIOKafkaConsumer(
        **connection.options(), auto_offset_reset="earliest", max_partition_fetch_bytes=MAX_MESSAGE
    )
    await consumer.start()
    try:
        consumer.assign([place])
        consumer.seek(place, offset)
        found = await consumer.getmany(place, timeout_ms=WAIT_MS, max_records=1)
        return next((int(record.offset) for some in found.values() for record in some), None)
    finally:
        await consumer.stop()
