"""What a handler remembers on Kafka, without a broker: values with the place they stem from."""

from __future__ import annotations

from datetime import timedelta

import pytest

from streams.kafka.memory import TableMemory
from streams.log import Record
from streams.room import RoomState
from tests.conftest import NOON

ROOM = "yunjian/r1"


class Table(dict[str, bytes]):
    """A Faust table as the memory sees it."""

    def take(self, memory: TableMemory[RoomState]) -> None:
        """A flush."""
        self.update({key: value for key, (_, value) in memory.take_unwritten().items()})


def record(offset: int, *, partition: int = 0, minutes: int = 0) -> Record:
    return Record("transcripts", offset, ROOM, b"", NOON + timedelta(minutes=minutes), partition)


def memory_on(table: Table) -> TableMemory[RoomState]:
    return TableMemory(RoomState, table.get)


def remember(memory: TableMemory[RoomState], host: str, last: Record) -> None:
    """A batch that changes one room, stored."""
    memory.begin([ROOM])
    memory[ROOM] = RoomState(host=host)
    memory.saved()
    memory.mark({ROOM: last})


def test_a_successor_knows_which_records_went_in_already() -> None:
    table = Table()
    first = memory_on(table)
    remember(first, "h1", record(7))
    table.take(first)
    successor = memory_on(table)
    assert successor[ROOM].host == "h1"
    assert successor.covers(ROOM, record(7))
    assert successor.covers(ROOM, record(3))
    assert not successor.covers(ROOM, record(8))
    assert not successor.covers("yunjian/r2", record(3))


def test_another_partition_or_a_topic_made_anew_is_never_passed_over() -> None:
    table = Table()
    remember(memory := memory_on(table), "h1", record(7))
    assert not memory.covers(ROOM, record(3, partition=1))
    assert not memory.covers(ROOM, record(0, minutes=1)), "offsets began at 0 again, later"


def test_what_was_not_flushed_is_not_remembered_by_a_successor() -> None:
    table = Table()
    first = memory_on(table)
    remember(first, "h1", record(1))
    table.take(first)
    remember(first, "h2", record(2))
    assert first[ROOM].host == "h2"
    successor = memory_on(table)
    assert successor[ROOM].host == "h1"
    assert not successor.covers(ROOM, record(2)), "its record comes again and is folded in then"


def test_a_batch_that_was_not_stored_leaves_everything_as_it_was() -> None:
    memory = memory_on(Table())
    remember(memory, "h1", record(1))
    memory.begin([ROOM, "yunjian/r2"])
    memory[ROOM].host = "h2"
    memory["yunjian/r2"] = RoomState(host="h3")
    memory.undo()
    assert memory[ROOM].host == "h1"
    assert "yunjian/r2" not in memory


def test_state_of_another_version_is_forgotten_and_not_fatal() -> None:
    memory = memory_on(Table({ROOM: b"\xc1not msgpack"}))
    assert memory.get(ROOM) is None
    assert not memory.covers(ROOM, record(0))


def test_only_what_changed_is_taken_and_only_once() -> None:
    memory = memory_on(Table())
    remember(memory, "h1", record(4, partition=2))
    taken = memory.take_unwritten()
    assert [(key, partition) for key, (partition, _) in taken.items()] == [(ROOM, 2)]
    assert memory.take_unwritten() == {}


def test_remembered_state_is_never_deleted() -> None:
    memory = memory_on(Table())
    with pytest.raises(TypeError):
        del memory[ROOM]
