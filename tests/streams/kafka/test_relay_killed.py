"""The relay killed at any moment, twice over: nothing is lost, and every subject's decisions come in their order."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra import migrate, outbox
from infra.clock import SystemClock
from infra.database import Database
from infra.settings import Settings
from streams import log
from streams.consumer import GROUP
from streams.kafka.connection import Connection
from tests.streams.kafka import reading

pytestmark = pytest.mark.services

SUBJECTS, DECISIONS, KILLS = 5, 500, 6
ROOT = Path(__file__).parents[3]


@contextmanager
def relaying(settings: Settings) -> Iterator[subprocess.Popen[str]]:
    arguments = (settings.database, settings.broker_url, settings.broker_prefix)
    command = [sys.executable, "-m", "tests.streams.kafka.relay_process", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def waiting(database: Database) -> int:
    with database.read() as connection:
        left = len(connection.execute(outbox.outbox.select()).all())
        return left + sum(log.lag(connection, GROUP).values())


@pytest.mark.slow
def test_killed_relays_lose_nothing_and_keep_every_subjects_order(kafka: Connection, kafka_settings: Settings) -> None:
    database, chance = Database(kafka_settings.database), random.Random(20261120)
    migrate.upgrade(database)
    wanted: dict[str, list[str]] = {}
    left = []
    for round_ in range(KILLS):
        with relaying(kafka_settings), relaying(kafka_settings):
            decide(database, wanted, begin=round_ * DECISIONS)
            time.sleep(chance.uniform(0.1, 0.8))
        left.append(waiting(database))
    with relaying(kafka_settings):
        while waiting(database):
            time.sleep(0.2)
    database.close()
    assert any(left), "some were killed while at work"
    seen: dict[str, list[str]] = {}
    for record in reading.records(kafka, "decisions"):
        ids = seen.setdefault(record.key.decode(), [])
        if (id := record.value.decode()[7:-2]) not in ids:
            ids.append(id)
    assert seen == wanted


def decide(database: Database, wanted: dict[str, list[str]], *, begin: int) -> None:
    at = SystemClock().now()
    with database.write() as connection:
        for number in range(begin, begin + DECISIONS):
            subject, id = f"host:yunjian:h{number % SUBJECTS}", f"d{number}"
            wanted.setdefault(subject, []).append(id)
            outbox.append(connection, event_id=id, topic="decisions", key=subject, event={"id": id}, due=at)
