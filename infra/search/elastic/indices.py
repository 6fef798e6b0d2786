"""Which indices stand behind the aliases: made when missing, compared with what this version needs, swapped at once."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final

from elasticsearch import BadRequestError, Elasticsearch, NotFoundError

from infra.errors import ConfigurationError
from infra.search import KINDS, Kind
from infra.search.elastic.layout import (
    IN_USE,
    LAYOUT,
    PROPERTIES,
    Names,
    generation_of,
    mappings,
    settings,
)

LAST_SEARCHES: Final = 10.0
BETWEEN_LOOKS: Final = 0.3
EXISTS_ALREADY: Final = "resource_already_exists_exception"


@dataclass(frozen=True, slots=True)
class Standing:
    """The index in use of a kind and the one being built, where there are any."""

    in_use: str | None
    building: str | None


class Indices:
    """Makes, finds and swaps the indices of one installation. Errors of the client pass through."""

    def __init__(self, client: Elasticsearch, names: Names, *, shards: int) -> None:
        self.names = names
        self._client = client
        self._shards = shards

    def standing(self) -> dict[Kind, Standing]:
        """What stands behind the aliases of every kind."""
        wanted = [name for kind in KINDS for name in (self.names.alias(kind), self.names.building(kind))]
        try:
            answer = self._client.indices.get_alias(name=wanted)
            held = {alias: index for index, found in answer.items() for alias in found["aliases"]}
        except NotFoundError as error:  # some are missing, and the answer names the others
            body = error.body if isinstance(error.body, dict) else {}
            found_some = {index: value for index, value in body.items() if isinstance(value, dict)}
            held = {alias: index for index, found in found_some.items() for alias in found.get("aliases", {})}
        return {kind: Standing(held.get(self.names.alias(kind)), held.get(self.names.building(kind))) for kind in KINDS}

    def make_missing(self) -> bool:
        """Give every kind an index in use; True when one had to be made.

        Raises:
            ConfigurationError: somebody else's index has the name of one of our aliases.
        """
        # Names first: if another process makes an index in between, it either shows up below or has the same name as ours.
        new = {kind: self._new_name(kind) for kind in KINDS}
        missing = [kind for kind, found in self.standing().items() if found.in_use is None]
        for kind in missing:
            self._refuse_foreign(kind)
            self._create(kind, new[kind], self.names.alias(kind), building=False)
        return bool(missing)

    def check_mappings(self) -> None:
        """Compare the indices in use with what this version writes.

        Raises:
            ConfigurationError: one line with the index, what was found and what to do.
        """
        for kind, found in self.standing().items():
            if found.in_use is None:
                raise ConfigurationError(f"搜索索引 {self.names.alias(kind)} 不见了，请执行 chengxin reindex 重建")
            mapping = self.mapping(found.in_use)
            layout = mapping.get("_meta", {}).get("layout")
            if layout != LAYOUT:
                form = "不是本程序建的" if layout is None else f"是第 {layout} 版结构"
                raise ConfigurationError(
                    f"CHENGXIN_SEARCH_PREFIX={self.names.prefix}：索引 {found.in_use} {form}，"
                    f"本程序需要第 {LAYOUT} 版，请执行 chengxin reindex 重建，或换一个前缀"
                )
            if mapping.get("properties") != PROPERTIES or mapping.get("dynamic") != "strict":
                raise ConfigurationError(
                    f"CHENGXIN_SEARCH_PREFIX={self.names.prefix}：索引 {found.in_use} 的映射与本程序不同"
                    f"（{_difference(mapping)}），请执行 chengxin reindex 重建，或换一个前缀"
                )

    def mapping(self, index: str) -> dict[str, Any]:
        """The mapping of one index as the server has it."""
        answer = self._client.indices.get_mapping(index=index)
        found: dict[str, Any] = next(iter(answer.values()))["mappings"]
        return found

    def begin(self, kind: Kind, *, fresh: bool) -> str:
        """The index being built: the unfinished one of this layout, or a new one."""
        building = self.standing()[kind].building
        if building is not None:
            if not fresh and self.mapping(building).get("_meta", {}).get("layout") == LAYOUT:
                return building
            self._client.indices.delete(index=building, ignore_unavailable=True)
        return self._create(kind, self._new_name(kind), self.names.building(kind), building=True)

    def note(self, index: str, position: str, documents: int) -> None:
        """Write into a build how far it has come; the note is there exactly as long as the build."""
        self._client.indices.put_mapping(index=index, meta=mappings(position, documents)["_meta"])

    def swap(self, kind: Kind, index: str) -> None:
        """Put a finished build in the place of the index in use, in one step; delete the old one when nobody searches it."""
        alias, building = self.names.alias(kind), self.names.building(kind)
        self._client.indices.put_settings(index=index, settings=IN_USE)
        self._client.indices.refresh(index=index)
        old = self.standing()[kind].in_use
        actions: list[dict[str, Any]] = [{"add": {"index": index, "alias": alias}}]
        actions.append({"remove": {"index": index, "alias": building, "must_exist": False}})
        if old is None:
            self._refuse_foreign(kind)
        elif old != index:
            actions.append({"remove": {"index": old, "alias": alias}})
        self._client.indices.update_aliases(actions=actions)
        self._delete_left_over(kind)

    def _delete_left_over(self, kind: Kind) -> None:
        """Delete the indices of a kind that no alias names: the one just replaced, and what a crash may have left."""
        found = self._client.indices.get_alias(index=self.names.pattern(kind))
        left = [name for name, held in found.items() if not held["aliases"]]
        deadline = time.monotonic() + LAST_SEARCHES
        while left and time.monotonic() < deadline:
            # A search that began before the swap would lose its shards, and some have their names but not yet begun.
            time.sleep(BETWEEN_LOOKS)
            stats = self._client.indices.stats(index=left, metric="search")
            if stats["_all"]["total"]["search"]["query_current"] == 0:
                break
        if left:
            self._client.indices.delete(index=left, ignore_unavailable=True)

    def replace_by_empty(self, kind: Kind) -> None:
        """Put an empty index in the place of the index in use."""
        self.swap(kind, self.begin(kind, fresh=True))

    def _new_name(self, kind: Kind) -> str:
        known = self._client.indices.get(index=self.names.pattern(kind), filter_path="*.settings.index.uuid")
        return self.names.index(kind, 1 + max((generation_of(name) for name in known), default=0))

    def _create(self, kind: Kind, index: str, alias: str, *, building: bool) -> str:
        shards = self._shards if kind == "transcript" else 1
        try:
            self._client.indices.create(
                index=index,
                aliases={alias: {}},
                mappings=mappings(),
                settings=settings(shards, building=building),
            )
        except BadRequestError as error:
            if error.error != EXISTS_ALREADY:  # another process has just made it, with the same alias
                raise
        return index

    def _refuse_foreign(self, kind: Kind) -> None:
        alias = self.names.alias(kind)
        # An alias by now means that another process, which starts at the same time, has just made it.
        if self._client.indices.exists(index=alias) and not self._client.indices.exists_alias(name=alias):
            raise ConfigurationError(
                f"CHENGXIN_SEARCH_PREFIX={self.names.prefix}：{alias} 是别人的索引而不是本程序的别名，请换一个前缀"
            )


def _difference(mapping: dict[str, Any]) -> str:
    found = mapping.get("properties", {})
    for name in {**PROPERTIES, **found}:
        if name not in found:
            return f"缺少字段 {name}"
        if name not in PROPERTIES:
            return f"多出字段 {name}"
        if found[name] != PROPERTIES[name]:
            return f"字段 {name} 不同"
    return f"dynamic 是 {mapping.get('dynamic')}，应为 strict"
