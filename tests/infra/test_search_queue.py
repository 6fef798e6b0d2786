"""The queue between the database and the index loses no change."""

from __future__ import annotations

from datetime import timedelta

from infra.database import Database
from infra.search import queue
from tests.conftest import NOON


def test_waiting_twice_is_waiting_once(database: Database) -> None:
    with database.write() as connection:
        for _ in range(3):
            queue.enqueue(connection, kind="flag", id="f1")
        assert [entry.id for entry in queue.waiting(connection)] == ["f1"]


def test_a_change_made_while_the_indexer_works_is_not_forgotten(database: Database) -> None:
    with database.write() as connection:
        queue.enqueue(connection, kind="flag", id="f1")
    with database.read() as connection:
        read_by_indexer = queue.waiting(connection)
    with database.write() as connection:
        queue.enqueue(connection, kind="flag", id="f1")
    with database.write() as connection:
        queue.done(connection, read_by_indexer)
        assert [entry.id for entry in queue.waiting(connection)] == ["f1"]


def test_what_one_indexer_holds_another_leaves_alone_until_it_is_given_back_or_too_old(database: Database) -> None:
    with database.write() as connection:
        queue.enqueue_many(connection, [("flag", f"f{n}") for n in range(4)])
        first = queue.hold(connection, now=NOON, limit=3)
        assert [entry.id for entry in first] == ["f0", "f1", "f2"]
        (second,) = queue.hold(connection, now=NOON)
        assert second.id == "f3"
        queue.give_back(connection, first[:1])
        assert [entry.id for entry in queue.hold(connection, now=NOON)] == ["f0"]
        assert queue.hold(connection, now=NOON) == []
        assert len(queue.hold(connection, now=NOON + queue.HELD_FOR)) == 4


def test_a_change_frees_a_held_document(database: Database) -> None:
    with database.write() as connection:
        queue.enqueue(connection, kind="flag", id="f1")
        held = queue.hold(connection, now=NOON)
        queue.enqueue(connection, kind="flag", id="f1")
        queue.done(connection, held)
        assert [entry.id for entry in queue.hold(connection, now=NOON)] == ["f1"]


def test_what_was_held_by_a_clock_that_was_ahead_is_free(database: Database) -> None:
    with database.write() as connection:
        queue.enqueue(connection, kind="flag", id="f1")
        assert len(queue.hold(connection, now=NOON + timedelta(days=1))) == 1
        assert [entry.id for entry in queue.hold(connection, now=NOON)] == ["f1"]
