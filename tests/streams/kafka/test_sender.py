"""The sender without a broker: what it refuses, what it waits for, what it does after a failure."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from kafka.errors import KafkaTimeoutError, MessageSizeTooLargeError
from structlog.contextvars import bound_contextvars

from infra.errors import ConfigurationError, TooBusy, Unavailable
from streams.events import UnknownTopic, Utterance
from streams.kafka import headers
from streams.kafka.connection import Connection
from streams.kafka.producer import KafkaPublisher, Outgoing, Sender
from streams.publish import BYTES_PER_RECORD, EVENTS_PER_RECORD
from tests.streams.kafka.fakes import FakeProducer

CONNECTION = Connection(("nowhere:9092",), prefix="here.")
ONE = Outgoing("transcripts", b"yunjian/r1", b"x" * 100)


class Time:
    """A clock for the pause after a failure."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def utterance(number: int, room: str = "r1", text: str = "你好") -> Utterance:
    at = datetime(2026, 11, 20, 12, tzinfo=UTC)
    return Utterance(id=f"u{number}", platform="yunjian", room=room, session="s", host="h", start=at, text=text)


def sender(*producers: Any, **changes: Any) -> Sender:
    """A sender that gets these producers one after the other; an exception among them is raised."""
    waiting = list(producers)

    def make(_connection: Connection) -> Any:
        if isinstance(waiting[0], Exception):
            raise waiting.pop(0)
        return waiting.pop(0)

    return Sender(CONNECTION, make=make, **changes)


def test_records_go_to_the_prefixed_topic_and_the_caller_waits_for_them() -> None:
    producer = FakeProducer()
    sender(producer).send([ONE])
    assert producer.sent == [("here.transcripts", b"yunjian/r1", ONE.value, [])]


def test_nothing_to_send_needs_no_broker() -> None:
    sender().send([])


def test_events_of_one_key_go_together_in_order_with_the_request_id() -> None:
    producer = FakeProducer()
    publisher = KafkaPublisher(sender(producer))
    events = [utterance(n, room=f"r{n % 2}") for n in range(2 * EVENTS_PER_RECORD + 2)]
    with bound_contextvars(request_id="abc"):
        publisher.deliver("transcripts", events)
    assert [key for _, key, _, _ in producer.sent] == [b"yunjian/r0"] * 2 + [b"yunjian/r1"] * 2
    arrays = [msgspec.json.decode(value) for _, _, value, _ in producer.sent if value is not None]
    assert [len(array) for array in arrays] == [200, 1, 200, 1]
    assert [e["id"] for array in arrays[:2] for e in array] == [f"u{n}" for n in range(0, 402, 2)]
    assert {headers.request_id(h) for *_, h in producer.sent} == {"abc"}


def test_arrays_stay_below_a_mebibyte() -> None:
    producer = FakeProducer()
    KafkaPublisher(sender(producer)).deliver("transcripts", [utterance(n, text="长" * 5000) for n in range(150)])
    assert len(producer.sent) > 1
    assert all(len(value or b"") <= BYTES_PER_RECORD + 1000 for _, _, value, _ in producer.sent)


def test_an_unknown_topic_is_refused() -> None:
    with pytest.raises(UnknownTopic):
        KafkaPublisher(sender()).deliver("nothing", [])


def test_what_is_not_confirmed_is_not_accepted_and_the_next_producer_is_a_new_one() -> None:
    broken, whole, time = FakeProducer(error=KafkaTimeoutError("expired")), FakeProducer(), Time()
    sending = sender(broken, whole, now=time)
    with pytest.raises(Unavailable) as caught:
        sending.send([ONE])
    assert caught.value.retry_after > 0
    assert broken.closed.wait(5)
    time.at += 10
    sending.send([ONE])
    assert len(whole.sent) == 1


def test_while_the_broker_is_away_nobody_waits() -> None:
    broken, time = FakeProducer(error=KafkaTimeoutError("expired")), Time()
    sending = sender(broken, ConfigurationError("away"), FakeProducer(), now=time)
    with pytest.raises(Unavailable):
        sending.send([ONE])
    with pytest.raises(Unavailable, match="暂时连不上"):
        sending.admit()
    with pytest.raises(Unavailable):
        sending.send([ONE])
    assert len(broken.sent) == 1
    time.at += 10
    with pytest.raises(Unavailable):  # tried once more, and still away
        sending.send([ONE])
    assert sending.away
    time.at += 10
    sending.admit()
    sending.send([ONE])


def test_a_record_the_topic_does_not_take_is_no_reason_to_start_over() -> None:
    producer = FakeProducer(error=MessageSizeTooLargeError("too large"))
    sending = sender(producer)
    with pytest.raises(Unavailable, match="chengxin topics apply"):
        sending.send([ONE])
    assert not sending.away
    producer.error = None
    sending.send([ONE])


@pytest.mark.parametrize("limits", [{"budget": 150}, {"most_waiting": 1}])
def test_memory_and_waiting_callers_are_bounded(limits: dict[str, int]) -> None:
    gate = threading.Event()
    producer = FakeProducer(gate=gate)
    sending = sender(producer, **limits)
    with waiting_for(gate, lambda: sending.send([ONE]), until=lambda: bool(producer.sent)):
        with pytest.raises(TooBusy) as caught:
            sending.send([ONE])
        assert caught.value.retry_after == 1
    sending.send([ONE])
    assert len(producer.sent) == 2


def test_a_request_larger_than_the_budget_passes_alone() -> None:
    producer = FakeProducer()
    sender(producer, budget=10).send([ONE])
    assert len(producer.sent) == 1


def test_the_header_of_others_is_not_trusted() -> None:
    assert headers.request_id(None) is None
    assert headers.request_id([("request-id", b"")]) is None
    assert headers.request_id([("request-id", b"a\nb")]) is None
    assert headers.request_id([("request-id", b"\xff" * 1000)]) == "\ufffd" * 64
    assert headers.request_id([("other", b"x"), ("request-id", b"abc")]) == "abc"


def test_outside_a_request_there_is_no_header() -> None:
    assert headers.of_this_request() == ()


class waiting_for:  # noqa: N801  reads as a sentence: with waiting_for(gate, act, until=begun)
    """Runs ``act`` in a thread, enters when it has begun, and lets it through the gate at the end."""

    def __init__(self, gate: threading.Event, act: Callable[[], None], *, until: Callable[[], bool]) -> None:
        self._gate, self._until = gate, until
        self._thread = threading.Thread(target=act)

    def __enter__(self) -> None:
        self._thread.start()
        while not self._until():
            self._thread.join(0.01)

    def __exit__(self, *_raised: object) -> None:
        self._gate.set()
        self._thread.join()
