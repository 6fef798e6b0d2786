"""What people and machines are told while the search server is away: a clear answer, and everything else goes on."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from api.engine import Engine
from infra.settings import Settings
from tests.api.test_pages import login


@pytest.fixture
def settings(settings: Settings) -> Iterator[Settings]:
    """An Elasticsearch address at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield settings.model_copy(update={"search_url": f"http://127.0.0.1:{taken.getsockname()[1]}"})


def test_a_search_answers_503_with_a_problem_document_and_no_address(officer, settings: Settings) -> None:
    answer = officer.get("/api/v1/search", params={"q": "糖尿病"})
    assert answer.status_code == 503
    assert answer.headers["content-type"].startswith("application/problem+json")
    problem = answer.json()
    assert problem["status"] == 503
    assert "检索暂不可用（连不上搜索服务器）" in problem["detail"]
    assert settings.search_url.removeprefix("http://") not in answer.text


def test_the_search_page_says_so_in_chinese(public, account) -> None:
    assert login(public, account).status_code == 303
    answer = public.get("/console/search", params={"q": "糖尿病"})
    assert answer.status_code == 503
    assert "检索暂不可用" in answer.text


def test_the_process_is_degraded_but_ready(public) -> None:
    answer = public.get("/readyz")
    assert answer.status_code == 200
    told = answer.json()
    assert told["status"] == "degraded"
    assert "连不上搜索服务器" in told["checks"]["search"]
    assert told["checks"]["database"] == "ok"


def test_events_and_flags_do_not_wait_for_the_search(gateway, officer, services) -> None:
    said = {
        "id": "u1",
        "platform": "yunjian",
        "room": "r1",
        "session": "s1",
        "host": "h1",
        "start": "2026-11-20T11:00:00+08:00",
        "text": "这米能根治糖尿病",
    }
    assert gateway.post("/api/v1/events/transcripts", json=[said]).status_code == 202
    engine = Engine(services)
    engine.start()
    flags: list[dict[str, str]] = []
    pause = threading.Event()
    for _ in range(600):
        flags = officer.get("/api/v1/flags").json()["items"]
        if flags:
            break
        pause.wait(0.05)
    assert len(flags) == 1
    engine.check()
    engine.stop()
    decision = officer.post(f"/api/v1/flags/{flags[0]['id']}/decision", json={"outcome": "confirmed", "note": "属实"})
    assert decision.status_code == 200
