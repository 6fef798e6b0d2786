"""Batches of Kafka records against the database, without a broker: fenced, in order, exactly once in effect."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from casework import tables as casework
from streams.deadletters import DeadLetterLimitExceeded, NewDeadLetter
from streams.events import Event
from streams.kafka import partitions
from streams.kafka.partitions import Claimant
from streams.kafka.processor import Gap, Ground, Processor
from streams.kafka.works import assemble
from streams.known_listings import KnownListing
from streams.log import Record
from streams.tables import handler_state
from tests.conftest import NOON
from tests.streams.fakes import START, fake_handlers, listing, utterance
from tests.streams.test_engine_contract import alike
from tests.streams.world import EmbeddedWorld, array

CLAIM = "这个木耳能治三高"


class Bench(EmbeddedWorld):
    """A database with processors on it; ``tables`` is what a changelog would hold."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.tables: dict[str, bytes] = {}
        self.buried: list[NewDeadLetter] = []

    def processor(
        self, owner: str = "one", *, generation: int = 1, topic: str = "transcripts", **changes: object
    ) -> Processor:
        settings = self.settings.model_copy(update=changes)
        ground = Ground(self.database, self.clock, settings, owner, self.buried.extend)
        read = {"transcripts": self.tables.get, "listings": self.tables.get}
        made = next(one for one in assemble(fake_handlers(), read) if one.work.topic == topic)
        processor = Processor(made.work, ground, made.memory)
        processor.start_over(generation)
        return processor

    def flush(self, processor: Processor) -> None:
        assert processor.memory is not None
        self.tables.update({key: value for key, (_, value) in processor.memory.take_unwritten().items()})

    def stored(self) -> dict[int, int]:
        with self.database.read() as connection:
            return partitions.stored(connection, "transcripts")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def record(offset: int, *events: Event | bytes, partition: int = 0) -> Record:
    return Record("transcripts", offset, "yunjian/r1", array(*events), NOON, partition)


def day() -> list[Record]:
    """A claim with words before and after it, one utterance to a record."""
    return [record(n, utterance(n, CLAIM if n == 5 else f"第{n}句")) for n in range(10)]


def test_records_that_come_again_change_nothing(bench: Bench) -> None:
    records = day()
    bench.processor().process(records)
    before = alike(bench)
    again = bench.processor("two", generation=2)
    done = again.process(records)
    assert alike(bench) == before
    assert done.events == 0, "they count once"
    assert all(again.is_stored(one) for one in records)


@pytest.mark.parametrize("killed_after", range(1, 10))
@pytest.mark.parametrize("flushed_after", [0, 3, 6])
def test_a_worker_killed_between_storing_and_committing_leaves_no_trace(
    bench: Bench, tmp_path: Path, killed_after: int, flushed_after: int
) -> None:
    calm = Bench(tmp_path / "calm")
    calm.processor().process(day())
    first, flushed = bench.processor(batch_size=1), min(flushed_after, killed_after)
    first.process(day()[:flushed])
    bench.flush(first)
    first.process(day()[flushed:killed_after])
    successor = bench.processor("two", generation=2)
    successor.process(day()[max(0, flushed - 1) :])  # nothing later than the last flush was committed
    assert alike(bench) == alike(calm)
    calm.close()


def test_an_overtaken_worker_stores_nothing_and_says_so(bench: Bench) -> None:
    old = bench.processor("old", generation=1)
    old.process(day()[:2])
    bench.processor("new", generation=2).process(day()[:3])
    before = bench.content()
    old.process(day()[2:])
    assert bench.content() == before
    assert not old.is_stored(day()[9]), "its offset must not be committed"
    assert old.owned() == set()


def test_a_claim_of_an_earlier_generation_takes_nothing_away(bench: Bench) -> None:
    new = bench.processor("new", generation=3)
    new.process(day()[:1])
    late = bench.processor("late", generation=2)
    assert late.process(day()).records == 0
    new.process(day()[1:])
    assert bench.stored() == {0: 10}


def test_a_group_that_counts_anew_may_claim_what_nobody_has_used_for_long(bench: Bench) -> None:
    bench.processor("old", generation=99).process(day()[:1])
    bench.clock.advance(timedelta(minutes=11))
    assert bench.processor("new", generation=1).process(day()[1:]).records == 9


def test_a_partition_given_away_is_left_alone_while_the_others_go_on(bench: Bench) -> None:
    one = bench.processor("one", generation=1)
    one.process([record(0, utterance(0), partition=0), record(0, utterance(0, room="r2"), partition=1)])
    with bench.database.write() as connection:
        partitions.claim(connection, "transcripts", [1], Claimant("two", 2), now=NOON)
    one.process([record(1, utterance(1), partition=0), record(1, utterance(1, room="r2"), partition=1)])
    assert bench.stored() == {0: 2, 1: 1}


def test_nothing_is_stored_behind_a_gap(bench: Bench) -> None:
    processor = bench.processor()
    records = day()
    processor.process(records[:2])
    left = records[4:]
    processor.process(left)
    assert bench.stored() == {0: 2}
    assert processor.gaps(left) == [Gap(partition=0, expected=2, found=4)]
    processor.process(records[2:])
    assert bench.stored() == {0: 10}


def test_a_gap_the_broker_really_has_is_passed(bench: Bench) -> None:
    processor = bench.processor()
    processor.process(day()[:2])
    left = day()[4:]
    (gap,) = processor.gaps(left)
    processor.allow(gap)
    processor.process(left)
    assert bench.stored() == {0: 10}


def test_a_database_put_back_to_an_earlier_day_is_filled_again_although_the_tables_are_ahead(
    bench: Bench, tmp_path: Path
) -> None:
    first = bench.processor()
    first.process(day())
    bench.flush(first)
    restored = Bench(tmp_path / "restored")
    restored.tables = bench.tables
    restored.processor("two", generation=2).process(day())
    assert alike(restored) == alike(bench)
    restored.close()


def test_the_limit_counts_each_partition_by_itself_and_each_event_once(bench: Bench) -> None:
    window = {"dead_letter_window": 10, "dead_letter_limit": 0.3}
    bad = [record(0, b"{}", b"{}", partition=number) for number in range(4)]
    bench.processor(**window).process(bad)
    bench.processor("two", generation=2, **window).process(bad)
    assert len(bench.letters()) == len(bench.buried) == 8
    with pytest.raises(DeadLetterLimitExceeded, match="有 4 条无法处理"):
        bench.processor("two", generation=3, **window).process([record(1, b"{}", b"{}", partition=2)])
    assert bench.stored()[2] == 1


def test_an_empty_value_is_a_dead_letter_like_any_other(bench: Bench) -> None:
    bench.processor().process([Record("transcripts", 0, "", b"", NOON, 0), record(1, utterance(1, CLAIM))])
    (letter,) = bench.letters()
    assert (letter.partition, letter.offset, letter.raw) == (0, 0, b"")
    (flag,) = bench.rows(casework.flags)
    assert msgspec.convert(flag.finding, dict)["code"]


def test_a_listing_left_by_the_embedded_engine_keeps_its_price_history(bench: Bench) -> None:
    bench.put("listings", listing(price=Decimal("59.90")))
    bench.run()
    bench.processor(topic="listings").process(
        [Record("listings", 0, "yunjian/shop1", array(listing(at=START + timedelta(days=1))), NOON, 0)]
    )
    (kept,) = [row.value for row in bench.rows(handler_state) if row.scope == "listing"]
    known = msgspec.msgpack.decode(kept, type=KnownListing)
    assert [str(day.lowest) for day in known.prices] == ["59.90", "69.90"]
