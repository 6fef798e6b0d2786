"""Poison of every kind on a real Kafka with a real worker: aside with its reason, its neighbours live, and nothing is lost.

After the remedy a replay comes to what it would have come to had it been good.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from casework import tables as casework
from classifiers.finding import CheckResult, Item
from streams import deadletters
from streams.events import MAX_RECORD
from streams.kafka.deadletters import Buried, DeadLetterTopics, read_buried
from streams.kafka.producer import Sender
from streams.kafka.relay import Relay
from streams.kafka.topics import MAX_LETTER, MAX_MESSAGE, dead_letters_of
from streams.kafka.worker import Worker
from streams.pipeline import Handlers
from tests.conftest import NOON
from tests.streams.fakes import BOOM, FakeDetector, fake_handlers, utterance
from tests.streams.kafka import reading
from tests.streams.kafka_world import KafkaWorld
from tests.streams.world import array

pytestmark = pytest.mark.services

CLAIM = "这个木耳能治三高"
KEY = b"yunjian/r1"


class PoisonedWorld(KafkaWorld):
    """A worker that also writes the topics of dead letters."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        super().__init__(folder, **changes)
        sizes = {self.topic(t): MAX_MESSAGE for t in ("transcripts", "listings")}
        sizes |= {self.topic(dead_letters_of(t)): MAX_LETTER for t in ("transcripts", "listings")}
        self._allow(sizes)
        self.sender = Sender(self.connection)
        self.bury = DeadLetterTopics(self.sender.send, self.clock).bury

    def worker(self, handlers: Handlers | None = None, **changes: Any) -> Worker:
        return Worker(
            handlers or fake_handlers(),
            connection=self.connection,
            database=self.database,
            clock=self.clock,
            settings=self.settings.model_copy(update=changes),
            bury=self.bury,
        )

    def send(
        self, value: bytes | None, *, key: bytes | None = KEY, headers: Any = None, topic: str = "transcripts"
    ) -> int:
        """A record as any program might write it."""
        producer = self._large()
        stamp = int(NOON.timestamp() * 1000)
        sent = producer.send(self.topic(topic), key=key, value=value, headers=headers, timestamp_ms=stamp, partition=0)
        offset: int = sent.get(timeout=30).offset
        producer.close()
        return offset

    def buried(self, topic: str = "transcripts") -> list[Buried]:
        found = reading.records(self.connection, dead_letters_of(topic))
        return [read_buried(record.headers, record.value) for record in found]

    def replay_all(self) -> None:
        with self.database.write() as connection:
            for letter in deadletters.list_(connection):
                deadletters.replay(connection, id=letter.id, at=self.clock.now())
        Relay(self.database, self.sender.send, self.clock, self.settings).run_until_idle()

    def _allow(self, sizes: dict[str, int]) -> None:
        from kafka.admin import ConfigResource, ConfigResourceType

        self._admin.alter_configs(
            [
                ConfigResource(ConfigResourceType.TOPIC, name, {"max.message.bytes": str(size)})
                for name, size in sizes.items()
            ]
        )

    def _large(self) -> Any:
        from kafka import KafkaProducer

        return KafkaProducer(**self.connection.options(), max_request_size=MAX_LETTER)

    def close(self) -> None:
        self.sender.close()
        super().close()


@pytest.fixture
def world(tmp_path: Path, kafka_url: str, unique_name: str) -> Iterator[PoisonedWorld]:
    world = PoisonedWorld(tmp_path, broker_url=kafka_url, name=unique_name, dead_letter_limit=1.0)
    yield world
    world.close()


class MendedDetector(FakeDetector):
    """A release that no longer breaks down on ``BOOM``."""

    def _check(self, item: Item) -> CheckResult:
        return super()._check(msgspec.structs.replace(item, text=item.text.replace(BOOM, "")))


