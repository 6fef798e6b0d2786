"""What every engine must do with a log: effects exactly once, bad events aside, a stop before a topic drains away."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from casework import complaints, flags
from casework import listings as listing_cases
from casework import tables as casework
from classifiers.finding import CheckResult, Item
from infra import outbox
from infra.search import Document, Query
from infra.search.embedded import EmbeddedSearch
from rating import ledger
from streams import deadletters, indexing, log
from streams.deadletters import DeadLetterLimitExceeded
from streams.embedded import status
from streams.events import Decision
from streams.tables import dead_letters
from tests.conftest import NOON
from tests.streams.fakes import BOOM, FakeDetector, complaint, fake_handlers, listing, utterance
from tests.streams.world import EmbeddedWorld, array

CLAIM, TAKEN_BACK = "这个木耳能治三高", "刚才口误了，不能这么说"
ENGINES = ["embedded", pytest.param("kafka", marks=pytest.mark.services)]
SMALL_WINDOW = {"dead_letter_window": 10, "dead_letter_limit": 0.3}


@pytest.fixture(params=ENGINES)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EmbeddedWorld]:
    """Either engine."""
    if request.param == "kafka":
        broker, name = request.getfixturevalue("kafka_url"), request.getfixturevalue("unique_name")
        world: EmbeddedWorld = kafka_world(tmp_path, broker, name)
    else:
        world = EmbeddedWorld(tmp_path)
    yield world
    world.close()


def kafka_world(folder: Path, broker: str, name: str) -> EmbeddedWorld:
    from tests.streams.kafka_world import KafkaWorld  # the client loads only where it is used

    return KafkaWorld(folder, broker_url=broker, name=name)


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[EmbeddedWorld]:
    """The embedded engine, for what only it does: its loop, its log, two of it on one database."""
    world = EmbeddedWorld(tmp_path)
    yield world
    world.close()


class BrokenDetector(FakeDetector):
    """A release that fails at every text."""

    def _check(self, item: Item) -> CheckResult:
        raise ZeroDivisionError(item.text)


class MendedDetector(FakeDetector):
    """A release that no longer breaks down on ``炸了``."""

    def _check(self, item: Item) -> CheckResult:
        return super()._check(msgspec.structs.replace(item, text=item.text.replace(BOOM, "")))


def decision(number: int = 1) -> Decision:
    return Decision(
        id=f"d-{number}", subject="host:yunjian:h1", outcome="confirmed", decided_at=NOON, flag=f"f-{number}",
        code="MEDICAL", severity="S3",
    )  # fmt: skip


def alike(world: EmbeddedWorld) -> dict[str, list[str]]:
    """All effects, without numbers given in the order of writing and without places, which are each engine's own."""
    effects = world.effects()
    effects["search_queue"] = sorted(row.split(", ", 1)[1] for row in effects["search_queue"])
    effects["dead_letters"] = sorted(str((row.raw, row.errors)) for row in world.letters())
    return effects


def test_every_topic_has_its_effect(world: EmbeddedWorld) -> None:
    world.put("listings", listing())
    world.put("transcripts", utterance(1), utterance(2, CLAIM), utterance(3, TAKEN_BACK))
    world.put("complaints", complaint())
    world.put("decisions", decision())
    done = world.run()
    assert (done.events, done.bad, done.flags) == (6, 0, 1)
    with world.database.read() as connection:
        (raised,) = flags.queue(connection).items
        view = flags.get(connection, id=raised.id)
        assert [line.event_id for line in view.context] == ["s1-0001", "s1-0002", "s1-0003"]
        assert view.flag.machine_status == "corrected"
        stored = listing_cases.facts(connection, platform="yunjian", id="l-1")
        assert stored is not None
        assert stored["title"] == listing().title
        assert complaints.get(connection, id="c-1").text == complaint().text
        assert len(ledger.entries(connection, subject="host:yunjian:h1", at=NOON)) == 1
    known = {row.id for row in world.rows(casework.subjects)}
    assert {"host:yunjian:h1", "room:yunjian:r1", "operator:yunjian:o1", "seller:yunjian:shop1"} <= known


