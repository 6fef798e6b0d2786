"""Dead letters' records, wrong keys and request ids, without a broker."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from structlog.testing import capture_logs

from casework import tables as casework
from infra.clock import FixedClock
from infra.database import Database
from infra.errors import FieldError
from streams import batches, deadletters, log
from streams.batches import Batch, Work
from streams.deadletters import NewDeadLetter
from streams.events import decode_record
from streams.kafka.deadletters import MAX_REASON, DeadLetterTopics, read_buried
from streams.kafka.producer import Outgoing
from streams.log import Record
from tests.conftest import NOON
from tests.streams.fakes import fake_handlers, utterance
from tests.streams.world import array

CLAIM = "这个木耳能治三高"


def letter(**changes: object) -> NewDeadLetter:
    errors = (FieldError.of("id", "\0", "不能含控制字符"), FieldError.of("text", "", "缺少必填字段"))
    values = {
        "topic": "transcripts",
        "offset": 7,
        "index": 2,
        "key": "yunjian/r1",
        "raw": b'{"id":"\xff',
        "errors": errors,
    }
    return NewDeadLetter(**(values | {"partition": 3, "request": "abc"} | changes))  # type: ignore[arg-type]


def buried(clock: FixedClock, *letters: NewDeadLetter) -> list[Outgoing]:
    sent: list[Outgoing] = []

    def send(records: Sequence[Outgoing]) -> None:
        sent.extend(records)

    DeadLetterTopics(send, clock).bury(letters)
    return sent


def test_a_dead_letter_bears_its_place_its_reasons_and_its_raw_bytes(clock: FixedClock) -> None:
    (record,) = buried(clock, letter())
    assert (record.topic, record.key, record.value) == ("transcripts.dlq", b"yunjian/r1", b'{"id":"\xff')
    read = read_buried(record.headers, record.value)
    assert (read.topic, read.partition, read.offset, read.index) == ("transcripts", 3, 7, 2)
    assert read.errors == letter().errors
    assert "id：不能含控制字符" in read.reason
    assert "\0" not in read.reason
    assert (read.request, read.at, bool(read.version)) == ("abc", NOON.astimezone(clock.now().tzinfo).isoformat(), True)


def test_a_long_reason_is_cut_and_a_missing_request_left_out(clock: FixedClock) -> None:
    many = tuple(FieldError.of(f"f{n}", "x" * 200, "错") for n in range(50))
    (record,) = buried(clock, letter(errors=many, request=None))
    read = read_buried(record.headers, record.value)
    assert len(read.reason) == MAX_REASON
    assert len(read.errors) == 50
    assert read.request is None


def test_an_event_under_the_wrong_key_is_bad_and_its_neighbours_are_good() -> None:
    raw = array(utterance(1), utterance(2, room="r2"), utterance(3))
    decoded = decode_record("transcripts", raw, now=NOON, key="yunjian/r1")
    assert [index for index, _ in decoded.events] == [0, 2]
    assert [(bad.index, bad.raw) for bad in decoded.bad] == [(1, msgspec.json.encode(utterance(2, room="r2")))]
    assert "yunjian/r2" in decoded.bad[0].reason
    assert decode_record("transcripts", raw, now=NOON).bad == []


def test_a_replay_goes_under_the_right_key(database: Database) -> None:
    raw = msgspec.json.encode(utterance(1))
    with database.write() as connection:
        wrong = letter(key="elsewhere/r9", raw=raw)
        deadletters.bury(connection, [wrong, letter(index=3, raw=b"{}", key="kept")], at=NOON)
        for kept in deadletters.list_(connection):
            deadletters.replay(connection, id=kept.id, at=NOON)
        assert [(r.key, r.value) for r in log.read(connection, "transcripts", 0)] == [
            ("yunjian/r1", raw),
            ("kept", b"{}"),
        ]


def test_a_flag_is_logged_with_the_request_that_brought_its_event(database: Database, clock: FixedClock) -> None:
    handlers, rooms = fake_handlers(), {}  # type: ignore[var-annotated]
    work = Work("transcripts", lambda events: handlers.transcripts(events, rooms))
    batch = Batch("transcripts")
    batch.add(Record("transcripts", 0, "yunjian/r1", array(utterance(1), utterance(2, CLAIM)), NOON, request="abc"))
    batch.add(Record("transcripts", 1, "yunjian/r1", array(utterance(3), utterance(2, CLAIM)), NOON, request="def"))
    with capture_logs() as logged, database.write() as connection:
        batches.in_one_go(work, batch, clock)(connection)
        (flag,) = connection.execute(casework.flags.select()).all()
    (line,) = [line for line in logged if line["event"] == "flag raised"]
    assert (line["request_id"], line["event_id"], line["flag"], line["code"]) == ("abc", "s1-0002", flag.id, flag.code)


def test_a_letter_whose_place_is_another_ones_is_kept_too_and_once(database: Database) -> None:
    one, other, third = letter(raw=b"{}"), letter(raw=b"[]"), letter(raw=b"5")
    with database.write() as connection:
        assert deadletters.bury(connection, [one], at=NOON) == 1
        assert deadletters.bury(connection, [one, other], at=NOON) == 1
        assert deadletters.bury(connection, [other, third, one], at=NOON) == 1
        assert deadletters.bury(connection, [third, other, one], at=NOON) == 0
        assert [kept.raw for kept in deadletters.list_(connection)] == [b"{}", b"[]", b"5"]
