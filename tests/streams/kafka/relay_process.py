"""A relay as a process of its own, to be killed: ``python -m tests.streams.kafka.relay_process DATABASE BROKER PREFIX``."""

from __future__ import annotations

import sys
import threading

import api.tables  # noqa: F401  declares every room's tables
from infra.clock import SystemClock
from infra.database import Database
from infra.settings import Settings
from streams.kafka.connection import Connection
from streams.kafka.producer import Sender
from streams.kafka.relay import Relay


def main(database: str, broker: str, prefix: str) -> None:
    settings = Settings(database_url=database, broker_url=broker, broker_prefix=prefix)
    sender = Sender(Connection.from_settings(settings))
    print("begun", flush=True)
    # So short that two of them get in each other's way.
    relay = Relay(Database(database), sender.send, SystemClock(), settings, lease_seconds=0.2)
    relay.run_forever(threading.Event())


if __name__ == "__main__":
    main(*sys.argv[1:])