def test_an_event_sent_twice_has_its_effect_once(world: EmbeddedWorld) -> None:
    for _ in range(2):
        world.put("listings", listing(title="能治失眠的枕头"))
        world.put("transcripts", utterance(1, CLAIM), utterance(2))
        world.put("complaints", complaint())
        world.put("decisions", decision())
        world.run()
    counts = [len(world.rows(t)) for t in (casework.flags, casework.listings, casework.complaints)]
    assert counts == [2, 1, 1]
    assert sorted(world.context()) == ["s1-0001", "s1-0002"]
    with world.database.read() as connection:
        assert len(ledger.entries(connection, subject="host:yunjian:h1", at=NOON)) == 1


def test_a_bad_event_is_buried_with_its_place_and_its_neighbours_live(world: EmbeddedWorld) -> None:
    world.put_raw("transcripts", array(utterance(1)))
    world.put_raw("transcripts", array(utterance(2, CLAIM), b'{"id":"\\u0000"}', utterance(3), b"{oops"))
    world.run()
    first, second = world.letters()
    assert (first.topic, first.offset, first.index) == ("transcripts", world.first_offset + 1, 1)
    assert first.raw == b'{"id":"\\u0000"}'
    assert "id：不能含控制字符" in first.reason
    assert "\0" not in first.reason
    assert {error["field"] for error in first.errors} >= {"id", "platform", "text"}
    assert (second.index, second.raw) == (3, b"{oops]")
    assert len(world.rows(casework.flags)) == 1
    assert len(world.context()) == 3


def test_an_event_that_breaks_the_detector_is_buried_alone(world: EmbeddedWorld) -> None:
    world.put("transcripts", utterance(1, CLAIM), utterance(2, BOOM), utterance(3, TAKEN_BACK))
    world.run()
    (letter,) = world.letters()
    assert msgspec.json.decode(letter.raw)["id"] == "s1-0002"
    assert "ZeroDivisionError" in letter.reason
    (flag,) = world.rows(casework.flags)
    assert flag.machine_status == "corrected", "the words after the bad event still count"


