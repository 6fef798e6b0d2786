"""Where checked events go: one small port. The embedded log is here, Kafka in ``streams.kafka.producer``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection

from streams.events import Event
from streams.publish import publish


class Publisher(Protocol):
    """Makes events durable. Callers do all of it: ``deliver``, then ``record`` in the transaction that tells of the events.

    Each adapter does its part in one of the two, so that a caller never holds a transaction open while a broker is slow, and
    the embedded log still stores events and what is told of them at once.
    """

    def admit(self) -> None:
        """Whether events would be taken at present; cheap, for refusing before a large body is read.

        Raises:
            Unavailable: not now; it tells when to come again.
        """

    def deliver(self, topic: str, events: Sequence[Event]) -> None:
        """Return once the events are durable outside the database. Trying again after an error only repeats events.

        Raises:
            Unavailable: not delivered, or not known to be.
        """

    def record(self, connection: Connection, topic: str, events: Sequence[Event], *, at: datetime) -> None:
        """Store the events in the caller's transaction, where that is where they belong."""

    def close(self) -> None:
        """Let go of connections."""


class LogPublisher:
    """Events go on the log in the project's own database."""

    def admit(self) -> None:
        """Always."""

    def deliver(self, topic: str, events: Sequence[Event]) -> None:
        """Nothing: the database holds them."""

    def record(self, connection: Connection, topic: str, events: Sequence[Event], *, at: datetime) -> None:
        publish(connection, topic, events, at=at)

    def close(self) -> None:
        """Nothing to let go of."""
