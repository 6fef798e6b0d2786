"""What the Kafka measurements put on topics, and where: a usual day's utterances, about one in a hundred worth a flag."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, make_url, text

import api.tables  # noqa: F401  declares every room's tables
from benchmarks.day import ROOMS, utterance
from infra.database import Database, metadata
from infra.settings import Settings
from streams.events import TOPICS, encode, key_of
from streams.kafka.cluster import administration
from streams.kafka.connection import Connection
from streams.kafka.topics import MAX_MESSAGE, dead_letters_of

PARTITIONS = 12
PER_RECORD = 200


def records(first: int, last: int, said: Sequence[str], *, per_record: int) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of the records that carry these utterances, arrays of one room's (or one event by itself)."""
    block = ROOMS * per_record
    for begin in range(first, last, block):
        by_room: dict[str, list[bytes]] = {}
        for number in range(begin, min(begin + block, last)):
            event = utterance(number, said)
            by_room.setdefault(key_of(event), []).append(encode(event))
        for key, encoded in by_room.items():
            yield key.encode(), encoded[0] if per_record == 1 else b"[" + b",".join(encoded) + b"]"


@contextmanager
def place(folder: Path, broker: str, database: str, **changes: Any) -> Iterator[tuple[Settings, Connection, Database]]:
    """Topics under a prefix of their own and a fresh database: SQLite, or on the server ``database`` names."""
    prefix = f"bench{secrets.token_hex(4)}."
    with fresh_database(database) as url:
        settings = Settings(
            data_dir=folder / prefix, database_url=url, broker_url=broker, broker_prefix=prefix, **changes
        )
        settings.data_dir.mkdir(parents=True)
        connection = Connection.from_settings(settings)
        counts = {**dict.fromkeys(TOPICS, PARTITIONS), **{dead_letters_of(topic): 1 for topic in TOPICS}}
        configs = {"max.message.bytes": str(MAX_MESSAGE)}
        wanted = {
            connection.topic(topic): {"num_partitions": count, "replication_factor": 1, "configs": configs}
            for topic, count in counts.items()
        }
        with administration(connection) as admin:
            admin.create_topics(wanted, wait_for_metadata=True)
        store = Database(settings.database)
        metadata.create_all(store.engine)
        try:
            yield settings, connection, store
        finally:
            store.close()
            with administration(connection) as admin:
                admin.delete_topics([name for name in admin.list_topics() if name.startswith(prefix)])


@contextmanager
def fresh_database(server: str) -> Iterator[str]:
    """The URL of a new database on a server, dropped at the end; empty (SQLite) when there is no server."""
    if not server:
        yield ""
        return
    name = f"bench_{secrets.token_hex(6)}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
        engine.dispose()
