"""Indexing in a thread of its own, for a search server that may be slow or away: events and decisions never wait for it."""

from __future__ import annotations

import threading
from typing import Final

import structlog

from infra.errors import ChengxinError
from streams.indexing import Indexer

log = structlog.get_logger()

POLL_SECONDS: Final = 0.2
RETRY_SECONDS: Final = (1, 2, 5, 10)


class SideIndexing:
    """Takes the index forward until stopped. What the server misses waits in the database, and is caught up with."""

    def __init__(self, indexer: Indexer, *, limit: int) -> None:
        self._indexer = indexer
        self._limit = limit
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="search-indexing", daemon=True)
        self.trouble = ""
        """Why the index is behind, in Chinese; empty while all is well."""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End after the step under way. It is not waited for long: a step that is cut off is simply done again."""
        self._stop.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            try:
                busy = bool(self._indexer.step(self._limit))
            except Exception as error:
                log.warning("indexing failed, trying again later", error=repr(error), exc_info=not _known(error))
                self.trouble = f"搜索索引暂时没有更新：{error}"
                self._stop.wait(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
                failures += 1
                continue
            self.trouble, failures = "", 0
            if not busy:
                self._stop.wait(POLL_SECONDS)


def _known(error: Exception) -> bool:
    return isinstance(error, ChengxinError)
