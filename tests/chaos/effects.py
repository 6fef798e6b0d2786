"""Everything that a day leaves behind, in a form in which a storm and an undisturbed run must be equal.

Left out is only what tells when and in which order something was written, and what an engine notes of its own progress.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Table, select

from infra.database import Database, metadata
from infra.search import FACETS, Document, Kind, Page, Query
from streams.tables import dead_letters
from tests.streams.context import lines_around_flags

Effects = dict[str, list[str]]

OWN_TABLES = {
    "log_topics", "log_records", "log_offsets", "handler_state", "engine_status",  # engines' progress
    "remembered_answers", "audit_log", "api_keys", "accounts", "sessions",  # who asked the doors
    "dead_letters", "flag_contexts",  # looked at below
}  # fmt: skip
MOMENTS = {
    "flags": {"raised_at"}, "subjects": {"first_seen"}, "subject_links": {"first_seen"}, "complaints": {"received_at"},
    "complaint_timeline": {"at"}, "ledger_entries": {"posted_at"}, "search_queue": {"held_until"},
}  # fmt: skip


def stored(database: Database, *, resent: bool) -> Effects:
    """Every fact of every table. ``resent``: a sender repeated itself, so a bad event may lie in several places."""
    with database.read() as connection:
        found = {
            table.name: sorted(repr(tuple(row)) for row in connection.execute(select(*_facts(table))))
            for table in metadata.sorted_tables
            if table.name not in OWN_TABLES
        }
        found["flag_contexts"] = lines_around_flags(connection)
        letters = [repr(tuple(row)) for row in connection.execute(select(dead_letters.c.raw, dead_letters.c.errors))]
    return found | {"dead_letters": sorted(set(letters) if resent else letters)}


def _facts(table: Table) -> list[Any]:
    moments = MOMENTS.get(table.name, set())
    return [column for column in table.columns if column.autoincrement is not True and column.name not in moments]


class RecordingSearch:
    """A search index that only keeps what it is given, for the undisturbed run."""

    remote = False

    def __init__(self) -> None:
        self.documents: dict[tuple[Kind, str], Document] = {}

    def upsert(self, documents: Iterable[Document]) -> None:
        self.documents |= {(one.kind, one.id): one for one in documents}

    def delete(self, kind: Kind, ids: Iterable[str], *, version: int) -> None:
        assert version > 0
        for identifier in ids:
            self.documents.pop((kind, identifier), None)

    def found(self) -> list[str]:
        """One line a document."""
        return sorted(
            line(one.kind, one.id, one.title, one.text, one.public, one.facets, one.extra)
            for one in self.documents.values()
        )

    def prepare(self) -> bool:
        return False

    def commit(self) -> None: ...

    def clear(self) -> None:
        self.documents.clear()

    def ping(self) -> None: ...

    def close(self) -> None: ...

    def search(self, query: Query) -> Page:
        raise NotImplementedError(query)


def indexed(client: Any, prefix: str) -> list[str]:
    """One line for every document on an Elasticsearch server that is not deleted."""
    from elasticsearch.helpers import scan

    client.indices.refresh(index=f"{prefix}-*")
    lines = []
    for found in scan(client, index=f"{prefix}-*", size=2000):
        source = found["_source"]
        if not source.get("deleted"):
            shown = source["shown"]
            facets = {name: source[name] for name in FACETS if name in source}
            lines.append(
                line(shown["kind"], shown["id"], shown["title"], shown["text"], source["public"], facets,
                     shown.get("extra", {}))
            )  # fmt: skip
    return sorted(lines)


def line(kind: str, id: str, title: str, text: str, public: bool, facets: Any, extra: Any) -> str:
    given = {name: value for name, value in facets.items() if value and name in FACETS}
    return repr((kind, id, title, text, public, sorted(given.items()), sorted(dict(extra).items())))


def difference(storm: Effects, calm: Effects) -> dict[str, dict[str, list[str]]]:
    """What was lost and what is there too often, by table, a few of each; empty when all is as it should be."""
    result = {}
    for name in sorted(calm.keys() | storm.keys()):
        there, wanted = Counter(storm.get(name, [])), Counter(calm.get(name, []))
        if there != wanted:
            lost, added = (list((a - b).elements()) for a, b in ((wanted, there), (there, wanted)))
            result[name] = {f"lost {len(lost)}": lost[:3], f"doubled or made up {len(added)}": added[:3]}
    return result
