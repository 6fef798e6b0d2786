"""The gateway endpoint in front of a publisher that may be away: what is answered, what is kept, what is not done twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Connection, select

from api.bodies import Bodies
from api.context import Services
from infra.audit import audit_log
from infra.errors import TooBusy, Unavailable
from streams import log
from streams.events import Event

UTTERANCE = {
    "id": "u1", "platform": "yunjian", "room": "r1", "session": "s", "host": "h",
    "start": "2026-11-20T12:00:00+08:00", "text": "大家好",
}  # fmt: skip


class Elsewhere:
    """A publisher whose events live outside the database; ``trouble``: what it raises, and where."""

    def __init__(self) -> None:
        self.delivered: list[str] = []
        self.trouble: dict[str, Exception] = {}

    def admit(self) -> None:
        self._maybe("admit")

    def deliver(self, topic: str, events: Sequence[Event]) -> None:
        self._maybe("deliver")
        self.delivered += [event.id for event in events]

    def record(self, connection: Connection, topic: str, events: Sequence[Event], *, at: datetime) -> None:
        """Nothing is here."""

    def close(self) -> None:
        """Nothing is open."""

    def _maybe(self, where: str) -> None:
        if where in self.trouble:
            raise self.trouble[where]


@pytest.fixture
def elsewhere(services: Services) -> Elsewhere:
    made = Elsewhere()
    services.__dict__["publisher"] = made
    return made


def audited(services: Services) -> int:
    with services.database.read() as connection:
        rows = connection.execute(select(audit_log).where(audit_log.c.action == "events.accept")).all()
    return len(rows)


def test_accepted_means_delivered_and_audited(gateway: TestClient, elsewhere: Elsewhere, services: Services) -> None:
    answer = gateway.post("/api/v1/events/transcripts", json=[UTTERANCE, {"id": "bad"}])
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    assert elsewhere.delivered == ["u1"]
    assert audited(services) == 1
    with services.database.read() as connection:
        assert log.last_offset(connection, "transcripts") == 0


@pytest.mark.parametrize("where", ["admit", "deliver"])
@pytest.mark.parametrize(
    ("trouble", "status"), [(Unavailable("连不上", retry_after=5), 503), (TooBusy("太快", retry_after=1), 429)]
)
def test_what_is_not_delivered_is_not_accepted_and_says_when_to_come_again(
    gateway: TestClient, elsewhere: Elsewhere, services: Services, where: str, trouble: Unavailable, status: int
) -> None:
    elsewhere.trouble[where] = trouble
    answer = gateway.post("/api/v1/events/transcripts", json=[UTTERANCE], headers={"Idempotency-Key": "k"})
    assert answer.status_code == status
    assert answer.headers["retry-after"] == str(trouble.retry_after)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == str(trouble)
    assert audited(services) == 0
    elsewhere.trouble.clear()
    again = gateway.post("/api/v1/events/transcripts", json=[UTTERANCE], headers={"Idempotency-Key": "k"})
    assert again.status_code == 202


def test_the_same_idempotency_key_is_delivered_once(
    gateway: TestClient, elsewhere: Elsewhere, services: Services
) -> None:
    answers = [
        gateway.post("/api/v1/events/transcripts", json=[UTTERANCE], headers={"Idempotency-Key": "k"}) for _ in range(2)
    ]
    assert [answer.json() for answer in answers] == [{"accepted": 1, "rejected": []}] * 2
    assert elsewhere.delivered == ["u1"]
    other = gateway.post("/api/v1/events/listings", json=[], headers={"Idempotency-Key": "k"})
    assert other.status_code == 409
    assert audited(services) == 1


def test_a_crash_after_delivery_repeats_the_events_and_nothing_else(
    gateway: TestClient, elsewhere: Elsewhere, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(elsewhere, "record", _die)
        assert gateway.post("/api/v1/events/transcripts", json=[UTTERANCE]).status_code == 500
    assert gateway.post("/api/v1/events/transcripts", json=[UTTERANCE]).status_code == 202
    assert elsewhere.delivered == ["u1", "u1"]
    assert audited(services) == 1


def test_pages_and_health_do_not_ask_the_publisher(public: TestClient, elsewhere: Elsewhere) -> None:
    elsewhere.trouble["admit"] = Unavailable("连不上", retry_after=5)
    assert public.get("/healthz").status_code == 200
    assert public.get("/").status_code == 200


def _die(*_arguments: object, **_named: object) -> None:
    raise RuntimeError("killed")


def test_bodies_held_at_once_are_bounded(gateway: TestClient, elsewhere: Elsewhere, services: Services) -> None:
    budget = Bodies(budget=1000)
    with budget.room(5000), pytest.raises(TooBusy), budget.room(1):
        pytest.fail("there was no room")
    gateway.app.state.bodies = budget  # type: ignore[attr-defined]
    with budget.room(900):
        answer = gateway.post("/api/v1/events/transcripts", json=[UTTERANCE])
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert gateway.post("/api/v1/events/transcripts", json=[UTTERANCE]).status_code == 202
    assert elsewhere.delivered == ["u1"]
