"""The ways a day comes in. Each sends a record again until it has been taken, as a gateway must, and never a later one before it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.client import HTTPException
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from infra.errors import TooBusy, Unavailable
from streams.kafka.connection import Connection
from streams.kafka.producer import Outgoing, Sender
from tests.chaos import day
from tests.chaos.day import Sent

PATIENCE_SECONDS: Final = 240
AGAIN_SECONDS: Final = 0.25

Door = Callable[[list[Sent]], None]


class KafkaDoor:
    """Straight into the topics, as ``chengxin ingest`` does. ``resent`` counts how often it had to say things again."""

    def __init__(self, connection: Connection) -> None:
        self._sender = Sender(connection)
        self.resent = 0

    def __call__(self, records: list[Sent]) -> None:
        outgoing = [Outgoing(one.topic, one.key.encode(), one.value) for one in records]
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return self._sender.send(outgoing)
            except (Unavailable, TooBusy):
                if time.monotonic() > until:
                    raise
                self.resent += 1
                time.sleep(AGAIN_SECONDS)

    def close(self) -> None:
        self._sender.close()


class ApiDoor:
    """Through ``POST /api/v1/events/…``; what no gateway would let in goes through ``beside``."""

    def __init__(self, address: str, key: str, beside: KafkaDoor) -> None:
        self._address, self._key, self._beside = address, key, beside
        self.resent = 0

    def __call__(self, records: list[Sent]) -> None:
        decent = [one for one in records if not one.raw]
        for topic in dict.fromkeys(one.topic for one in decent):
            self._post(topic, [one for one in decent if one.topic == topic])
        if len(decent) < len(records):
            self._beside([one for one in records if one.raw])

    def _post(self, topic: str, records: list[Sent]) -> None:
        body = day.together(records)
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        request = Request(f"{self._address}/api/v1/events/{topic}", data=body, headers=headers)
        until = time.monotonic() + PATIENCE_SECONDS
        while not self._taken(request, len(json.loads(body))):
            assert time.monotonic() < until, "the gateway could not get rid of its events"
            self.resent += 1
            time.sleep(AGAIN_SECONDS)

    def _taken(self, request: Request, events: int) -> bool:
        try:
            with urlopen(request, timeout=30) as answer:
                told = json.loads(answer.read())
        except HTTPError as refused:
            with refused:
                told = refused.read()[:500]
            if refused.code not in {429, 503}:
                raise AssertionError(f"{refused.code} {told!r}") from None
            return False
        except (URLError, HTTPException, OSError):
            return False
        assert told == {"accepted": events, "rejected": []}
        return True

    def close(self) -> None:
        self._beside.close()


class Load:
    """Sends one piece of the day after the other in a thread, until told to stop; ``sent`` are all pieces in their order."""

    def __init__(self, door: Door, *, pause: float, broken: bool, first: int = 0) -> None:
        self.sent: list[list[Sent]] = []
        self.error: BaseException | None = None
        self._door, self._pause, self._broken, self._first = door, pause, broken, first
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        self._stop.set()
        self._thread.join(timeout=PATIENCE_SECONDS + 30)
        assert not self._thread.is_alive(), "the load did not come to its end"
        if self.error is not None:
            raise self.error

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                records = day.round_of(self._first + len(self.sent), broken=self._broken)
                self._door(records)
                self.sent.append(records)
                self._stop.wait(self._pause)
        except BaseException as error:
            self.error = error
