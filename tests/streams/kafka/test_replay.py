"""The topic can be read again from its beginning or from any place, for a reindex."""

from __future__ import annotations

import pytest

from streams.events import encode
from streams.indexing import TOPIC
from streams.kafka.connection import Connection
from streams.kafka.replay import read_topic
from streams.kafka.topics import MAX_MESSAGE
from tests.streams.fakes import utterance
from tests.streams.world import array

pytestmark = pytest.mark.services


def put(connection: Connection, *values: bytes) -> None:
    from kafka import KafkaProducer

    producer = KafkaProducer(**connection.options(), max_request_size=MAX_MESSAGE)
    for number, value in enumerate(values):
        producer.send(connection.topic(TOPIC), key=f"yunjian/r{number}".encode(), value=value)
    producer.flush()
    producer.close()


def test_every_good_utterance_is_read_once_and_only_what_is_new_after_a_position(kafka: Connection) -> None:
    pairs = enumerate(range(1, 20, 2))
    put(kafka, *(array(utterance(n, room=f"r{r}"), utterance(n + 1, room=f"r{r}"), b"{bad") for r, n in pairs))
    steps = list(read_topic(kafka)(""))
    assert sorted(u.id for _, said in steps for u in said) == [f"s1-{n:04d}" for n in range(1, 21)]
    put(kafka, encode(utterance(99, room="r0")))
    later = list(read_topic(kafka)(steps[-1][0]))
    assert [u.id for _, said in later for u in said] == ["s1-0099"]
    assert [u.id for _, said in read_topic(kafka)(later[-1][0]) for u in said] == []


def test_a_topic_without_records_ends_at_once(kafka: Connection) -> None:
    assert list(read_topic(kafka)("")) == []
