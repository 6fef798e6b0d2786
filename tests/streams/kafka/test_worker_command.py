"""``chengxin worker`` as a process of its own on a real Kafka."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from infra.settings import Settings
from streams.kafka.connection import Connection

pytestmark = [pytest.mark.services, pytest.mark.slow]

ROOT = Path(__file__).parents[3]


def command(settings: Settings, *arguments: str) -> subprocess.Popen[str]:
    environment = os.environ | {
        "CHENGXIN_DATA_DIR": str(settings.data_dir),
        "CHENGXIN_DATABASE_URL": settings.database,
        "CHENGXIN_BROKER_URL": settings.broker_url,
        "CHENGXIN_BROKER_PREFIX": settings.broker_prefix,
    }
    words = [sys.executable, "-c", "from api.cli import main; main()", "worker", "--port", "0", *arguments]
    return subprocess.Popen(words, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)


@contextmanager
def door_of(process: subprocess.Popen[str]) -> Iterator[str]:
    """The address of a process's health door; the process is killed at the end if it still runs."""
    assert process.stderr is not None
    with process.stderr as said:
        try:
            found = re.search(r"http://\S+", said.readline())
            assert found
            yield found.group()
        finally:
            process.kill()
            process.wait()


def ready(address: str) -> dict[str, object]:
    with urllib.request.urlopen(f"{address}/readyz") as answer:
        body: dict[str, object] = msgspec.json.decode(answer.read())
        return body


def wait_until_ready(address: str) -> dict[str, object]:
    for _ in range(600):
        try:
            return ready(address)
        except urllib.error.HTTPError as error:
            error.close()
            time.sleep(0.1)
    raise AssertionError("it never became ready")


def test_it_works_tells_how_it_stands_and_ends_when_asked(kafka: Connection, kafka_settings: Settings) -> None:
    process = command(kafka_settings)
    with door_of(process) as address:
        told = wait_until_ready(address)
        assert told["checks"] == {"database": "ok", "worker": "ok", "detector": "ok"}
        assert {"worker", "search", "detector"} <= told.keys()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0


def test_a_part_of_it_runs_alone(kafka: Connection, kafka_settings: Settings) -> None:
    process = command(kafka_settings, "--only", "search")
    with door_of(process) as address:
        told = wait_until_ready(address)
        assert told["checks"] == {"database": "ok"}
        assert "worker" not in told
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0


def test_without_topics_it_ends_in_one_line(empty_kafka: Connection, kafka_settings: Settings) -> None:
    process = command(kafka_settings)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "chengxin topics apply" in said
    assert len(said.strip().splitlines()) == 1
