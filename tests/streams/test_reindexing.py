"""Reindexing builds beside the index in use, can be stopped and taken up, and ends with exactly what there is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from infra.search import KINDS, Document, Kind, Query
from infra.search.elastic.adapter import ElasticSearch
from infra.search.language import Language
from infra.settings import Settings
from streams import reindexing
from streams.events import Utterance
from streams.indexing import TOPIC, start_over
from streams.reindexing import Progress, read_log, rebuild
from tests.infra.elastic import opened_elastic
from tests.streams.fakes import listing, utterance
from tests.streams.world import EmbeddedWorld, array

CLAIM = "这个木耳能治三高"


class Power(Exception):
    """The power went off."""


class PaperBuild:
    """A build on paper: what it was given, and the checkpoint it can be taken up from."""

    def __init__(self, shelf: PaperShelf, kind: Kind) -> None:
        self._shelf, self._kind = shelf, kind
        self.position, self.documents = shelf.notes.get(kind, ("", 0))

    def upsert(self, documents: Iterable[Document]) -> None:
        for document in documents:
            self._shelf.given.append((document.kind, document.id))
            if len(self._shelf.given) == self._shelf.fails_at:
                raise Power

    def checkpoint(self, position: str, documents: int) -> None:
        self._shelf.notes[self._kind] = (position, documents)

    def finish(self) -> None:
        self._shelf.finished.append(self._kind)


class PaperShelf:
    """Keeps builds between runs, as the server does."""

    def __init__(self, *, fails_at: int = 0) -> None:
        self.given: list[tuple[str, str]] = []
        self.notes: dict[Kind, tuple[str, int]] = {}
        self.finished: list[Kind] = []
        self.fails_at = fails_at

    def build(self, kind: Kind, *, fresh: bool = False) -> PaperBuild:
        if fresh:
            self.notes.pop(kind, None)
        return PaperBuild(self, kind)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[EmbeddedWorld]:
    world = EmbeddedWorld(tmp_path)
    world.put("listings", *(listing(id=f"p{n}") for n in range(3)))
    for first in (1, 4, 7):
        world.put_raw(TOPIC, array(*(utterance(first + n, CLAIM) for n in range(3)), b"{bad"))
    world.run()
    yield world
    world.close()


def rebuilt(world: EmbeddedWorld, shelf: PaperShelf, **more: object) -> dict[Kind, int]:
    return rebuild(shelf, world.database, world.clock, read_utterances=read_log(world.database), **more)  # type: ignore[arg-type]


def everything(world: EmbeddedWorld) -> set[tuple[str, str]]:
    shelf = PaperShelf()
    rebuilt(world, shelf)
    return set(shelf.given)


def test_everything_there_is_is_given_once(world: EmbeddedWorld) -> None:
    shelf = PaperShelf()
    counts = rebuilt(world, shelf)
    assert counts == {"transcript": 9, "flag": 9, "subject": counts["subject"], "listing": 3}
    assert counts["subject"] > 0
    assert len(shelf.given) == len(set(shelf.given)) == sum(counts.values())
    assert shelf.finished == list(KINDS)


def test_only_the_kinds_asked_for_are_built(world: EmbeddedWorld) -> None:
    shelf = PaperShelf()
    rebuilt(world, shelf, kinds=["listing"])
    assert shelf.finished == ["listing"]
    assert {kind for kind, _ in shelf.given} == {"listing"}


@pytest.mark.parametrize("fails_at", range(1, 26, 3))
def test_stopped_anywhere_it_goes_on_where_it_was(
    world: EmbeddedWorld, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    monkeypatch.setattr(reindexing, "DOCUMENTS_PER_CHECKPOINT", 3)
    monkeypatch.setattr(reindexing, "ROWS_PER_READ", 2)
    shelf = PaperShelf(fails_at=fails_at)
    with pytest.raises(Power):
        rebuilt(world, shelf)
    finished = list(shelf.finished)
    before = len(shelf.given)
    left = [kind for kind in KINDS if kind not in finished]
    rebuilt(world, shelf, kinds=left)
    assert set(shelf.given) == everything(world)
    assert len(shelf.given) - before <= len(everything(world)) - fails_at + 4  # at most one part twice


def test_another_source_of_utterances_can_be_given(world: EmbeddedWorld) -> None:
    asked: list[str] = []

    def read_utterances(after: str) -> Iterator[tuple[str, Sequence[Utterance]]]:
        asked.append(after)
        yield "p0:5", [utterance(50)]
        yield "p0:6", []

    shelf = PaperShelf()
    rebuild(shelf, world.database, world.clock, read_utterances=read_utterances, kinds=["transcript"])
    assert shelf.given == [("transcript", "s1-0050")]
    assert shelf.notes["transcript"] == ("p0:6", 1)
    rebuild(shelf, world.database, world.clock, read_utterances=read_utterances, kinds=["transcript"])
    assert asked == ["", "p0:6"]


# ---- on the real server


@pytest.fixture
def elastic(elasticsearch_url: str, unique_name: str) -> Iterator[ElasticSearch]:
    with opened_elastic(Settings(search_url=elasticsearch_url, search_prefix=unique_name)) as open_one:
        yield open_one(Language())


def found(index: ElasticSearch, **more: object) -> list[tuple[str, str]]:
    return sorted((hit.kind, hit.id) for hit in index.search(Query(public_only=False, limit=100, **more)).hits)  # type: ignore[arg-type]


@pytest.mark.services
def test_a_rebuilt_index_holds_what_the_live_one_held(world: EmbeddedWorld, elastic: ElasticSearch) -> None:
    world.search = elastic
    with world.database.write() as connection:
        start_over(connection)
    world.run()
    before = found(elastic)
    assert set(before) == everything(world)
    elastic.delete("transcript", ["s1-0001"], version=7)
    elastic.commit()
    assert len(found(elastic)) == len(before) - 1
    rebuild(elastic, world.database, world.clock, read_utterances=read_log(world.database))
    assert found(elastic) == before


@pytest.mark.services
def test_a_build_cut_off_on_the_server_is_taken_up(
    world: EmbeddedWorld, elastic: ElasticSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reindexing, "DOCUMENTS_PER_CHECKPOINT", 3)
    reader = read_log(world.database)

    def cut_off(after: str) -> Iterator[tuple[str, Sequence[Utterance]]]:
        for number, step in enumerate(reader(after)):
            if number == 2:
                raise Power
            yield step

    with pytest.raises(Power):
        rebuild(elastic, world.database, world.clock, read_utterances=cut_off, kinds=["transcript"])
    assert found(elastic) == []  # the index in use is untouched
    told: list[Progress] = []
    rebuild(elastic, world.database, world.clock, read_utterances=reader, kinds=["transcript"], tell=told.append)
    assert (told[0].documents, told[-1].documents) == (6, 9)
    assert len(found(elastic)) == 9
