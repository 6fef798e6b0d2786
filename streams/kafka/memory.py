"""What a handler remembers on Kafka: a mapping over a Faust table, decoded once, written back with the place it stems from.

Every value carries the last record that went into it. A batch that comes a second time (the worker died between storing and
committing) is therefore folded into each key exactly once, although table and offsets are never written at the same instant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

import msgspec
import structlog
from msgspec import Struct
from sqlalchemy import Connection, select

from infra.database import upsert
from streams.log import Record
from streams.tables import handler_state

log = structlog.get_logger()

CACHED: Final = 20_000

Value = TypeVar("Value")


class Mark(Struct, frozen=True, array_like=True):
    """The last record that went into a value, and the latest time any of them was received."""

    partition: int
    offset: int
    at: datetime

    def covers(self, record: Record) -> bool:
        """Whether the record has gone into the value already.

        The time keeps a topic that was deleted and made anew, whose offsets begin at 0 again, from being skipped.
        """
        return record.partition == self.partition and record.offset <= self.offset and record.at <= self.at

    def after(self, record: Record) -> Mark:
        """The mark once the record has gone in as well."""
        return Mark(record.partition, record.offset, max(self.at, record.at))


class TableMemory(MutableMapping[str, Value], Generic[Value]):
    """Values by key. ``read`` looks a key up in the table's present content (bytes, or None).

    ``copy_scope``: also keep a copy in the database, in the transaction of the effects, for handlers that work on other
    partitions and therefore on other workers.
    """

    def __init__(
        self, kind: type[Value], read: Callable[[str], bytes | None], *, copy_scope: str | None = None
    ) -> None:
        self._read = read
        self._decoder = msgspec.msgpack.Decoder(tuple[Mark | None, msgspec.Raw])
        self._value_decoder = msgspec.msgpack.Decoder(kind)
        self._encoder = msgspec.msgpack.Encoder()
        self._copy_scope = copy_scope
        self._cache: dict[str, Value | None] = {}
        self._marks: dict[str, Mark] = {}
        self._changed: dict[str, None] = {}
        self._unwritten: dict[str, None] = {}
        self._earlier: dict[str, bytes | None] = {}

    def covers(self, key: str, record: Record) -> bool:
        """Whether the record has gone into the key's value already."""
        self._load(key)
        mark = self._marks.get(key)
        return mark is not None and mark.covers(record)

    def drop(self, key: str) -> None:
        """Remember nothing of this key."""
        self._cache[key] = None
        self._marks.pop(key, None)

    def adopt(self, connection: Connection, keys: Iterable[str]) -> None:
        """For keys the table knows nothing of, begin with the copy in the database: another engine may have left it there."""
        missing = [key for key in dict.fromkeys(keys) if self._load(key) is None]
        if self._copy_scope is None or not missing:
            return
        query = select(handler_state.c.key, handler_state.c.value)
        query = query.where(handler_state.c.scope == self._copy_scope, handler_state.c.key.in_(missing))
        for key, value in connection.execute(query):
            self._cache[key] = self._value_decoder.decode(value)

    def mark(self, last: Mapping[str, Record]) -> None:
        """The effects of these records are stored: note it on the values of their keys."""
        for key, record in last.items():
            before = self._marks.get(key)
            self._marks[key] = before.after(record) if before else Mark(record.partition, record.offset, record.at)
            self._unwritten[key] = None

    def take_unwritten(self) -> dict[str, tuple[int, bytes]]:
        """Values that changed since the last call, as (partition, bytes) for the table. They count as written from now on."""
        taken = {}
        for key in self._unwritten:
            value, mark = self._cache.get(key), self._marks[key]
            if value is not None:
                taken[key] = (mark.partition, self._encoder.encode((mark, value)))
        self._unwritten.clear()
        if len(self._cache) > CACHED:
            # What was written before is in the table; what is taken now is not there yet.
            for key in self._cache.keys() - taken.keys():
                del self._cache[key]
                self._marks.pop(key, None)
        return taken

    def save(self, connection: Connection) -> None:
        """Write the copies, where there are to be any."""
        if self._copy_scope is None:
            return
        changed = {key: value for key in self._changed if (value := self._cache.get(key)) is not None}
        encode = self._encoder.encode
        rows = [{"scope": self._copy_scope, "key": k, "value": encode(v)} for k, v in sorted(changed.items())]
        upsert(connection, handler_state, rows)

    def saved(self) -> None:
        """The transaction is through."""
        self._changed.clear()
        self._earlier.clear()

    def forget(self) -> None:
        """Drop everything in memory; the table is right, and the records since will come again."""
        for kept in (self._cache, self._marks, self._changed, self._unwritten, self._earlier):
            kept.clear()

    def begin(self, keys: Iterable[str]) -> None:
        """A handler is about to work on these keys: remember how they are, so that ``undo`` can take it back."""
        self._earlier = dict(self.snapshot(keys))

    def undo(self) -> None:
        """The batch was not stored: everything is as it was at ``begin``."""
        self.restore(self._earlier)
        self._changed.clear()
        self._earlier = {}

    def snapshot(self, keys: Iterable[str]) -> Mapping[str, bytes | None]:
        """The values of these keys as they are now, for ``restore``."""
        result: dict[str, bytes | None] = {}
        for key in keys:
            value = self._load(key)
            result[key] = None if value is None else self._encoder.encode(value)
        return result

    def restore(self, snapshot: Mapping[str, bytes | None]) -> None:
        """Put back what ``snapshot`` gave."""
        for key, value in snapshot.items():
            self._cache[key] = None if value is None else self._value_decoder.decode(value)

    def _load(self, key: str) -> Value | None:
        if key in self._cache:
            return self._cache[key]
        raw, value = self._read(key), None
        if raw is not None:
            try:
                mark, inner = self._decoder.decode(raw)
                value = self._value_decoder.decode(inner)
                if mark is not None:
                    self._marks[key] = mark
            except msgspec.MsgspecError as error:
                # Written by another version. What is remembered only widens the view; the effects stay right without it.
                log.warning("forgetting unreadable state", key=key, error=str(error))
        self._cache[key] = value
        return value

    def __getitem__(self, key: str) -> Value:
        value = self._load(key)
        if value is None:
            raise KeyError(key)
        return value

    def get(self, key: str, default: Any = None) -> Any:
        value = self._load(key)
        return default if value is None else value

    def __setitem__(self, key: str, value: Value) -> None:
        self._cache[key] = value
        self._changed[key] = None

    def __delitem__(self, key: str) -> None:
        raise TypeError("remembered state is overwritten, never deleted")

    def __iter__(self) -> Iterator[str]:
        return (key for key, value in self._cache.items() if value is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)
