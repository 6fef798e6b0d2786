"""What the handlers remember, kept in the database and cached in memory: a mapping that is saved with the effects.

It is right only as long as one consumer commits at a time, which the consumer checks; on any doubt it is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Final, Generic, TypeVar

import msgspec
import structlog
from sqlalchemy import Connection, select

from infra.database import upsert
from streams.tables import handler_state

log = structlog.get_logger()

CACHED: Final = 5_000
KEYS_PER_QUERY: Final = 500

Value = TypeVar("Value")


class StateStore(MutableMapping[str, Value], Generic[Value]):
    """Values of one scope by key. ``prefetch`` what a batch needs, let the handler read and write, then ``save``."""

    def __init__(self, scope: str, kind: type[Value]) -> None:
        self._scope = scope
        self._decoder = msgspec.msgpack.Decoder(kind)
        self._encoder = msgspec.msgpack.Encoder()
        self._cache: dict[str, Value | None] = {}
        self._dirty: dict[str, None] = {}

    def prefetch(self, connection: Connection, keys: Iterable[str]) -> None:
        """Load the values of these keys, as far as they are not in memory."""
        if len(self._cache) > CACHED:
            self.forget()
        missing = [key for key in dict.fromkeys(keys) if key not in self._cache]
        for begin in range(0, len(missing), KEYS_PER_QUERY):
            some = missing[begin : begin + KEYS_PER_QUERY]
            self._cache.update(dict.fromkeys(some))
            query = select(handler_state.c.key, handler_state.c.value)
            query = query.where(handler_state.c.scope == self._scope, handler_state.c.key.in_(some))
            self._cache.update({key: self._decode(key, value) for key, value in connection.execute(query)})

    def _decode(self, key: str, value: bytes) -> Value | None:
        try:
            return self._decoder.decode(value)
        except msgspec.MsgspecError as error:
            # Written by another version. What is remembered only widens the view; the effects stay right without it.
            log.warning("forgetting unreadable state", scope=self._scope, key=key, error=str(error))
            return None

    def save(self, connection: Connection) -> None:
        """Write what has changed; call ``saved`` once the transaction is through, ``forget`` when it is not."""
        encode = self._encoder.encode
        # None: an event wrote the first value of its key, failed, and the value was taken back.
        changed = {key: value for key in self._dirty if (value := self._cache[key]) is not None}
        rows = [{"scope": self._scope, "key": key, "value": encode(value)} for key, value in changed.items()]
        upsert(connection, handler_state, rows)

    def saved(self) -> None:
        """The last ``save`` was committed."""
        self._dirty.clear()

    def forget(self) -> None:
        """Drop everything in memory; the database is right."""
        self._cache.clear()
        self._dirty.clear()

    def snapshot(self, keys: Iterable[str]) -> dict[str, bytes | None]:
        """The values of these keys as they are now, for ``restore``."""
        values = {key: self._cache.get(key) for key in keys}
        return {key: None if value is None else self._encoder.encode(value) for key, value in values.items()}

    def restore(self, snapshot: Mapping[str, bytes | None]) -> None:
        """Put back what ``snapshot`` gave."""
        for key, value in snapshot.items():
            self._cache[key] = None if value is None else self._decoder.decode(value)

    def __getitem__(self, key: str) -> Value:
        value = self._cache.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: str, value: Value) -> None:
        self._cache[key] = value
        self._dirty[key] = None

    def __delitem__(self, key: str) -> None:
        raise TypeError("remembered state is overwritten, never deleted")

    def __iter__(self) -> Iterator[str]:
        return (key for key, value in self._cache.items() if value is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)
