"""What every source gives: rows with an event or with errors, read one at a time at a flat memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from infra.errors import FieldError, InvalidInput
from streams.events import TOPICS, Event, check_event, event_type

MAX_RAW: Final = 20_000
INGESTED: Final = ("transcripts", "listings", "complaints")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file: its line (or sheet row) number, and an event or what is wrong with it. ``raw`` only when wrong."""

    line: int
    event: Event | None
    errors: tuple[FieldError, ...] = ()
    raw: str = ""

    @classmethod
    def wrong(cls, line: int, raw: str, *errors: FieldError) -> Row:
        return cls(line, None, errors, raw[:MAX_RAW])


@dataclass(frozen=True, slots=True)
class Source:
    """A file opened for reading. ``rows`` may be gone through once; ``position`` tells how many bytes have been read."""

    topic: str
    encoding: str
    rows: Iterator[Row]
    position: Callable[[], int]
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a file is to be read: the topic (None: found out), values for fields it leaves out, and the present moment."""

    path: Path
    topic: str | None
    defaults: Mapping[str, Any]
    now: datetime


def row_of(wanted: Wanted, topic: str, line: int, values: Mapping[str, Any], raw: str) -> Row:
    """Make a row from field values, filling in what the file leaves out."""
    try:
        return Row(line, check_event(topic, {**_fitting(topic, wanted.defaults), **values}, now=wanted.now))
    except InvalidInput as error:
        return Row.wrong(line, raw, *error.errors)


def guess_topic(path: Path, fields: Iterable[str]) -> str:
    """The topic whose required fields are best covered by these.

    Raises:
        InvalidInput: it is not clear which topic this is.
    """
    given = set(fields)
    covered = {topic: len(given & required(topic)) / len(required(topic)) for topic in INGESTED}
    best = sorted(covered, key=lambda topic: covered[topic], reverse=True)
    if covered[best[0]] < 0.5 or covered[best[0]] == covered[best[1]]:
        raise InvalidInput.one("topic", path.name, f"看不出是哪一类数据，请用 --topic 指明：{'、'.join(INGESTED)}")
    return best[0]


def required(topic: str) -> frozenset[str]:
    """The fields an event of this topic cannot do without."""
    return frozenset(f.encode_name for f in msgspec.structs.fields(event_type(topic)) if f.required)


def all_fields(topic: str) -> frozenset[str]:
    """All fields an event of this topic may have."""
    return frozenset(f.encode_name for f in msgspec.structs.fields(TOPICS[topic]))


def _fitting(topic: str, defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in defaults.items() if name in all_fields(topic)}
