"""A search server that is away or slow stops neither events nor flags, and what it missed is caught up with."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

import casework.tables as casework
from infra.search import Document, Query, SearchUnavailable, queue
from infra.search.embedded import EmbeddedSearch
from streams.indexing import bring_up
from tests.streams.fakes import utterance
from tests.streams.world import EmbeddedWorld

CLAIM = "这个木耳能治三高"


class FarSearch(EmbeddedSearch):
    """A real index that behaves as if it were on a server: ``gate`` holds its answers up, ``away`` refuses them."""

    remote = True

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.gate = threading.Event()
        self.gate.set()
        self.away = threading.Event()
        self.asked = threading.Event()

    def upsert(self, documents: Iterable[Document]) -> None:
        self.asked.set()
        self.gate.wait(30)
        if self.away.is_set():
            raise SearchUnavailable("连不上搜索服务器")
        super().upsert(documents)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[EmbeddedWorld]:
    search = FarSearch(tmp_path / "search")
    world = EmbeddedWorld(tmp_path, search=search)
    yield world
    world.close()
    search.close()


def test_a_change_is_indexed_although_the_clock_was_set_back(tmp_path: Path) -> None:
    search = EmbeddedSearch(tmp_path / "search")
    world = EmbeddedWorld(tmp_path, search=search)
    world.clock.advance(timedelta(hours=5))
    world.put("transcripts", utterance(1, CLAIM))
    world.run()
    world.clock.advance(timedelta(hours=-5))
    with world.database.write() as connection:
        connection.execute(casework.flags.update().values(status="confirmed"))
        queue.enqueue_many(connection, [("flag", row.id) for row in connection.execute(select(casework.flags))])
    world.run()
    (found,) = search.search(Query(kinds=frozenset({"flag"}), public_only=False)).hits
    assert found.facets["status"] == "confirmed"
    world.close()
    search.close()


class Running:
    """The engine in a thread, as in the web process."""

    def __init__(self, world: EmbeddedWorld) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=world.engine().run_forever, args=(self._stop,))

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_raised: object) -> None:
        self._stop.set()
        self._thread.join()


def eventually(what: object) -> None:
    """Wait until a function says yes."""
    assert callable(what)
    pause = threading.Event()
    for _ in range(600):
        if what():
            return
        pause.wait(0.05)
    raise AssertionError("it never came to that")


def found(world: EmbeddedWorld) -> int:
    assert world.search is not None
    return world.search.search(Query(text="木耳", public_only=False)).total


def test_flags_are_raised_while_the_search_server_does_not_answer(world: EmbeddedWorld) -> None:
    search = world.search
    assert isinstance(search, FarSearch)
    search.gate.clear()
    with Running(world):
        world.put("transcripts", utterance(1, CLAIM))
        eventually(search.asked.is_set)  # the indexing thread hangs from here on
        world.put("transcripts", utterance(2, CLAIM))
        eventually(lambda: len(world.rows(casework.flags)) == 2)
        assert found(world) == 0
        search.gate.set()
        eventually(lambda: found(world) == 4)  # two utterances, two flags


def test_what_was_missed_while_the_server_was_away_is_caught_up_with(world: EmbeddedWorld) -> None:
    search = world.search
    assert isinstance(search, FarSearch)
    search.away.set()
    with Running(world):
        world.put("transcripts", utterance(1, CLAIM))
        eventually(lambda: len(world.rows(casework.flags)) == 1)
        eventually(search.asked.is_set)
        search.away.clear()
        eventually(lambda: found(world) == 2)


def test_a_new_index_is_filled_from_what_is_known(tmp_path: Path, world: EmbeddedWorld) -> None:
    world.put("transcripts", utterance(1, CLAIM))
    world.run()
    assert found(world) == 2
    other = EmbeddedSearch(tmp_path / "other")
    bring_up(world.database, other)
    world.search = other
    world.run()
    assert found(world) == 2
    before = world.rows(casework.flags)
    bring_up(world.database, other)  # not new any more: nothing to do
    assert not world.run()
    assert world.rows(casework.flags) == before
    other.close()
