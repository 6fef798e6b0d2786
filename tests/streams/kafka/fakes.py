"""A stand-in for kafka-python's producer: keeps what it is sent, and fails when told to."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from kafka.errors import KafkaTimeoutError


@dataclass
class FakeFuture:
    error: Exception | None = None
    gate: threading.Event | None = None

    def get(self, timeout: float | None = None) -> None:
        if self.gate is not None and not self.gate.wait(timeout):
            raise KafkaTimeoutError("not in time")
        if self.error is not None:
            raise self.error


@dataclass
class FakeProducer:
    """``error``: what every send comes to; ``gate``: what every send waits for."""

    sent: list[tuple[str, bytes | None, bytes | None, list[tuple[str, bytes]]]] = field(default_factory=list)
    error: Exception | None = None
    gate: threading.Event | None = None
    closed: threading.Event = field(default_factory=threading.Event)

    def send(self, topic: str, *, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]) -> Any:
        self.sent.append((topic, key, value, headers))
        return FakeFuture(self.error, self.gate)

    def close(self, timeout: float | None = None) -> None:
        self.closed.set()
