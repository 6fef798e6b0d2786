"""An index being built beside the one in use. It notes its progress in itself, so that a stopped build can be taken up again."""

from __future__ import annotations

from collections.abc import Iterable

from infra.search import Document, Kind
from infra.search.elastic.bulk import BulkSender
from infra.search.elastic.documents import changes
from infra.search.elastic.indices import Indices
from infra.search.elastic.server import asking
from infra.search.language import Language


class IndexBuild:
    """See ``infra.search.Build``. Writers of the live index find the build by its alias and write to both."""

    def __init__(
        self, kind: Kind, *, indices: Indices, sender: BulkSender, language: Language, fresh: bool = False
    ) -> None:
        self._kind = kind
        self._indices = indices
        self._sender = sender
        self._language = language
        with asking():
            self.index = indices.begin(kind, fresh=fresh)
            note = indices.mapping(self.index).get("_meta", {})
        self._position = str(note.get("position", ""))
        self._documents = int(note.get("documents", 0))

    @property
    def position(self) -> str:
        return self._position

    @property
    def documents(self) -> int:
        return self._documents

    def upsert(self, documents: Iterable[Document]) -> None:
        """Documents of this build's kind."""
        alias = self._indices.names.building(self._kind)
        self._sender.send(changes(documents, self._language), lambda _kind: (alias,))

    def checkpoint(self, position: str, documents: int) -> None:
        """Everything up to ``position`` is in the build: the server has written it to its disk before it answered."""
        with asking():
            self._indices.note(self.index, position, documents)
        self._position, self._documents = position, documents

    def finish(self) -> None:
        """Take the place of the index in use. Searches go on meanwhile: they see the old index, then the new one."""
        with asking():
            self._indices.swap(self._kind, self.index)
