"""A process that runs the embedded engine on a database until nothing is left, so that a test can kill it."""

from __future__ import annotations

import sys
from pathlib import Path

import api.tables  # noqa: F401  declares every room's tables
from infra.clock import FixedClock
from infra.database import Database
from infra.settings import Settings
from infra.telemetry import configure_logging
from streams.embedded import EmbeddedRunner
from tests.conftest import NOON
from tests.services import database_for
from tests.streams.fakes import fake_handlers

BATCH = 25


def runner(data_dir: Path) -> tuple[EmbeddedRunner, Database]:
    """An engine with light classifiers, small batches and a clock that stands still."""
    settings = Settings(data_dir=data_dir, database_url=database_for(data_dir), batch_size=BATCH)
    database = Database(settings.database)
    return EmbeddedRunner(database, fake_handlers(), None, FixedClock(NOON), settings), database


def main() -> None:
    configure_logging("json")
    engine, _ = runner(Path(sys.argv[1]))
    print("ready", flush=True)
    engine.run_until_idle(lambda _: print("step", flush=True))
    print("done", flush=True)


if __name__ == "__main__":
    main()
