"""JSON lines (JSONL, NDJSON): one event, or an array of events, per line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from infra.errors import FieldError
from streams.events import BadEvent, decode_record
from streams.sources.lines import Lines
from streams.sources.source import Row, Source, Wanted, guess_topic, row_of

LOOKED_AT = 50


def read(wanted: Wanted) -> Source:
    """Open a file of JSON lines. Raises ``InvalidInput`` when the topic is not given and cannot be told."""
    lines = Lines(wanted.path)
    topic = wanted.topic or guess_topic(wanted.path, _first_fields(wanted) | set(wanted.defaults))
    return Source(topic, lines.encoding, _rows(wanted, topic, lines), lines.position)


def _rows(wanted: Wanted, topic: str, lines: Lines) -> Iterator[Row]:
    for number, line in lines.raw():
        if isinstance(line, FieldError):
            yield Row.wrong(number, "", line)
            continue
        if not line.strip():
            continue
        if lines.encoding == "gb18030":
            decoded = lines.decode(number, line)
            if decoded.error:
                yield Row.wrong(number, decoded.text, decoded.error)
                continue
            yield from _events(wanted, topic, number, decoded.text.encode())
        else:
            yield from _events(wanted, topic, number, line)


def _events(wanted: Wanted, topic: str, number: int, line: bytes) -> Iterator[Row]:
    return (_with_defaults if wanted.defaults else _plain)(wanted, topic, number, line)


def _plain(wanted: Wanted, topic: str, number: int, line: bytes) -> Iterator[Row]:
    decoded = decode_record(topic, line, now=wanted.now)
    for _, event in decoded.events:
        yield Row(number, event)
    for bad in decoded.bad:
        yield _wrong(number, bad)


def _with_defaults(wanted: Wanted, topic: str, number: int, line: bytes) -> Iterator[Row]:
    values = _loaded(line)
    for value in values if isinstance(values, list) else [values]:
        if isinstance(value, dict):
            yield row_of(wanted, topic, number, value, msgspec.json.encode(value).decode())
        else:
            yield from _plain(wanted, topic, number, line if value is None else msgspec.json.encode(value))


def _wrong(number: int, bad: BadEvent) -> Row:
    return Row.wrong(number, bad.raw.decode("utf-8", "backslashreplace"), *bad.errors)


def _loaded(line: bytes) -> Any:
    """The line's value, or None where it is no JSON; ``_plain`` then says why."""
    try:
        return msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _first_fields(wanted: Wanted) -> set[str]:
    """The field names of the first line that holds an event."""
    for text in Lines(wanted.path):
        value = _loaded(text.text.encode("utf-8", "replace")) if text.error is None else None
        first = value[0] if isinstance(value, list) and value else value
        if isinstance(first, dict):
            return set(first)
        if text.number >= LOOKED_AT:
            break
    return set()
