"""The log keeps order and forgets nothing that somebody has still to read."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.database import Database
from infra.errors import InvalidInput
from streams import log
from streams.events import MAX_RECORD, UnknownTopic, decode_record
from streams.publish import BYTES_PER_RECORD, EVENTS_PER_RECORD, publish
from streams.tables import dead_letters, handler_state, log_records
from tests.conftest import NOON
from tests.streams.fakes import complaint, utterance

TOPIC = "transcripts"


def append(database: Database, *values: bytes, topic: str = TOPIC, at: datetime = NOON) -> int:
    with database.write() as connection:
        return log.append_many(connection, topic, [("yunjian/r1", value) for value in values], at)


def offsets(database: Database, after: int = log.BEGINNING, topic: str = TOPIC) -> list[int]:
    with database.read() as connection:
        return [record.offset for record in log.read(connection, topic, after)]


def test_records_are_read_in_the_order_they_were_appended_with_offsets_without_gaps(database: Database) -> None:
    assert append(database, b"a", b"b") == 2
    assert append(database, b"c") == 3
    with database.read() as connection:
        records = list(log.read(connection, TOPIC, log.BEGINNING))
        assert log.last_offset(connection, TOPIC) == 3
    assert [(r.offset, r.key, r.value, r.at) for r in records] == [
        (n, "yunjian/r1", value, NOON) for n, value in enumerate((b"a", b"b", b"c"), start=1)
    ]
    assert offsets(database, after=2) == [3]


def test_topics_count_their_own_offsets(database: Database) -> None:
    append(database, b"a", b"b")
    assert append(database, b"c", topic="listings") == 1
    assert offsets(database, topic="listings") == [1]
    assert offsets(database, topic="complaints") == []


def test_an_append_that_is_rolled_back_leaves_no_gap(database: Database) -> None:
    append(database, b"a")

    def fail() -> None:
        with database.write() as connection:
            log.append(connection, TOPIC, "k", b"lost", NOON)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert append(database, b"b") == 2
    assert offsets(database) == [1, 2]


def test_groups_read_on_their_own(database: Database) -> None:
    append(database, b"a", b"b", b"c")
    with database.write() as connection:
        log.commit(connection, "pipeline", TOPIC, 3)
        log.commit(connection, "search", TOPIC, 1)
    with database.read() as connection:
        assert log.committed(connection, "pipeline", TOPIC) == 3
        assert log.lag(connection, "search") == {TOPIC: 2}
        assert log.lag(connection, "somebody-new") == {TOPIC: 3}


def test_a_record_that_is_too_large_or_of_no_known_topic_is_refused(database: Database) -> None:
    with pytest.raises(InvalidInput, match="请分成多条"):
        append(database, b"a", b"x" * (MAX_RECORD + 1))
    with pytest.raises(UnknownTopic):
        append(database, b"a", topic="gossip")
    assert offsets(database) == []


def test_a_key_may_be_as_long_as_platform_and_room_allow(database: Database) -> None:
    key = "p" * 200 + "/" + "r" * 200
    with database.write() as connection:
        log.append(connection, TOPIC, key, b"a", NOON)
        (record,) = log.read(connection, TOPIC, log.BEGINNING)
    assert record.key == key
    for table in (log_records, handler_state, dead_letters):
        assert table.c.key.type.length >= len(key)


def test_retention_deletes_what_is_old_and_read_by_all_and_offsets_go_on(database: Database) -> None:
    old = NOON - timedelta(days=10)
    append(database, b"a", b"b", b"c", at=old)
    append(database, b"d")

    def prune(before: datetime) -> int:
        with database.write() as connection:
            return log.prune(connection, before=before, groups=lambda _topic: ["pipeline", "search"])

    with database.write() as connection:
        log.commit(connection, "pipeline", TOPIC, 4)
    assert prune(NOON) == 0, "the group search has read nothing yet"
    with database.write() as connection:
        log.commit(connection, "search", TOPIC, 2)
    assert prune(NOON) == 2
    assert offsets(database) == [3, 4]
    with database.write() as connection:
        log.commit(connection, "search", TOPIC, 4)
    assert prune(NOON) == 1, "the last record is not old"
    assert prune(NOON + timedelta(days=1)) == 1
    assert offsets(database) == []
    assert append(database, b"e") == 5


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(rooms=st.lists(st.integers(0, 3), max_size=40))
def test_publishing_loses_nothing_and_keeps_the_order_within_a_room(database: Database, rooms: list[int]) -> None:
    said = [utterance(n, room=f"r{room}") for n, room in enumerate(rooms)]
    with database.write() as connection:
        before = log.last_offset(connection, TOPIC)
        assert publish(connection, TOPIC, said, at=NOON) == len(said)
        records = list(log.read(connection, TOPIC, before))
    read = [(r.key, event) for r in records for _, event in decode_record(TOPIC, r.value, now=NOON).events]
    for room in set(rooms):
        assert [e for key, e in read if key == f"yunjian/r{room}"] == [e for e in said if e.room == f"r{room}"]
    assert len(read) == len(said)


def test_published_records_are_bounded_by_number_and_by_size(database: Database) -> None:
    long = [utterance(n, text="米" * 20_000) for n in range(60)]
    with database.write() as connection:
        publish(connection, "complaints", [complaint(id=f"c-{n}") for n in range(EVENTS_PER_RECORD + 1)], at=NOON)
        publish(connection, TOPIC, long, at=NOON)
        counts = [len(msgspec.json.decode(r.value)) for r in log.read(connection, "complaints", log.BEGINNING)]
        sizes = [len(r.value) for r in log.read(connection, TOPIC, log.BEGINNING)]
    assert counts == [EVENTS_PER_RECORD, 1]
    assert len(sizes) > 1
    assert max(sizes) < BYTES_PER_RECORD + 1000
