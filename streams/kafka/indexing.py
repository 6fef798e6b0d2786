"""Feeds the search index on Kafka: utterances from the topic, in a consumer group of their own, and the queue of changed documents.

A search server that is slow or away holds up no flag: it only makes this group's lag grow. A document written twice is one.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

import structlog

from infra.clock import Clock
from infra.database import Database
from infra.errors import ChengxinError
from infra.search import Document, SearchIndex
from streams.events import Utterance, decode_record
from streams.indexing import TOPIC, Indexer, utterance_document
from streams.kafka.app import GROUP
from streams.kafka.connection import Connection
from streams.kafka.topics import MAX_MESSAGE

log = structlog.get_logger()

SEARCH_GROUP: Final = f"{GROUP}-search"
RECORDS_PER_STEP: Final = 200
BYTES_PER_STEP: Final = 8 * 1024 * 1024
DOCUMENTS_PER_STEP: Final = 2_000
WAIT_MS: Final = 500
RETRY_SECONDS: Final = (1, 2, 5, 10, 30)


class SearchFeeder:
    """A thread with its own consumer. ``trouble`` tells in Chinese why the index is not up to date, or is empty."""

    def __init__(self, *, connection: Connection, database: Database, search: SearchIndex, clock: Clock) -> None:
        self.trouble = ""
        self.documents = 0
        self._connection = connection
        self._search = search
        self._queue = Indexer(database, search, clock)
        self._asked = threading.Event()
        self._thread = threading.Thread(target=self._run, name="search-feeder", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End after the step at hand."""
        self._asked.set()
        self._thread.join(timeout=60)

    def _run(self) -> None:
        failures = 0
        while not self._asked.is_set():
            try:
                asyncio.run(self._feed())
            except Exception as error:
                # The broker went away, or the group was shared out anew in the middle of a commit: begin again from there.
                self._told("feeding the search index failed, trying again", error)
                self._asked.wait(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
                failures += 1

    async def _feed(self) -> None:
        from aiokafka import AIOKafkaConsumer  # noqa: PLC0415  only where Kafka is used

        consumer = AIOKafkaConsumer(
            self._connection.topic(TOPIC),
            **self._connection.options(),
            group_id=self._connection.topic(SEARCH_GROUP),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=MAX_MESSAGE,
            fetch_max_bytes=max(MAX_MESSAGE, BYTES_PER_STEP),
        )
        await consumer.start()
        try:
            while not self._asked.is_set():
                fetched = await consumer.getmany(timeout_ms=WAIT_MS, max_records=RECORDS_PER_STEP)
                records = [record for some in fetched.values() for record in some]
                if not await self._index_patiently(records):
                    return
                if fetched:
                    await consumer.commit({tp: some[-1].offset + 1 for tp, some in fetched.items()})
        finally:
            with suppress(Exception):
                await consumer.stop()

    async def _index_patiently(self, records: Sequence[Any]) -> bool:
        """Index these records, waiting for a search server that is away; False when asked to stop meanwhile."""
        failures = 0
        while True:
            try:
                await asyncio.to_thread(self._index, records)
            except Exception as error:
                self._told("indexing failed, trying again", error)
                for _ in range(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)] * 10):
                    if self._asked.is_set():
                        return False
                    await asyncio.sleep(0.1)
                failures += 1
                continue
            self.trouble = ""
            return True

    def _index(self, records: Sequence[Any]) -> None:
        documents = [document for record in records for document in _documents(record)]
        for begin in range(0, len(documents), DOCUMENTS_PER_STEP):
            self._search.upsert(documents[begin : begin + DOCUMENTS_PER_STEP])
        if documents:
            self._search.commit()
            self.documents += len(documents)
        self._queue.step(DOCUMENTS_PER_STEP)

    def _told(self, what: str, error: Exception) -> None:
        log.warning(what, error=repr(error))
        reason = str(error) if isinstance(error, ChengxinError) else f"{type(error).__name__}：{error}"
        self.trouble = f"搜索索引暂时没有更新：{reason}"

    def facts(self) -> Mapping[str, Any]:
        """For the health page."""
        return {"documents": self.documents, "state": self.trouble or "ok"}


def _documents(record: Any) -> list[Document]:
    at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
    key = (record.key or b"").decode("utf-8", "replace")
    decoded = decode_record(TOPIC, record.value or b"", now=at, key=key)
    return [utterance_document(event) for _, event in decoded.events if isinstance(event, Utterance)]
