"""The worker on a real Kafka, beyond what both engines have in common."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, TopicPartition
from sqlalchemy import Table, delete
from sqlalchemy.exc import OperationalError

from casework import flags
from casework import tables as casework
from infra.database import insert_many, metadata
from infra.search import Query
from infra.search.embedded import EmbeddedSearch
from streams.events import Utterance
from streams.kafka import watchdog
from streams.kafka.app import GROUP
from streams.kafka.indexing import SearchFeeder
from streams.kafka.watchdog import Watchdog
from streams.kafka.worker import Worker
from tests.streams.fakes import listing, utterance
from tests.streams.kafka_world import KafkaWorld
from tests.streams.test_engine_contract import alike
from tests.streams.world import array

pytestmark = pytest.mark.services

CLAIM = "这个木耳能治三高"
PATIENCE_SECONDS = 60


@pytest.fixture
def world(kafka_url: str, unique_name: str, tmp_path: Path) -> Iterator[KafkaWorld]:
    world = KafkaWorld(tmp_path, broker_url=kafka_url, name=unique_name)
    yield world
    world.close()


@contextmanager
def running(worker: Worker) -> Iterator[Worker]:
    """A worker in a thread of its own."""
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield worker
    finally:
        worker.stop()
        thread.join()


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


def test_nothing_is_committed_before_its_effects_are_stored(world: KafkaWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world.put("transcripts", utterance(1, CLAIM), utterance(2))
    real, away = flags.raise_flags, threading.Event()
    away.set()

    def flaky(*args: object, **kwargs: object) -> list[str]:
        if away.is_set():
            raise OperationalError("INSERT", {}, Exception("server closed the connection"))
        return real(*args, **kwargs)

    monkeypatch.setattr(flags, "raise_flags", flaky)
    with running(world.worker()) as worker:
        wait_until(lambda: worker.standing.state == "retrying")
        time.sleep(2)  # longer than from one flush to the next
        assert sum(world.committed().values()) == 0
        away.clear()
        wait_until(lambda: world.lag() == 0)
    assert sum(world.committed().values()) == 1
    assert len(world.rows(casework.flags)) == 1


def test_records_that_have_expired_are_passed_and_the_rest_is_handled(world: KafkaWorld) -> None:
    for n in range(6):
        world.put("transcripts", utterance(n, CLAIM if n in (0, 5) else "大家好"))
    world.run()
    (place,) = [place for place, offset in world.committed().items() if offset]
    for n in range(6, 12):
        world.put_raw("transcripts", array(utterance(n, CLAIM if n in (7, 11) else "大家好")))
    with KafkaAdminClient(**world.connection.options()) as admin:
        admin.delete_records({TopicPartition(world.topic("transcripts"), place[1]): 10})
    world.run()
    found = {row.event_id for row in world.rows(casework.flags)}
    assert found == {"s1-0000", "s1-0005", "s1-0011"}, "s1-0007 had expired; nothing else is missing"


def test_what_is_said_is_found_and_a_second_feeder_doubles_nothing(world: KafkaWorld, tmp_path: Path) -> None:
    world.put("transcripts", *(utterance(n, CLAIM if n == 3 else f"稻花香大米第{n}袋") for n in range(10)))
    world.run()
    search = EmbeddedSearch(tmp_path / "search")

    def feeder() -> SearchFeeder:
        return SearchFeeder(connection=world.connection, database=world.database, search=search, clock=world.clock)

    def kinds(text: str) -> list[str]:
        return sorted(hit.kind for hit in search.search(Query(text=text, public_only=False)).hits)

    first = feeder()
    first.start()
    wait_until(lambda: kinds("木耳") == ["flag", "transcript"] and first.trouble == "")
    first.stop()
    second = feeder()
    second.start()
    world.put("transcripts", utterance(3, CLAIM), utterance(11, "银耳新货"))
    wait_until(lambda: kinds("银耳") == ["transcript"])
    second.stop()
    assert kinds("木耳") == ["flag", "transcript"]
    assert kinds("稻花香") == ["transcript"] * 9
    search.close()


def test_a_worker_that_never_commits_again_is_noticed_from_outside(
    world: KafkaWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_worker: Worker) -> None:
        return None

    monkeypatch.setattr(Worker, "_flush", never)
    monkeypatch.setattr(watchdog, "LOOK_SECONDS", 0.5)
    told: list[str] = []
    worker = world.worker()
    guard = Watchdog(worker.standing, connection=world.connection, group=world.topic(GROUP), seconds=3, end=told.append)
    with running(worker):
        guard.start()
        numbers = iter(range(10_000))

        def noticed() -> bool:
            world.put("transcripts", utterance(next(numbers)))
            time.sleep(0.2)
            return bool(told)

        wait_until(noticed)
        guard.stop()
    assert "transcripts 分区" in told[0]
    assert "没有前进" in told[0]
    assert world.lag() == 0, "it had stored everything, only the offsets stood still"


def test_a_database_put_back_to_an_earlier_day_is_filled_again_by_itself(world: KafkaWorld) -> None:
    """As docs/runbooks/database-loss.md says: nobody touches offsets or changelogs."""
    world.put("listings", listing())
    world.put("transcripts", *map(_say, range(40)))
    world.run()
    backup = {table: _rows(world, table) for table in metadata.sorted_tables}
    world.put("transcripts", *map(_say, range(40, 90)))
    world.put("listings", listing(id="l-2", title="能治失眠的枕头"))
    world.run()
    whole = alike(world)
    with world.database.write() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(delete(table))
        for table, rows in backup.items():
            insert_many(connection, table, rows)
    assert alike(world)["flags"] != whole["flags"]
    world.run()
    again = alike(world)
    missing = set(whole.pop("flag_contexts")) - set(again.pop("flag_contexts"))
    assert again == whole
    # What rooms remembered went with the database: the words just before are not around the flags just after.
    assert all(line.split("s1-")[1][:4] < "0040" for line in missing)
    assert 0 < len(missing) < 20


def _say(number: int) -> Utterance:
    text = {3: CLAIM, 5: "刚才口误了，不能这么说"}.get(number % 20, f"第{number}句")
    return utterance(number, text)


def _rows(world: KafkaWorld, table: Table) -> list[dict[str, object]]:
    return [dict(row._mapping) for row in world.rows(table)]
