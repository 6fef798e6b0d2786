"""Wire events of the four topics, decoded strictly by msgspec. Nothing here knows where a record came from.

A record's value is one JSON event or an array of events with the same key. Unknown fields are dropped; a missing or
wrong field rejects that event and leaves its neighbours alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from infra.clock import SystemClock
from infra.errors import FieldError, InvalidInput
from streams import rules
from streams.json_array import split_array
from streams.rules import MAX_CATEGORY, MAX_CODE, MAX_DECISION, MAX_ID, SUBJECT_PATTERN, Rule, label

__all__ = ["MAX_RECORD", "SUBJECT_PATTERN", "TOPICS", "BadEvent", "Decoded", "Event", "UnknownTopic"]

MAX_RECORD: Final = 8 * 1024 * 1024
MAX_EVENTS: Final = 50_000

Speaker = Literal["host", "guest", "comment", "overlay"]
Outcome = Literal["confirmed", "dismissed", "corrected", "transferred"]
Severity = Literal["S1", "S2", "S3", "S4"]


class Utterance(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Words spoken or shown in a livestream. Times are aware; ``host`` and ``operator`` are platform-local ids."""

    id: str
    platform: str
    room: str
    session: str
    host: str
    start: datetime
    text: str
    operator: str | None = None
    end: datetime | None = None
    speaker: Speaker = "host"
    listing: str | None = None
    category: str | None = None


