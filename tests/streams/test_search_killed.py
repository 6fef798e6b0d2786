"""A search server that is killed under load loses nothing and doubles nothing; the engine never notices."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

import casework.tables as casework
from infra.local import LocalElasticsearch
from infra.search import Query
from infra.search.elastic.adapter import ElasticSearch
from infra.settings import Settings
from streams.indexing import bring_up
from tests.streams.fakes import utterance
from tests.streams.world import EmbeddedWorld

pytestmark = [pytest.mark.services, pytest.mark.slow]

CLAIM = "这个木耳能治三高"
KILLS = 3
PER_ROUND = 40


def test_after_kills_under_load_the_index_holds_exactly_what_there_is(tmp_path: Path, server_dir: Path) -> None:
    with LocalElasticsearch(server_dir / "elasticsearch") as server:
        settings = Settings(search_url=server.url, search_timeout=5)
        search = ElasticSearch(settings)
        world = EmbeddedWorld(tmp_path, search=search)
        bring_up(world.database, search)
        stop = threading.Event()
        engine = threading.Thread(target=world.engine().run_forever, args=(stop,))
        engine.start()
        try:
            for number in range(KILLS):
                _put(world, number)
                server.kill()
                _put(world, KILLS + number)
                _wait(lambda n=number: len(world.rows(casework.flags)) == 2 * (n + 1) * PER_ROUND)  # while it is away
                server.start()
                server.wait_ready()
            _wait(lambda: _found(search, "transcript") == _found(search, "flag") == 2 * KILLS * PER_ROUND)
        finally:
            stop.set()
            engine.join()
            world.close()
            search.close()


def _put(world: EmbeddedWorld, number: int) -> None:
    for n in range(number * PER_ROUND, (number + 1) * PER_ROUND):
        world.put("transcripts", utterance(n + 1, CLAIM))


def _found(search: ElasticSearch, kind: str) -> int:
    try:
        return search.search(Query(text="木耳", kinds=frozenset({kind}), public_only=False)).total  # type: ignore[arg-type]
    except Exception:  # not up again yet
        return -1


def _wait(what: object) -> None:
    assert callable(what)
    for _ in range(600):
        if what():
            return
        time.sleep(0.2)
    raise AssertionError("it never came to that")
