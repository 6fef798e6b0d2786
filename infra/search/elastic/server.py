"""The connection to Elasticsearch: how it is opened and checked, and what its errors mean to us."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec
import structlog
from elastic_transport import ConnectionError as NoConnection
from elastic_transport import ConnectionTimeout, JsonSerializer, SerializationError, TlsError
from elasticsearch import (
    ApiError,
    AuthenticationException,
    AuthorizationException,
    Elasticsearch,
    NotFoundError,
    UnsupportedProductError,
)

from infra.errors import ConfigurationError
from infra.search import SearchUnavailable
from infra.settings import Settings

log = structlog.get_logger()

TESTED: Final = 8
NEXT: Final = 9
PING_SECONDS: Final = 2
CONNECTIONS: Final = 20
BUSY: Final = (429, 502, 503, 504)
READ_ONLY: Final = "cluster_block_exception"

REASONS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (ConnectionTimeout, "搜索服务器没有按时答复"),
    (TlsError, "搜索服务器的证书不被信任"),
    (NoConnection, "连不上搜索服务器"),
    (SerializationError, "搜索服务器的答复读不懂"),
    (AuthenticationException, "搜索服务器拒绝了 API key"),
    (AuthorizationException, "API key 的权限不足"),
    (NotFoundError, "搜索索引不见了，请执行 chengxin reindex"),
)


class QuickJson(JsonSerializer):
    """JSON read by msgspec, several times as fast as the standard library."""

    def json_loads(self, data: bytes) -> Any:
        try:
            return msgspec.json.decode(data)
        except msgspec.DecodeError as error:
            raise ValueError(str(error)) from None


def connect(settings: Settings) -> Elasticsearch:
    """A client with a pool of kept connections; connects when first used.

    It retries nothing by itself: the bulk sender and the engine know what to send again, and when.

    Raises:
        ConfigurationError: the address is not one.
    """
    options: dict[str, Any] = {}
    if settings.search_api_key is not None:
        options["api_key"] = settings.search_api_key.get_secret_value()
    if settings.search_ca_file is not None:
        options["ca_certs"] = str(settings.search_ca_file)
    json = QuickJson()
    try:
        return Elasticsearch(
            settings.search_url.split(","),
            request_timeout=settings.search_timeout,
            connections_per_node=CONNECTIONS,
            max_retries=0,
            serializers={"application/json": json, "application/vnd.elasticsearch+json": json},
            **options,
        )
    except ValueError as error:
        raise ConfigurationError(
            f"CHENGXIN_SEARCH_URL={settings.search_url}：{error}；应为 http(s)://主机:端口"
        ) from None


@contextmanager
def asking() -> Iterator[None]:
    """Turn what keeps the server from answering into ``SearchUnavailable``; mistakes of ours stay what they are."""
    try:
        yield
    except (NoConnection, ConnectionTimeout, SerializationError, ApiError) as error:
        reason = why(error)
        if reason is None:
            raise
        log.warning("search server does not answer", error=str(error))
        raise SearchUnavailable(reason) from error


def why(error: Exception) -> str | None:
    """In Chinese and without addresses; None for an error that waiting does not mend."""
    for kind, reason in REASONS:
        if isinstance(error, kind):
            read_only = isinstance(error, AuthorizationException) and READ_ONLY in str(error)
            return "搜索索引处于只读，多半是磁盘将满" if read_only else reason
    busy = isinstance(error, ApiError) and error.status_code in BUSY
    return "搜索服务器繁忙或尚未就绪" if busy else None


def check_server(client: Elasticsearch, settings: Settings) -> str:
    """Make sure that a server we can work with answers; returns its version.

    Raises:
        ConfigurationError: one line with the setting, what was found and what to do.
    """
    place = f"CHENGXIN_SEARCH_URL={settings.search_url}"
    try:
        # Not ``info()``: the smallest distribution does not answer at ``/``.
        answer = client.nodes.info(node_id="_local", metric="_none", filter_path="nodes.*.version")
        version = str(next(iter(answer["nodes"].values()))["version"])
    except TlsError as error:
        raise ConfigurationError(
            f"{place}：服务器证书不被信任（{error.message}）；请用 CHENGXIN_SEARCH_CA_FILE 指向签发它的 CA 证书"
        ) from None
    except ConnectionTimeout:
        raise ConfigurationError(
            f"{place}：{settings.search_timeout:g} 秒内没有答复；请确认是 Elasticsearch 的地址，或调大 CHENGXIN_SEARCH_TIMEOUT"
        ) from None
    except NoConnection as error:
        raise ConfigurationError(
            f"{place}：连不上（{error.message}）；请启动 Elasticsearch 或改正地址，不用服务器则设为 embedded://"
        ) from None
    except AuthenticationException:
        found = "没有给出" if settings.search_api_key is None else "的值无效或已过期"
        raise ConfigurationError(f"CHENGXIN_SEARCH_API_KEY {found}，{place} 要求凭据；请换成有效的 API key") from None
    except AuthorizationException:
        raise ConfigurationError(
            f"CHENGXIN_SEARCH_API_KEY 的权限不足；请给它 monitor 权限与 {settings.search_prefix}-* 索引的 all 权限"
        ) from None
    except (UnsupportedProductError, SerializationError, ApiError, KeyError, StopIteration, TypeError) as error:
        raise ConfigurationError(
            f"{place}：对方不是 Elasticsearch {TESTED}（{type(error).__name__}）；请改正地址或换用受支持的版本"
        ) from None
    _check_version(version, place)
    return version


def _check_version(version: str, place: str) -> None:
    major = int(version.partition(".")[0])
    if major not in (TESTED, NEXT):
        raise ConfigurationError(
            f"{place}：服务器版本是 {version}，需要 Elasticsearch {TESTED}.x；请升级服务器或改正地址"
        )
    if major == NEXT:
        log.warning("this server version was never tested with this program", version=version, tested=f"{TESTED}.x")