class Listing(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A product page as it stood at ``at``. Prices are yuan, as decimal strings or numbers on the wire."""

    id: str
    platform: str
    seller: str
    title: str
    price: Decimal
    at: datetime
    room: str | None = None
    description: str | None = None
    category: str | None = None
    brand: str | None = None
    list_price: Decimal | None = None
    price_basis: str | None = None
    licence: str | None = None


class Complaint(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A consumer's complaint (投诉) or anybody's report (举报). Never carries a name, phone number or address."""

    id: str
    kind: Literal["complaint", "report"]
    platform: str
    text: str
    room: str | None = None
    subject: str | None = None
    order: str | None = None
    occurred_at: datetime | None = None
    request: str | None = None


class Decision(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An officer's decision on a flag or a complaint; ``corrects`` names the decision it replaces."""

    id: str
    subject: str
    outcome: Outcome
    decided_at: datetime
    flag: str | None = None
    complaint: str | None = None
    code: str | None = None
    severity: Severity | None = None
    corrects: str | None = None


Event = Utterance | Listing | Complaint | Decision

TOPICS: Final[dict[str, type[Event]]] = {
    "transcripts": Utterance,
    "listings": Listing,
    "complaints": Complaint,
    "decisions": Decision,
}


_RULES: Final[dict[type[Event], dict[str, Rule]]] = {
    Utterance: {
        "id": label(MAX_ID),
        "platform": rules.platform_id,
        "room": rules.local_id,
        "session": label(MAX_ID),
        "host": rules.local_id,
        "start": rules.moment,
        "text": rules.text,
        "operator": rules.local_id,
        "end": rules.moment,
        "listing": label(MAX_ID),
        "category": label(MAX_CATEGORY),
    },
    Listing: {
        "id": label(MAX_ID),
        "platform": rules.platform_id,
        "seller": rules.local_id,
        "title": rules.text,
        "price": rules.money,
        "at": rules.moment,
        "room": rules.local_id,
        "description": rules.optional_text,
        "category": label(MAX_CATEGORY),
        "brand": label(MAX_ID),
        "list_price": rules.money,
        "price_basis": rules.optional_text,
        "licence": label(MAX_ID),
    },
    Complaint: {
        "id": label(MAX_ID),
        "platform": rules.platform_id,
        "text": rules.text,
        "room": rules.local_id,
        "subject": rules.subject_id,
        "order": label(MAX_ID),
        "occurred_at": rules.moment,
        "request": rules.optional_text,
    },
    Decision: {
        "id": label(MAX_DECISION),
        "subject": rules.subject_id,
        "decided_at": rules.moment,
        "flag": label(MAX_DECISION),
        "complaint": label(MAX_ID),
        "code": label(MAX_CODE),
        "corrects": label(MAX_DECISION),
    },
}


@dataclass(frozen=True, slots=True)
class BadEvent:
    """An event that could not be decoded: its index in the record, its raw JSON and what is wrong."""

    index: int
    raw: bytes
    errors: tuple[FieldError, ...]

    @property
    def reason(self) -> str:
        return str(InvalidInput(*self.errors))


@dataclass(frozen=True, slots=True)
class Decoded:
    """One record taken apart: good events with their index in the record, and the bad ones."""

    events: list[tuple[int, Event]] = field(default_factory=list)
    bad: list[BadEvent] = field(default_factory=list)


class UnknownTopic(InvalidInput):
    """The topic is not one of ``TOPICS``."""

    def __init__(self, topic: str) -> None:
        super().__init__(FieldError.of("topic", topic, f"未知的主题，可用：{'、'.join(TOPICS)}"))


def event_type(topic: str) -> type[Event]:
    """The event class of a topic; raises ``UnknownTopic``."""
    try:
        return TOPICS[topic]
    except KeyError:
        raise UnknownTopic(topic) from None


def key_of(event: Event) -> str:
    """The record key, which decides the partition: everything of one room, seller or subject stays in order."""
    match event:
        case Utterance():
            return f"{event.platform}/{event.room}"
        case Listing():
            return f"{event.platform}/{event.seller}"
        case Complaint():
            return event.platform
        case Decision():
            return event.subject


def encode(event: Event) -> bytes:
    """The event as JSON bytes, as it goes on the wire."""
    return msgspec.json.encode(event)


def encode_record(events: Sequence[Event]) -> bytes:
    """Several events of one key as one record value."""
    return msgspec.json.encode(events)


def decode_record(topic: str, raw: bytes, *, now: datetime | None = None, key: str | None = None) -> Decoded:
    """Take a record's value apart, keeping good events although their neighbours are bad.

    ``now`` is the moment the record was received (default: the present); an event may tell of a time at most a day later.
    ``key``: the record's own; an event that belongs under another one is bad, as it came outside its order.

    Raises:
        UnknownTopic: the topic is not one of ``TOPICS``.
    """
    kind = event_type(topic)
    latest = rules.latest_allowed(now or SystemClock().now())
    if len(raw) > MAX_RECORD:
        error = FieldError.of("record", _shown(raw), f"超过 {MAX_RECORD // 1024 // 1024} MiB，请分成多条记录")
        return Decoded(bad=[BadEvent(0, raw, (error,))])
    try:
        value = _RECORD[kind].decode(raw)
    except _UNREADABLE:
        return _decode_one_by_one(kind, raw, latest, key)
    events = value if isinstance(value, list) else [value]
    if len(events) > MAX_EVENTS:
        return _too_many(raw)
    before: Event | None = None
    for event in events:
        if _violations(event, latest, before) or _wrong_key(event, key):
            return _decode_one_by_one(kind, raw, latest, key)
        before = event
    return Decoded(events=list(enumerate(events)))


def check_event(topic: str, obj: Any, *, now: datetime | None = None) -> Event:
    """Make an event from plain values (a mapping with JSON types).

    Raises:
        UnknownTopic: the topic is not one of ``TOPICS``.
        InvalidInput: names every wrong field and its value.
    """
    kind = event_type(topic)
    latest = rules.latest_allowed(now or SystemClock().now())
    if isinstance(obj, dict) and (torn := [name for name, value in obj.items() if rules.torn(value)]):
        raise InvalidInput(*(FieldError.of(name, _shown(ascii(obj[name])), "含有不成对的代理字符") for name in torn))
    try:
        event = msgspec.convert(obj, kind)
    except msgspec.ValidationError:
        raise InvalidInput(*_explain(kind, obj, latest)) from None
    errors = _violations(event, latest)
    if errors:
        raise InvalidInput(*errors)
    return event


def check_field(topic: str, name: str, value: Any, *, now: datetime) -> str | None:
    """What is wrong with one field's value, in Chinese; None when all is well. Raises ``UnknownTopic``."""
    kind = event_type(topic)
    wanted = next(info.type for info in _FIELDS[kind] if info.encode_name == name)
    return _wrong(kind, name, wanted, value, rules.latest_allowed(now))


_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_RECORD: Final[dict[type[Event], Any]] = {kind: msgspec.json.Decoder(list[kind] | kind) for kind in TOPICS.values()}  # type: ignore[valid-type]
_ONE: Final[dict[type[Event], Any]] = {kind: msgspec.json.Decoder(kind) for kind in TOPICS.values()}
_PLAIN: Final = msgspec.json.Decoder(float_hook=Decimal)
_FIELDS: Final = {kind: msgspec.structs.fields(kind) for kind in TOPICS.values()}
_RULED: Final = {
    kind: (attrgetter(*table), tuple(table.items()), (None,) * len(table)) for kind, table in _RULES.items()
}
_QUOTED: Final = re.compile(r"'(\w+)'")
_BYTE: Final = re.compile(r"\(byte (\d+)\)")


def _violations(event: Event, latest: datetime, before: Event | None = None) -> tuple[FieldError, ...]:
    """What is wrong with a well-typed event; empty for nearly every event, so this is kept cheap.

    ``before``: a good event of the same kind; what is the same as there is good here too.
    """
    values, table, nothing = _RULED[type(event)]
    good = nothing if before is None else values(before)
    errors: list[FieldError] | None = None
    for (name, rule), value, other in zip(table, values(event), good, strict=True):
        # Only texts: amounts are equal that are not written the same.
        if value is None or (value == other and type(value) is str):
            continue
        if (message := rule(value, latest)) is not None:
            errors = [*(errors or ()), FieldError.of(name, _shown(value), message)]
    if errors is not None:
        return tuple(errors)
    match event:
        case Utterance() if event.end is not None and event.end < event.start:
            return (FieldError.of("end", _shown(event.end), f"早于开始时间 {event.start.isoformat()}"),)
        case Decision() if event.flag is None and event.complaint is None:
            return (FieldError.of("flag", "", "flag 与 complaint 至少填写一项"),)
    return ()


def _too_many(raw: bytes) -> Decoded:
    # Eight mebibytes of "0,0,0" would otherwise become four million dead letters.
    error = FieldError.of("record", _shown(raw), f"事件多于 {MAX_EVENTS} 个，请分成多条记录")
    return Decoded(bad=[BadEvent(0, raw, (error,))])


def _wrong_key(event: Event, key: str | None) -> tuple[FieldError, ...]:
    if key is None or (right := key_of(event)) == key:
        return ()
    return (FieldError.of("key", key, f"记录的键应为 {right}，否则同一来源的消息会乱序；重放时自动改用正确的键"),)


def _decode_one_by_one(kind: type[Event], raw: bytes, latest: datetime, key: str | None) -> Decoded:
    decoded = Decoded()
    parts = split_array(raw, at_most=MAX_EVENTS + 1) if raw.lstrip()[:1] == b"[" else [raw]
    if len(parts) > MAX_EVENTS:
        return _too_many(raw)
    for index, part in enumerate(parts):
        event, errors = _decode_one(kind, part, latest)
        if event is not None and (errors := _wrong_key(event, key)):
            event = None
        if event is None:
            decoded.bad.append(BadEvent(index, part, errors))
        else:
            decoded.events.append((index, event))
    return decoded


def _decode_one(kind: type[Event], raw: bytes, latest: datetime) -> tuple[Event | None, tuple[FieldError, ...]]:
    try:
        event: Event = _ONE[kind].decode(raw)
    except _UNREADABLE as error:
        return None, _explain_json(kind, raw, latest, error)
    errors = _violations(event, latest)
    return (None, errors) if errors else (event, ())


def _explain_json(kind: type[Event], raw: bytes, latest: datetime, error: Exception) -> tuple[FieldError, ...]:
    """Why these bytes are no event: every wrong field where there are fields, else what is wrong with the JSON."""
    if isinstance(error, msgspec.ValidationError):
        try:
            return _explain(kind, _PLAIN.decode(raw), latest)
        except _UNREADABLE as deeper:
            error = deeper
        except ArithmeticError:
            return (FieldError.of("event", _shown(raw), "数字超出范围"),)
    if isinstance(error, UnicodeDecodeError):
        message = "不是有效的 UTF-8 文本"
    elif isinstance(error, RecursionError):
        message = "嵌套过深"
    else:
        place = _BYTE.search(str(error))
        message = f"不是有效的 JSON（第 {place.group(1)} 字节处）" if place else "不是有效的 JSON（不完整）"
    return (FieldError.of("event", _shown(raw), message),)


def _explain(kind: type[Event], obj: Any, latest: datetime) -> tuple[FieldError, ...]:
    """Every wrong field of a value that could not become an event."""
    if not isinstance(obj, dict):
        return (FieldError.of("event", _shown(obj), "应为一个 JSON 对象"),)
    errors = []
    for info in _FIELDS[kind]:
        name = info.encode_name
        if name not in obj:
            if info.required:
                errors.append(FieldError.of(name, "", "缺少必填字段"))
            continue
        message = _wrong(kind, name, info.type, obj[name], latest)
        if message:
            errors.append(FieldError.of(name, _shown(obj[name]), message))
    return tuple(errors)


def _wrong(kind: type[Event], name: str, wanted: Any, given: Any, latest: datetime) -> str | None:
    try:
        value = msgspec.convert(given, wanted)
    except msgspec.ValidationError:
        return _expected(wanted)
    rule = _RULES[kind].get(name)
    return rule(value, latest) if rule and value is not None else None


def _expected(wanted: Any) -> str:
    shown = str(wanted)
    if "datetime" in shown:
        return "应为带时区的 ISO 8601 时间，例如 2026-11-20T20:00:00+08:00"
    if "Decimal" in shown:
        return "应为金额（元），例如 19.90"
    if "Literal" in shown:
        return f"应为 {'、'.join(_QUOTED.findall(shown))} 之一"
    return "应为文本"


def _shown(value: Any) -> str:
    match value:
        case str():
            return value
        case bytes():
            return value[: rules.MAX_ID].decode("utf-8", "backslashreplace")
        case datetime():
            return value.isoformat()
        case Decimal():
            return str(value)
        case _:
            return repr(value)
