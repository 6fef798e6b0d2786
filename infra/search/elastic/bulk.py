"""Sends changes in bulk. Only what failed is sent again, and an older version never overwrites a newer one.

While one request is on its way the next one is being made; the server's version check makes their order irrelevant.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

import structlog
from elasticsearch import Elasticsearch

from infra.search import Kind, SearchUnavailable
from infra.search.elastic.documents import Change
from infra.search.elastic.server import BUSY, READ_ONLY, asking
from infra.telemetry import SEARCH_REJECTED

log = structlog.get_logger()

MOST_CHANGES: Final = 2_000
MOST_BYTES: Final = 4 * 1024 * 1024
ON_THE_WAY: Final = 2
RETRY_SECONDS: Final = (0.2, 0.5, 1.0, 2.0)
OLDER: Final = 409
GONE: Final = 404
FORBIDDEN: Final = 403
ERRORS: Final = "errors,items.*.status,items.*.error.type,items.*.error.reason"

Aliases = Callable[[Kind], Sequence[str]]


class BulkSender:
    """Sends changes over one client; may be used by several threads."""

    def __init__(self, client: Elasticsearch, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._sleep = sleep
        self._pool = ThreadPoolExecutor(ON_THE_WAY, thread_name_prefix="search-bulk")

    def send(self, changes: Iterable[Change], aliases: Aliases) -> int:
        """Send all changes to the aliases of their kind (the first must exist, the others may be gone); returns how many.

        A document that the server will never take is logged and left out: it must not hold up those behind it.

        Raises:
            SearchUnavailable: the server does not answer, is full or stayed busy; some changes may have been taken.
        """
        waiting: deque[Future[None]] = deque()
        sent, part, size = 0, [], 0
        try:
            for change in changes:
                part.append(change)
                size += len(change.content)
                if len(part) >= MOST_CHANGES or size >= MOST_BYTES:
                    sent += self._start(waiting, part, aliases)
                    part, size = [], 0
            sent += self._start(waiting, part, aliases)
            while waiting:
                waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
        return sent

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _start(self, waiting: deque[Future[None]], part: list[Change], aliases: Aliases) -> int:
        if part:
            items = [(change, alias) for change in part for alias in aliases(change.kind)]
            optional = {alias for change in part for alias in aliases(change.kind)[1:]}
            waiting.append(self._pool.submit(self._deliver, items, optional))
        while len(waiting) > ON_THE_WAY:
            waiting.popleft().result()
        return len(part)

    def _deliver(self, items: list[tuple[Change, str]], optional: set[str]) -> None:
        for pause in (*RETRY_SECONDS, None):
            items = self._once(items, optional)
            if not items:
                return
            if pause is None:
                raise SearchUnavailable(f"搜索服务器一直繁忙，还有 {len(items)} 份文档没有收下")
            self._sleep(pause)

    def _once(self, items: list[tuple[Change, str]], optional: set[str]) -> list[tuple[Change, str]]:
        """Send once; returns what is worth sending again."""
        body = b"\n".join(line for change, alias in items for line in change.lines(alias)) + b"\n"
        with asking():
            answer = self._client.bulk(operations=body, require_alias=True, filter_path=ERRORS)  # type: ignore[arg-type]
        if not answer["errors"]:
            return []
        results = [next(iter(result.values())) for result in answer["items"]]
        return [
            item
            for item, result in zip(items, results, strict=True)
            if "error" in result and self._again(*item, result, optional)
        ]

    def _again(self, change: Change, alias: str, result: dict[str, Any], optional: set[str]) -> bool:
        status, error = result["status"], result["error"]
        if status == OLDER or (status == GONE and alias in optional):
            return False  # a newer version is there; or the build was finished and has become the index itself
        if status in BUSY:
            return True
        if status == FORBIDDEN or error["type"] == READ_ONLY:
            raise SearchUnavailable("搜索索引处于只读，多半是磁盘将满")
        if status == GONE:
            raise SearchUnavailable("搜索索引不见了，请执行 chengxin reindex")
        SEARCH_REJECTED.labels(change.kind).inc()
        log.error("document refused by the search server", kind=change.kind, id=change.id, reason=error["reason"])
        return False
