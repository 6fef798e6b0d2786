"""The topics of dead letters: each bad event with its raw bytes, and in the headers where it stood and what was wrong.

The database has the same letters and is what ``chengxin deadletters`` works with; the topic outlives the database and is there
for the tools of others. A letter that a worker writes twice (it died before its offset was committed) bears the same place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import msgspec

from infra.clock import Clock
from infra.errors import FieldError
from streams.deadletters import NewDeadLetter
from streams.kafka.headers import REQUEST_ID, Headers
from streams.kafka.producer import Outgoing
from streams.kafka.topics import dead_letters_of

MAX_REASON: Final = 2_000
"""Characters of the reason; all errors are in ``errors`` as JSON."""

Send = Callable[[Sequence[Outgoing]], None]


class DeadLetterTopics:
    """Writes dead letters to ``<topic>.dlq``."""

    def __init__(self, send: Send, clock: Clock) -> None:
        self._send = send
        self._clock = clock

    def bury(self, letters: Sequence[NewDeadLetter]) -> None:
        """Return once Kafka has confirmed all of them.

        Raises:
            Unavailable: some may be missing; burying all again is right.
        """
        at = self._clock.now().isoformat()
        self._send([_outgoing(letter, at) for letter in letters])


@dataclass(frozen=True, slots=True)
class Buried:
    """A dead letter as its topic has it; ``version`` is that of the program which could not use it."""

    topic: str
    partition: int
    offset: int
    index: int
    reason: str
    errors: tuple[FieldError, ...]
    version: str
    at: str
    request: str | None
    raw: bytes


def read_buried(headers: Sequence[tuple[str, bytes]], value: bytes | None) -> Buried:
    """Read a record of a dead letters' topic; raises ``KeyError`` or ``ValueError`` when it is not one of ours."""
    found: Mapping[str, bytes] = dict(headers)
    return Buried(
        topic=found["topic"].decode(),
        partition=int(found["partition"]),
        offset=int(found["offset"]),
        index=int(found["index"]),
        reason=found["reason"].decode(),
        errors=msgspec.json.decode(found["errors"], type=tuple[FieldError, ...]),
        version=found["version"].decode(),
        at=found["at"].decode(),
        request=found[REQUEST_ID].decode() if REQUEST_ID in found else None,
        raw=value or b"",
    )


def _outgoing(letter: NewDeadLetter, at: str) -> Outgoing:
    headers: Headers = (
        ("reason", letter.reason[:MAX_REASON].encode("utf-8", "replace")),
        ("errors", msgspec.json.encode([error.as_dict() for error in letter.errors])),
        ("topic", letter.topic.encode()),
        ("partition", str(letter.partition).encode()),
        ("offset", str(letter.offset).encode()),
        ("index", str(letter.index).encode()),
        ("version", _version().encode()),
        ("at", at.encode()),
    )
    if letter.request:
        headers = (*headers, (REQUEST_ID, letter.request.encode()))
    return Outgoing(dead_letters_of(letter.topic), letter.key.encode("utf-8", "replace"), letter.raw, headers)


@cache
def _version() -> str:
    try:
        return version("chengxin")
    except PackageNotFoundError:  # run from a folder that was never installed
        return "unknown"