def test_an_event_that_a_service_refuses_leaves_no_trace_but_its_letter(
    world: EmbeddedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = flags.add_contexts

    def refuse(connection: Connection, context: dict[str, list[flags.Line]]) -> None:
        if any("百病" in line.text for lines in context.values() for line in lines):
            raise ValueError("refused")
        real(connection, context)

    monkeypatch.setattr(flags, "add_contexts", refuse)
    world.put("transcripts", utterance(1, "能治百病", room="r2"), utterance(1, CLAIM, id="x-1"))
    world.run()
    assert [msgspec.json.decode(letter.raw)["room"] for letter in world.letters()] == ["r2"]
    assert [row.room for row in world.rows(casework.flags)] == ["room:yunjian:r1"]
    assert world.remembered_rooms() == ["yunjian/r1"], "the room of the refused event was never remembered"


def test_too_many_bad_events_stop_the_engine_with_nothing_of_the_batch_written(world: EmbeddedWorld) -> None:
    world.put_raw("transcripts", array(utterance(1, CLAIM), *[b"{}"] * 4))
    before = world.effects()
    with pytest.raises(DeadLetterLimitExceeded) as stopped:
        world.run(**SMALL_WINDOW)
    message = str(stopped.value)
    assert "transcripts 最近 10 条事件中有 4 条无法处理，超过上限 30%" in message
    assert "CHENGXIN_DEAD_LETTER_LIMIT=1" in message
    assert world.effects() == before


def test_a_stopped_engine_goes_on_where_it_was_once_let_through(world: EmbeddedWorld) -> None:
    world.put("transcripts", utterance(1))
    world.put_raw("transcripts", array(utterance(2, CLAIM), *[b"{}"] * 4))
    world.put("transcripts", utterance(3))
    for _ in range(2):
        with pytest.raises(DeadLetterLimitExceeded):
            world.run(**SMALL_WINDOW, batch_size=1)
    assert world.run(**SMALL_WINDOW | {"dead_letter_limit": 1.0}).events == 6
    assert len(world.letters()) == 4
    assert len(world.rows(casework.flags)) == 1


def test_a_mended_release_buries_nothing_of_what_stopped_the_broken_one(world: EmbeddedWorld) -> None:
    world.put("transcripts", *(utterance(n) for n in range(8)))
    with pytest.raises(DeadLetterLimitExceeded, match="ZeroDivisionError"):
        world.run(fake_handlers(BrokenDetector()), **SMALL_WINDOW)
    assert world.run(**SMALL_WINDOW).events == 8
    assert world.letters() == []


def test_a_few_bad_events_among_many_stop_nothing(world: EmbeddedWorld) -> None:
    for n in range(0, 60, 5):
        world.put_raw("transcripts", array(*(utterance(n + i) for i in range(4)), b"{}"))
    done = world.run(**SMALL_WINDOW, batch_size=7)
    assert (done.events, done.bad) == (60, 12)


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_the_size_of_a_batch_changes_nothing(world: EmbeddedWorld, tmp_path: Path, size: int) -> None:
    other = EmbeddedWorld(tmp_path / "other")
    for place in (world, other):
        place.put("listings", listing(), listing(id="l-2", title="能治失眠的枕头"))
        for n in range(0, 90, 6):
            texts = {12: CLAIM, 14: TAKEN_BACK, 30: "正宗五常大米", 48: BOOM, 60: CLAIM}
            said = [
                utterance(n + i, texts.get(n + i, "大家好"), listing="l-1" if n + i == 29 else None) for i in range(6)
            ]
            place.put_raw("transcripts", array(*said, b"{}") if n % 12 == 0 else array(*said))
    world.run(batch_size=size)
    other.run(batch_size=20)
    assert len(world.rows(casework.flags)) == 4
    assert alike(world) == alike(other)
    other.close()


def test_two_engines_on_one_database_do_the_work_once(embedded: EmbeddedWorld) -> None:
    embedded.put("transcripts", *(utterance(n, CLAIM if n % 10 == 0 else "大家好") for n in range(400)))
    one, other = embedded.engine(batch_size=10), embedded.engine(batch_size=10)
    other.run_once()
    for _ in range(3):
        one.run_once()
        other.run_once()
    threads = [threading.Thread(target=engine.run_until_idle) for engine in (one, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    embedded.run()
    alone = EmbeddedWorld(embedded.settings.data_dir / "alone")
    alone.put("transcripts", *(utterance(n, CLAIM if n % 10 == 0 else "大家好") for n in range(400)))
    alone.run()
    assert embedded.content() == alone.content()
    alone.close()


def test_what_an_officer_decided_is_published_when_it_is_due(embedded: EmbeddedWorld) -> None:
    with embedded.database.write() as connection:
        event, due = msgspec.to_builtins(decision()), NOON + timedelta(seconds=8)
        outbox.append(connection, event_id="d-1", topic="decisions", key="host:yunjian:h1", event=event, due=due)
    engine = embedded.engine()
    assert not engine.run_until_idle()
    embedded.clock.advance(timedelta(seconds=8))
    assert engine.run_until_idle().relayed == 1
    with embedded.database.read() as connection:
        assert len(ledger.entries(connection, subject="host:yunjian:h1", at=embedded.clock.now())) == 1


def test_dead_letters_are_replayed_once_and_come_back_when_still_bad(embedded: EmbeddedWorld) -> None:
    embedded.put("transcripts", utterance(1, f"能治{BOOM}"))
    embedded.put_raw("transcripts", b"{}")
    embedded.run()
    first, second = embedded.letters()
    with embedded.database.write() as connection:
        for letter in (first, second):
            deadletters.replay(connection, id=letter.id, at=NOON)
    with (
        pytest.raises(deadletters.Conflict, match="已于 2026-11-20 04:00 UTC 重放"),
        embedded.database.write() as connection,
    ):
        deadletters.replay(connection, id=first.id, at=NOON)
    embedded.run(fake_handlers(MendedDetector()))
    (again,) = embedded.letters()
    assert (again.raw, again.offset) == (b"{}", 4)
    assert len(embedded.rows(casework.flags)) == 1
    assert len(embedded.rows(dead_letters)) == 3


# ---- the loop


class Rounds(threading.Event):
    """Set after some rounds of the loop."""

    def __init__(self, rounds: int) -> None:
        super().__init__()
        self.left = rounds

    def is_set(self) -> bool:
        self.left -= 1
        return self.left < 0

    def wait(self, timeout: float | None = None) -> bool:
        return False


def state(world: EmbeddedWorld) -> tuple[str, str]:
    with world.database.read() as connection:
        told = status(connection)
    assert told is not None
    return told.state, told.reason


def test_the_loop_works_tells_how_it_stands_and_ends_when_asked(embedded: EmbeddedWorld) -> None:
    embedded.put("transcripts", utterance(1, CLAIM))
    embedded.engine().run_forever(Rounds(2))
    assert len(embedded.rows(casework.flags)) == 1
    assert state(embedded) == ("stopped", "已正常停止")


def test_the_loop_stops_at_the_limit_and_says_why_to_other_processes(embedded: EmbeddedWorld) -> None:
    embedded.put_raw("transcripts", array(*[b"{}"] * 4))
    with pytest.raises(DeadLetterLimitExceeded):
        embedded.engine(**SMALL_WINDOW).run_forever(Rounds(5))
    told, reason = state(embedded)
    assert told == "stopped"
    assert "超过上限 30%" in reason
    embedded.engine(**SMALL_WINDOW | {"dead_letter_limit": 1.0}).run_forever(Rounds(2))
    assert len(embedded.letters()) == 4


def test_a_database_that_fails_for_a_while_costs_nothing(
    embedded: EmbeddedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded.put("transcripts", utterance(1, CLAIM))
    failures = iter([True, True])
    real = flags.raise_flag

    def flaky(*args: object, **kwargs: object) -> bool:
        if next(failures, False):
            raise OperationalError("INSERT", {}, Exception("disk I/O error"))
        return real(*args, **kwargs)

    monkeypatch.setattr(flags, "raise_flag", flaky)
    embedded.engine().run_forever(Rounds(4))
    assert len(embedded.rows(casework.flags)) == 1
    assert embedded.letters() == []


def test_the_loop_prunes_what_is_older_than_the_law_asks(embedded: EmbeddedWorld) -> None:
    embedded.put_raw("transcripts", array(utterance(1)), at=NOON - timedelta(days=1097))
    embedded.put_raw("transcripts", array(utterance(2)), at=NOON - timedelta(days=1095))
    embedded.engine().run_forever(Rounds(2))
    with embedded.database.read() as connection:
        assert [record.offset for record in log.read(connection, "transcripts", log.BEGINNING)] == [2]


# ---- the index


@pytest.fixture
def searchable(tmp_path: Path) -> Iterator[EmbeddedWorld]:
    search = EmbeddedSearch(tmp_path / "search")
    world = EmbeddedWorld(tmp_path, search=search)
    yield world
    world.close()
    search.close()


def found(world: EmbeddedWorld, text: str, **more: object) -> list[str]:
    assert world.search is not None
    return sorted(hit.kind for hit in world.search.search(Query(text=text, **more)).hits)


def test_everything_that_came_in_is_found_and_the_public_sees_no_words_and_no_flags(searchable: EmbeddedWorld) -> None:
    searchable.put("listings", listing())
    searchable.put("transcripts", utterance(1, CLAIM), utterance(2, "稻花香大米开仓"))
    searchable.run()
    assert found(searchable, "木耳", public_only=False) == ["flag", "transcript"]
    assert found(searchable, "稻花香", public_only=False) == ["listing", "transcript"]
    assert found(searchable, "木耳") == []
    assert found(searchable, "稻花香") == ["listing"]
    assert found(searchable, "h1") == ["subject"]


def test_an_index_that_fails_holds_up_no_flag_and_catches_up_later(
    searchable: EmbeddedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    searchable.put("transcripts", utterance(1, CLAIM))
    engine = searchable.engine()
    with monkeypatch.context() as broken:
        broken.setattr(searchable.search, "commit", lambda: 1 / 0)
        engine.run_forever(Rounds(3))
    assert len(searchable.rows(casework.flags)) == 1
    searchable.clock.advance(timedelta(minutes=1))
    engine.run_forever(Rounds(3))
    assert found(searchable, "木耳", public_only=False) == ["flag", "transcript"]


def test_a_reindex_asked_for_while_a_step_is_under_way_is_not_forgotten(
    searchable: EmbeddedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    searchable.put("transcripts", utterance(1))
    searchable.run()
    searchable.put("transcripts", utterance(2))
    assert searchable.search is not None
    real, seen = searchable.search.commit, []

    def commit() -> None:
        real()
        with searchable.database.write() as connection:
            indexing.start_over(connection)
        monkeypatch.undo()
        monkeypatch.setattr(searchable.search, "upsert", seen.extend)

    monkeypatch.setattr(searchable.search, "commit", commit)
    searchable.run()
    said: list[Document] = [document for document in seen if document.kind == "transcript"]
    assert [document.id for document in said] == ["s1-0001", "s1-0002"]
