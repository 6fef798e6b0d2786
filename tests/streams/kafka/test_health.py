"""A worker's health door."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from collections.abc import Iterator

import msgspec
import pytest

from infra.errors import ConfigurationError
from streams.kafka.health import HealthServer


def broken() -> None:
    raise RuntimeError("away")


@pytest.fixture
def door() -> Iterator[HealthServer]:
    door = HealthServer(
        "127.0.0.1",
        0,
        alive={"loop": lambda: None},
        ready={"database": broken, "worker": lambda: None},
        facts=lambda: {"search": {"state": "ok"}},
    )
    door.start()
    yield door
    door.stop()


def get(door: HealthServer, path: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(f"http://{door.address}{path}") as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_it_tells_whether_the_process_lives_and_whether_it_can_work(door: HealthServer) -> None:
    assert get(door, "/healthz") == (200, b'{"status":"ok","checks":{"loop":"ok"}}')
    status, body = get(door, "/readyz?verbose")
    assert status == 503
    assert msgspec.json.decode(body) == {
        "status": "unavailable",
        "checks": {"database": "RuntimeError: away", "worker": "ok"},
        "search": {"state": "ok"},
    }


def test_it_gives_the_metrics_and_nothing_else(door: HealthServer) -> None:
    status, body = get(door, "/metrics")
    assert status == 200
    for name in (b"chengxin_lag_records", b"chengxin_batch_events", b"chengxin_stage_seconds", b"chengxin_rebalances"):
        assert name in body
    assert get(door, "/secret.key")[0] == 404


def test_a_port_in_use_ends_the_start_with_the_name_of_the_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"CHENGXIN_WORKER_PORT={port}：无法监听"):
            HealthServer("127.0.0.1", port, alive={}, ready={})
