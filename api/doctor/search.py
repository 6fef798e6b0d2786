"""The search index: embedded and in its place, or a server with the indices and aliases this code writes to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from api.doctor.finding import Finding, error, guarded, ok, warning
from infra.clock import Clock
from infra.search import open_search
from infra.settings import Settings

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

    from infra.search.elastic.indices import Indices

DISK_LOW: Final = 0.85
DISK_FLOOD: Final = 0.95


@guarded("search", "检查 CHENGXIN_SEARCH_URL 及其认证；索引可随时重建，见 docs/runbooks/reindex.md")
def examine(settings: Settings, _clock: Clock) -> Iterator[Finding]:
    """The search the settings name."""
    if not settings.search_url.startswith("embedded://"):
        yield from _server(settings)
    elif not settings.search_dir.exists():
        yield ok("search", "内置搜索，索引还没有，首次启动时建立")
    else:
        index = open_search(settings)
        try:
            index.ping()
        finally:
            index.close()
        yield ok("search", f"内置搜索（{settings.search_dir}）")


def _server(settings: Settings) -> Iterator[Finding]:
    from infra.search.elastic.indices import Indices  # noqa: PLC0415  the client loads only where there is a server
    from infra.search.elastic.layout import Names  # noqa: PLC0415
    from infra.search.elastic.server import check_server, connect  # noqa: PLC0415

    client = connect(settings)
    try:
        version = check_server(client, settings)
        health = client.cluster.health()
        yield _health(version, str(health["status"]), int(health["unassigned_shards"]))
        yield from _disk(client)
        indices = Indices(client, Names(settings.search_prefix), shards=settings.search_shards)
        standing = indices.standing()
        missing = [indices.names.alias(kind) for kind, found in standing.items() if found.in_use is None]
        if len(missing) == len(standing):
            yield warning("aliases", f"还没有索引（前缀 {settings.search_prefix}）", "首次启动 chengxin serve 时建立")
        elif missing:
            yield error("aliases", f"缺少别名 {'、'.join(missing)}", "chengxin reindex")
        else:
            yield from _mappings(indices)
        unfinished = [found.building for found in standing.values() if found.building]
        if unfinished:
            yield warning(
                "reindex", f"有没建完的索引 {'、'.join(unfinished)}", "若没有人在重建，运行 chengxin reindex 接着建"
            )
    finally:
        client.close()


def _health(version: str, status: str, unassigned: int) -> Finding:
    found = f"Elasticsearch {version}，集群 {status}"
    if status == "red":
        return error(
            "search", f"{found}，有 {unassigned} 个分片不可用", "先修复 Elasticsearch，再看 docs/runbooks/reindex.md"
        )
    if status == "yellow":
        return warning("search", f"{found}，{unassigned} 个副本没有放下", "单节点可不理会；正式环境应有三个节点")
    return ok("search", found)


@guarded("search_disk", "检查 Elasticsearch 各节点的磁盘")
def _disk(client: Elasticsearch) -> Iterator[Finding]:
    """How full the fullest node is. At 85 % the server places no new shards, at 95 % it makes indices read-only."""
    nodes = client.nodes.stats(metric="fs", filter_path="nodes.*.fs.total")["nodes"].values()
    used = [1 - node["fs"]["total"]["available_in_bytes"] / node["fs"]["total"]["total_in_bytes"] for node in nodes]
    found = f"Elasticsearch 最满的节点用了 {max(used):.0%}"
    do = "扩容或清理，见 docs/runbooks/disk-full.md"
    if max(used) >= DISK_FLOOD:
        yield error("search_disk", found, do)
    elif max(used) >= DISK_LOW:
        yield warning("search_disk", found, do)
    else:
        yield ok("search_disk", found)


@guarded("aliases", "chengxin reindex")
def _mappings(indices: Indices) -> Iterator[Finding]:
    indices.check_mappings()
    yield ok("aliases", "索引、别名与映射相符")
