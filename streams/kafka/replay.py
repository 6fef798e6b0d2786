"""Reads all utterances of the topic again, without a group and from any place on: what a reindex needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from infra.errors import Unavailable
from streams.events import Utterance, decode_record
from streams.indexing import TOPIC
from streams.kafka.connection import Connection
from streams.kafka.topics import MAX_MESSAGE
from streams.reindexing import UtteranceReader

WAIT_MS: Final = 1_000
SILENCE: Final = 30
"""After so many waits without a record, though there should be some, the broker counts as away."""
RECORDS_PER_STEP: Final = 200

Places = dict[str, int]


def read_topic(connection: Connection) -> UtteranceReader:
    """A reader up to where the topic ends when it begins. A position is the next offset of each partition, as JSON."""

    def read(after: str) -> Iterator[tuple[str, Sequence[Utterance]]]:
        from kafka import KafkaConsumer, TopicPartition  # noqa: PLC0415  only where Kafka is used

        consumer = KafkaConsumer(
            **connection.options(),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=MAX_MESSAGE,
        )
        try:
            name = connection.topic(TOPIC)
            partitions = [TopicPartition(name, number) for number in consumer.partitions_for_topic(name) or ()]
            if not partitions:
                return
            ends = {place.partition: end for place, end in consumer.end_offsets(partitions).items()}
            begins = {place.partition: begin for place, begin in consumer.beginning_offsets(partitions).items()}
            known: Places = msgspec.json.decode(after, type=Places) if after else {}
            places = {number: max(known.get(str(number), 0), begins[number]) for number in ends}
            consumer.assign(partitions)
            for place in partitions:
                consumer.seek(place, places[place.partition])
            yield from _until(consumer, places, ends)
        finally:
            consumer.close()

    return read


def _until(consumer: Any, places: dict[int, int], ends: dict[int, int]) -> Iterator[tuple[str, list[Utterance]]]:
    silent = 0
    while any(places[number] < end for number, end in ends.items()):
        fetched = consumer.poll(timeout_ms=WAIT_MS, max_records=RECORDS_PER_STEP)
        said = [utterance for records in fetched.values() for record in records for utterance in _said(record)]
        # Where the reader stands, not the last record: offsets at the end may be taken by markers that are no records.
        moved = {place.partition: consumer.position(place) for place in consumer.assignment()}
        silent = 0 if fetched or moved != places else silent + 1
        if silent >= SILENCE:
            raise Unavailable("Kafka 没有把剩下的话语发来；请确认它在运行，再执行一次即可接着建", retry_after=SILENCE)
        places.update(moved)
        yield msgspec.json.encode({str(number): offset for number, offset in places.items()}).decode(), said


def _said(record: Any) -> list[Utterance]:
    at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
    key = (record.key or b"").decode("utf-8", "replace")
    decoded = decode_record(TOPIC, record.value or b"", now=at, key=key)
    return [event for _, event in decoded.events if isinstance(event, Utterance)]
