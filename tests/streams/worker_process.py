"""A process that runs a Kafka worker with light classifiers until it is told to stop, so that a test can kill it."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import api.tables  # noqa: F401  declares every room's tables
from infra.clock import FixedClock
from infra.database import Database
from infra.settings import Settings
from infra.telemetry import configure_logging
from streams.kafka.connection import Connection
from streams.kafka.worker import Worker
from tests.conftest import NOON
from tests.streams.fakes import fake_handlers

BATCH = 25
SESSION_SECONDS = 6


def main() -> None:
    folder, database, broker, prefix = sys.argv[1:5]
    configure_logging("json")
    settings = Settings(
        data_dir=Path(folder),
        database_url=database,
        broker_url=broker,
        broker_prefix=prefix,
        batch_size=BATCH,
        worker_session_seconds=SESSION_SECONDS,
    )
    worker = Worker(
        fake_handlers(),
        connection=Connection.from_settings(settings),
        database=Database(settings.database),
        clock=FixedClock(NOON),
        settings=settings,
    )
    signal.signal(signal.SIGTERM, lambda *_: worker.stop())
    print("ready", flush=True)
    worker.run()


if __name__ == "__main__":
    main()