def test_poison_of_every_kind_is_aside_with_its_reason_and_its_neighbours_live(world: PoisonedWorld) -> None:
    good = msgspec.json.encode(utterance(1))
    lone = good.replace(b'"text":"', b'"text":"\\ud800')
    deep = b'{"id":' + b"[" * 100_000
    wrong = {
        "不是有效的 JSON": [b"<xml/>", good[:-1], b"{oops"],
        "应为一个 JSON 对象": [b"5", b'"text"'],
        "缺少必填字段": [b"{}"],
        "应为文本": [good.replace(b'"s1"', b"7")],
        "UTF-8": [good.replace(b'"text":"', b'"text":"\xff\xfe')],
        "空字符": [good.replace(b'"text":"', b'"text":"\\u0000')],
        "嵌套过深": [deep],
        "超过": [b" " * MAX_RECORD + b"1"],
    }
    offsets = {world.send(value): (reason, value) for reason, values in wrong.items() for value in values}
    offsets[world.send(None)] = ("不是有效的 JSON", b"")
    surrogate = world.send(lone)
    keyless, foreign = world.send(good, key=None), world.send(good, key=b"elsewhere/r9")
    world.send(array(utterance(2, CLAIM), b"{}", utterance(3)), headers=[("request-id", b"abc"), ("other", b"\xff")])
    done = world.run()
    letters = {(letter.offset, letter.index): letter for letter in world.letters()}
    for offset, (reason, value) in offsets.items():
        assert reason in letters[offset, 0].reason, (reason, letters[offset, 0].reason)
        assert letters[offset, 0].raw == value
    assert (surrogate, 0) in letters
    for offset in (keyless, foreign):
        assert "yunjian/r1" in letters[offset, 0].reason
    assert len(world.rows(casework.flags)) == 1
    assert done.bad == len(letters) == len(offsets) + 4
    buried = {(b.offset, b.index): b for b in world.buried()}
    assert {place: b.raw for place, b in buried.items()} == {
        place: bytes(letter.raw) for place, letter in letters.items()
    }
    in_array = next(b for b in buried.values() if b.request)
    assert (in_array.request, in_array.index, in_array.topic, in_array.partition) == ("abc", 1, "transcripts", 0)
    assert in_array.version
    assert {error.field for error in in_array.errors} >= {"id", "text"}
    assert world.run().records == 0, "nothing comes again"


def test_replayed_after_the_remedy_it_is_as_if_it_had_been_good(
    world: PoisonedWorld, tmp_path: Path, kafka_url: str, unique_name: str
) -> None:
    said = [utterance(1, CLAIM), utterance(2, BOOM + CLAIM), utterance(3)]
    elsewhere = msgspec.json.encode(utterance(4, CLAIM))
    world.send(array(*said))
    world.send(elsewhere, key=b"wrong")
    world.run()
    assert {letter.errors[0]["field"] for letter in world.letters()} == {"event", "key"}
    world.replay_all()
    world.run(fake_handlers(MendedDetector()))
    assert world.letters() == []
    undisturbed = PoisonedWorld(tmp_path / "other", broker_url=kafka_url, name=f"{unique_name}b")
    undisturbed.send(array(*said, utterance(4, CLAIM)))
    undisturbed.run(fake_handlers(MendedDetector()))
    flagged = [
        sorted((row.event_id, row.code, row.subject, row.text) for row in place.rows(casework.flags))
        for place in (world, undisturbed)
    ]
    undisturbed.close()
    assert flagged[0] == flagged[1]
    assert len(flagged[0]) == 3


def test_what_is_still_bad_comes_back_and_is_not_replayed_twice(world: PoisonedWorld) -> None:
    world.send(b"{}")
    world.run()
    world.replay_all()
    world.run()
    (again,) = world.letters()
    assert again.raw == b"{}"
    assert len(world.buried()) == 2


def test_a_worker_that_dies_after_burying_buries_the_same_place(world: PoisonedWorld) -> None:
    world.send(array(utterance(1), b"{}"))
    buried = world.bury

    def die(letters: Any) -> None:
        buried(letters)
        raise RuntimeError("killed")

    world.bury = die
    with pytest.raises(RuntimeError, match="killed"):
        world.run()
    assert world.letters() == []
    world.bury = buried
    world.run()
    places = [(b.topic, b.partition, b.offset, b.index) for b in world.buried()]
    assert len(places) >= 2
    assert len(set(places)) == 1
    assert len(world.letters()) == 1
