"""A flag's log line leads back to the request it came in with; no log line holds what a complainant said about themselves."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from fastapi.testclient import TestClient

from api.context import Services
from infra import correlation
from infra.telemetry import configure_logging
from tests.api.conftest import Run


@pytest.fixture
def lines(public: TestClient, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """The log lines written since the last call; the application itself is up already."""
    handlers = logging.getLogger().handlers[:]
    configure_logging("json")
    yield lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    logging.getLogger().handlers = handlers
    structlog.reset_defaults()


def test_request_and_event_lead_from_the_gateway_to_the_flag(
    gateway: TestClient, services: Services, run: Run, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    said = {
        "id": "e-1",
        "platform": "yunjian",
        "room": "r1",
        "session": "s1",
        "host": "h1",
        "start": services.clock.now().isoformat(),
        "text": "这款五谷粉能根治糖尿病",
    }
    answer = gateway.post("/api/v1/events/transcripts", json=[said], headers={"X-Request-ID": "gateway-000017"})
    assert answer.status_code == 202, answer.text
    assert answer.headers["x-request-id"] == "gateway-000017"
    run()
    by_event = {line["event"]: line for line in lines()}
    taken, raised = by_event["events accepted"], by_event["flag raised"]
    assert taken["request_id"] == raised["request_id"] == "gateway-000017"
    assert taken["first_event"] == raised["event_id"] == "e-1"


@pytest.mark.parametrize("given", ["short", "x" * 65, "with space and more", "-starts-with-dash", "换行\n注入日志八"])
def test_a_request_id_that_is_not_plain_is_replaced(given: str) -> None:
    made = correlation.accept(given)
    assert made != given
    assert len(made) == 16


def test_a_complaint_leaves_no_personal_data_in_the_logs(
    public: TestClient, services: Services, run: Run, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    name, phone, plight = "欧阳某某", "13912345678", "我家住某小区七号楼"
    body = {
        "kind": "complaint",
        "platform": "yunjian",
        "text": f"{plight}，电话 {phone}",
        "contact": {"name": name, "phone": phone},
    }
    answer = public.post("/api/v1/complaints", json=body)
    assert answer.status_code == 201, answer.text
    public.post("/api/v1/complaints", json={**body, "kind": "wrong"})
    public.post("/api/v1/complaints", json={**body, "contact": {"name": name, "phone": [phone]}})
    with services.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE vault_records RENAME TO gone")
    assert public.post("/api/v1/complaints", json=body).status_code == 500
    written = json.dumps(lines(), ensure_ascii=False)
    assert "unhandled error" in written
    for secret in (name, phone, plight, answer.json()["tracking_code"]):
        assert secret not in written
