"""The relay without a broker: order, the mark, the lease, and what a crash between sending and marking comes to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import select

from infra import outbox
from infra.clock import FixedClock
from infra.database import Database
from infra.errors import Unavailable
from infra.settings import Settings
from streams import log
from streams.consumer import GROUP
from streams.kafka.producer import Outgoing
from streams.kafka.relay import Relay
from streams.lease import Lease


class Kafka:
    """Keeps what it is sent; ``fail_at``: from which record on it is away."""

    def __init__(self) -> None:
        self.records: list[tuple[str, str, bytes]] = []
        self.calls: list[list[str]] = []
        self.fail_at: int | None = None

    def send(self, records: Sequence[Outgoing]) -> None:
        self.calls.append([str(record.key) for record in records])
        for record in records:
            if self.fail_at is not None and len(self.records) >= self.fail_at:
                raise Unavailable("away", retry_after=1)
            self.records.append((record.topic, (record.key or b"").decode(), record.value or b""))


@pytest.fixture
def kafka() -> Kafka:
    return Kafka()


@pytest.fixture
def relay(database: Database, kafka: Kafka, clock: FixedClock, settings: Settings) -> Relay:
    return Relay(database, kafka.send, clock, settings)


def decide(database: Database, clock: FixedClock, *ids: str, subject: str = "host:yunjian:h1", hold: int = 0) -> None:
    with database.write() as connection:
        for id in ids:
            due = clock.now() + timedelta(seconds=hold)
            outbox.append(connection, event_id=id, topic="decisions", key=subject, event={"id": id}, due=due)


def test_what_is_due_is_sent_in_order_and_once(
    database: Database, clock: FixedClock, kafka: Kafka, relay: Relay
) -> None:
    decide(database, clock, "d1", "d2")
    decide(database, clock, "d3", hold=8)
    assert relay.run_until_idle() == 2
    assert relay.run_until_idle() == 0
    clock.advance(timedelta(seconds=8))
    assert relay.run_until_idle() == 1
    sent = [("decisions", "host:yunjian:h1", b'{"id":"%s"}' % id) for id in (b"d1", b"d2", b"d3")]
    assert kafka.records == sent


def test_a_later_record_of_a_subject_waits_for_the_earlier_one(
    database: Database, clock: FixedClock, kafka: Kafka, relay: Relay
) -> None:
    decide(database, clock, "d1", "d2", subject="host:yunjian:h1")
    decide(database, clock, "d3", subject="host:yunjian:h2")
    relay.run_until_idle()
    assert [len(call) for call in kafka.calls] == [2, 1]
    assert all(len(set(call)) == len(call) for call in kafka.calls)


def test_a_crash_between_sending_and_marking_only_repeats(
    database: Database, clock: FixedClock, kafka: Kafka, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide(database, clock, "d1", "d2")
    with monkeypatch.context() as patch:

        def die(*_arguments: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(log, "commit", die)
        with pytest.raises(KeyboardInterrupt):
            relay.step()
    relay.run_until_idle()
    values = [value for _, _, value in kafka.records]
    assert values == [b'{"id":"d1"}', b'{"id":"d2"}'] * 2
    with database.read() as connection:
        assert connection.execute(select(outbox.outbox)).all() == []


def test_what_kafka_has_not_confirmed_stays_and_goes_in_order_later(
    database: Database, clock: FixedClock, kafka: Kafka, relay: Relay
) -> None:
    decide(database, clock, "d1", "d2", "d3")
    kafka.fail_at = 1
    with pytest.raises(Unavailable):
        relay.step()
    with database.read() as connection:
        assert log.committed(connection, GROUP, "decisions") == 0
    kafka.fail_at = None
    relay.run_until_idle()
    first_seen = list(dict.fromkeys(value for _, _, value in kafka.records))
    assert first_seen == [b'{"id":"d1"}', b'{"id":"d2"}', b'{"id":"d3"}']


def test_of_two_relays_one_works_and_the_other_takes_over(
    database: Database, clock: FixedClock, kafka: Kafka, settings: Settings
) -> None:
    one, two = (Relay(database, kafka.send, clock, settings) for _ in range(2))
    decide(database, clock, "d1")
    assert (one.step(), two.step()) == (1, 0)
    decide(database, clock, "d2")
    assert two.step() == 0
    clock.advance(timedelta(minutes=1))
    assert (two.step(), one.step()) == (1, 0)


def test_a_withdrawn_decision_is_never_sent(database: Database, clock: FixedClock, kafka: Kafka, relay: Relay) -> None:
    decide(database, clock, "d1", hold=8)
    relay.run_until_idle()
    with database.write() as connection:
        assert outbox.withdraw(connection, event_id="d1")
    clock.advance(timedelta(seconds=8))
    assert relay.run_until_idle() == 0
    assert kafka.records == []


def test_what_the_embedded_engine_has_handled_is_not_sent_again(
    database: Database, clock: FixedClock, kafka: Kafka, relay: Relay
) -> None:
    with database.write() as connection:
        for number in range(3):
            log.append(connection, "transcripts", "yunjian/r1", b"%d" % number, clock.now())
        log.commit(connection, GROUP, "transcripts", 2)
    assert relay.run_until_idle() == 1
    assert kafka.records == [("transcripts", "yunjian/r1", b"2")]


def test_a_lease_is_given_up_and_renewed(database: Database, clock: FixedClock) -> None:
    one, two = Lease(database, "job", seconds=10), Lease(database, "job", seconds=10)
    assert one.held(clock.now())
    assert not two.held(clock.now())
    clock.advance(timedelta(seconds=8))
    assert one.held(clock.now())
    clock.advance(timedelta(seconds=8))
    assert not two.held(clock.now())
    two.give_up()
    assert not two.held(clock.now())
    one.give_up()
    assert two.held(clock.now())


def test_a_lease_of_a_clock_that_was_ahead_keeps_nobody_from_working(database: Database, clock: FixedClock) -> None:
    gone, next_one = Lease(database, "job", seconds=10), Lease(database, "job", seconds=10)
    assert gone.held(clock.now() + timedelta(days=1))
    assert next_one.held(clock.now())
