"""From the doors to the topics of a real Kafka: what is accepted is there, under the right key, whatever the broker does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.auth.accounts import add_key
from api.context import Services
from api.engine import make_relay
from infra import migrate, outbox
from infra.clock import SystemClock
from infra.errors import ConfigurationError, Unavailable
from infra.local import LocalKafka
from infra.settings import Settings
from streams.embedded import status as engine_status
from streams.ingest import ingest, patient, publisher_sink
from streams.kafka import cluster, headers, topics
from streams.kafka.connection import Connection
from streams.kafka.producer import Outgoing
from tests.fakes import OneClaimDetector
from tests.streams.kafka import reading
from tests.streams.kafka.conftest import settings_on, small

pytestmark = pytest.mark.services


@pytest.fixture
def services(kafka_settings: Settings) -> Iterator[Services]:
    made = Services(kafka_settings, SystemClock(), make_detector=OneClaimDetector)
    migrate.upgrade(made.database)
    yield made
    made.close()


@pytest.fixture
def gateway(kafka: Connection, services: Services) -> TestClient:
    """A platform's gateway, in front of an application on Kafka."""
    return gateway_of(services)


def gateway_of(services: Services) -> TestClient:
    app = create_app(services.settings, services=services, run_engine=False)
    with services.database.write() as connection:
        key = add_key(connection, name="gw", role="gateway", at=services.clock.now(), platform="yunjian")
    client = TestClient(app, raise_server_exceptions=False)
    client.headers["Authorization"] = f"Bearer {key}"
    return client


def utterances(count: int, *, begin: int = 0, rooms: int = 3) -> list[dict[str, str]]:
    return [
        {"id": f"u{n}", "platform": "yunjian", "room": f"r{n % rooms}", "session": "s", "host": "h",
         "start": "2026-11-20T12:00:00+08:00", "text": f"这米真香{n}"}
        for n in range(begin, begin + count)
    ]  # fmt: skip


def test_accepted_events_are_on_the_topic_under_their_keys(gateway: TestClient, kafka: Connection) -> None:
    answer = gateway.post("/api/v1/events/transcripts", json=[*utterances(500), {"id": "bad"}])
    assert (answer.status_code, answer.json()["accepted"], len(answer.json()["rejected"])) == (202, 500, 1)
    found = reading.records(kafka, "transcripts")
    assert sorted({record.key for record in found}) == [b"yunjian/r0", b"yunjian/r1", b"yunjian/r2"]
    assert len({(record.key, record.partition) for record in found}) == 3
    assert {headers.request_id(record.headers) for record in found} == {answer.headers["x-request-id"]}
    for room in range(3):
        of_room = [r.value for r in found if r.key == f"yunjian/r{room}".encode()]
        said = [e["id"] for value in of_room for e in msgspec.json.decode(value)]
        assert said == [f"u{n}" for n in range(500) if n % 3 == room]


def test_the_same_idempotency_key_sends_nothing_again(gateway: TestClient, kafka: Connection) -> None:
    answers = [
        gateway.post("/api/v1/events/transcripts", json=utterances(3), headers={"Idempotency-Key": "k"})
        for _ in range(2)
    ]
    assert [a.json() for a in answers] == [{"accepted": 3, "rejected": []}] * 2
    assert sorted(reading.ids(kafka, "transcripts")) == ["u0", "u1", "u2"]


def test_nothing_of_it_is_on_the_embedded_log(gateway: TestClient, services: Services) -> None:
    assert gateway.post("/api/v1/events/transcripts", json=utterances(3)).status_code == 202
    assert make_relay(services).run_until_idle() == 0


def test_a_decision_in_the_outbox_reaches_its_topic(kafka: Connection, services: Services) -> None:
    at = services.clock.now()
    with services.database.write() as connection:
        for id in ("d1", "d2"):
            outbox.append(connection, event_id=id, topic="decisions", key="host:yunjian:h1", event={"id": id}, due=at)
    assert make_relay(services).run_until_idle() == 2
    assert [(r.key, r.value) for r in reading.records(kafka, "decisions")] == [
        (b"host:yunjian:h1", b'{"id":"d1"}'),
        (b"host:yunjian:h1", b'{"id":"d2"}'),
    ]


def test_the_largest_record_a_reader_takes_can_be_sent(kafka: Connection, services: Services) -> None:
    value = b" " * (topics.MAX_RECORD - 1) + b"1"
    services.sender.send([Outgoing("transcripts", b"k", value), Outgoing("transcripts", b"k", b"2")])
    assert [len(record.value) for record in reading.records(kafka, "transcripts")] == [len(value), 1]


