"""Where a worker reads on after partitions were shared out anew: what Faust does, and what it leaves out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog

from streams.batches import INFRASTRUCTURE

log = structlog.get_logger()

Stored = Callable[[str], Awaitable[Mapping[int, int]]]
"""The next offset of each partition of a topic whose effects are in the database."""


def mend_seeking(consumer: Any, topics: Mapping[str, str], stored: Stored) -> None:
    """Put a better ``perform_seek`` in the place of the consumer's own; ``topics`` maps the names on the broker to ours.

    A partition without a committed offset (its worker died before the first commit) is not put back by Faust, and what was
    fetched and dropped meanwhile would never come again. Nor does it know that a database was put back to an earlier day.
    """
    seek_to_committed = consumer.perform_seek

    async def perform_seek() -> None:
        await seek_to_committed()
        mine = [tp for tp in consumer.assignment() if tp.topic in topics]
        known: dict[str, Mapping[int, int]] | None = None
        try:
            known = {topic: await stored(topic) for topic in topics.values()}
        except INFRASTRUCTURE as error:
            # The processors see a gap as well, only later.
            log.warning("could not ask the database where partitions were left", error=repr(error))
        for tp in mine:
            # Up to what is committed the tables are whole; without any commit they are built up from the beginning.
            whole = consumer._committed_offset.get(tp) or 0
            following = min(whole, known[topics[tp.topic]].get(tp.partition, 0)) if known is not None else whole
            if not whole or following < whole:
                await consumer.seek(tp, following)

    consumer.perform_seek = perform_seek
