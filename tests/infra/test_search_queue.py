"""The queue between the database and the index loses no change."""

from __future__ import annotations

from infra.database import Database
from infra.search import queue


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