def test_what_is_wrongly_compressed_is_refused_by_kafka_and_not_accepted(
    gateway: TestClient, kafka: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("kafka.record.default_records.lz4_encode", lambda _payload: b"\x04\x22\x4d\x18" + bytes(50))
        assert gateway.post("/api/v1/events/transcripts", json=utterances(100)).status_code == 503
    assert reading.records(kafka, "transcripts") == []


def test_serve_refuses_without_topics(empty_kafka: Connection, services: Services) -> None:
    app = create_app(services.settings, services=services)
    with pytest.raises(ConfigurationError, match="chengxin topics apply"), TestClient(app):
        pass


def test_serve_on_kafka_sends_complaints_on_and_handles_nothing_itself(kafka: Connection, services: Services) -> None:
    complaint = {
        "kind": "complaint", "platform": "yunjian", "room": "r1", "text": "买了没有用，要求退款",
        "contact": {"name": "张三", "phone": "13800000000"},
    }  # fmt: skip
    with TestClient(create_app(services.settings, services=services)) as client:
        assert client.get("/readyz").json()["checks"]["engine"] == "ok"
        assert client.post("/api/v1/complaints", json=complaint).status_code == 201
        while not (found := reading.records(kafka, "complaints")):
            threading.Event().wait(0.2)
    assert found[0].key == b"yunjian"
    assert "张三" not in found[0].value.decode()
    with services.database.read() as connection:
        assert engine_status(connection) is None


class Outage:
    """A Kafka of the test's own, and an application on it."""

    def __init__(self, server: LocalKafka, folder: Path) -> None:
        self.server = server
        settings = settings_on(server.url, "", folder)
        self.connection = Connection.from_settings(settings)
        with cluster.administration(self.connection) as admin:
            cluster.apply(admin, self.connection, small(topics.load()), replication=1, grow=False)
        self.services = Services(settings, SystemClock(), make_detector=OneClaimDetector)
        migrate.upgrade(self.services.database)

    def come_back(self) -> None:
        self.server.start()
        self.server.wait_ready()

    def send_until_taken(self, client: TestClient, events: list[dict[str, str]]) -> None:
        while True:
            answer = client.post("/api/v1/events/transcripts", json=events)
            if answer.status_code == 202:
                return
            assert answer.status_code in (429, 503)
            assert int(answer.headers["retry-after"]) > 0
            assert answer.headers["content-type"] == "application/problem+json"
            threading.Event().wait(1)


@pytest.fixture
def outage(server_dir: Path, tmp_path: Path) -> Iterator[Outage]:
    with LocalKafka(server_dir / "kafka") as server:
        made = Outage(server, tmp_path)
        yield made
        made.services.close()


@pytest.mark.slow
def test_through_kills_of_the_broker_nothing_accepted_is_lost(outage: Outage) -> None:
    client, accepted = gateway_of(outage.services), []
    for round_ in range(2):
        events = utterances(100, begin=round_ * 100)
        assert client.post("/api/v1/events/transcripts", json=events).status_code == 202
        accepted += [event["id"] for event in events]
        outage.server.kill()
        refused = client.post("/api/v1/events/transcripts", json=utterances(1, begin=1000 + round_))
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) > 0
        assert client.get("/healthz").status_code == 200
        outage.come_back()
        outage.send_until_taken(client, utterances(1, begin=2000 + round_))
        accepted.append(f"u{2000 + round_}")
    found = reading.ids(outage.connection, "transcripts")
    assert set(accepted) <= set(found)
    assert [id for id in found if found.count(id) > 1 and id in accepted] == []


@pytest.mark.slow
def test_ingest_waits_for_the_broker_says_so_and_goes_on(outage: Outage, tmp_path: Path) -> None:
    file = tmp_path / "day.jsonl"
    file.write_bytes(b"\n".join(msgspec.json.encode(event) for event in utterances(12_000)))
    services, said = outage.services, []
    sink = publisher_sink(services.publisher, services.database, services.clock)

    def say(line: str) -> None:
        said.append(line)
        if not outage.server.running:
            outage.come_back()

    def through_an_outage(topic: str, events: object) -> None:
        sink(topic, events)  # type: ignore[arg-type]
        if outage.server.running and not said:
            outage.server.kill()

    report = ingest(
        [file],
        sink=patient(through_an_outage, seconds=120, say=say),
        reject_file=tmp_path / "rejects.jsonl",
        now=services.clock.now(),
    )
    assert report.accepted == 12_000
    assert said
    assert "重试" in said[0]
    assert sorted(set(reading.ids(outage.connection, "transcripts"))) == sorted(f"u{n}" for n in range(12_000))


@pytest.mark.slow
def test_the_relay_carries_over_what_was_decided_while_kafka_was_away(outage: Outage) -> None:
    services = outage.services
    relay = make_relay(services)
    outage.server.kill()
    at = services.clock.now()
    with services.database.write() as connection:
        for id in ("d0", "d1", "d2"):
            outbox.append(connection, event_id=id, topic="decisions", key="host:yunjian:h1", event={"id": id}, due=at)
    with pytest.raises(Unavailable):
        relay.step()
    outage.come_back()
    stop = threading.Event()
    working = threading.Thread(target=relay.run_forever, args=(stop,))
    working.start()
    while not reading.ids(outage.connection, "decisions"):
        working.join(0.2)
    stop.set()
    working.join()
    assert relay.trouble == ""
    assert relay.run_until_idle() == 0
    assert reading.ids(outage.connection, "decisions") == ["d0", "d1", "d2"]
