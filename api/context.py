"""What the doors work with: one object holding the services of a running process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

from fastapi import Request
from sqlalchemy import Connection

from classifiers.detector import Detector
from classifiers.live import Checks, LiveDetector, Watcher, load_detector
from classifiers.normalise import fold
from classifiers.spelling import readings
from infra import broker
from infra.clock import Clock
from infra.database import Database
from infra.search import SearchIndex, open_search
from infra.search.language import Language
from infra.settings import Settings
from infra.vault import Vault
from lexicons.loader import Lexicon, load_lexicon
from lexicons.synonyms import Synonyms
from streams.kafka.connection import Connection as KafkaConnection
from streams.kafka.producer import KafkaPublisher, Sender
from streams.publisher import LogPublisher, Publisher


@dataclass
class Services:
    """Opened lazily and once; ``close`` when the process ends."""

    settings: Settings
    clock: Clock
    make_detector: Callable[[], Checks] = field(default=load_detector)

    @cached_property
    def database(self) -> Database:
        return Database(self.settings.database)

    @cached_property
    def search(self) -> SearchIndex:
        return open_search(self.settings, language=self._language)

    @property
    def _language(self) -> Language:
        han = {character: reading for character, reading in readings().items() if not character.isascii()}
        return Language(fold=fold, readings=han, synonyms=self._other_words)

    def _other_words(self, word: str) -> Sequence[str]:
        return self._synonyms.of(word)  # read when a search first asks: most commands never do

    @cached_property
    def _synonyms(self) -> Synonyms:
        return Synonyms(self.lexicon, fold)

    @cached_property
    def vault(self) -> Vault:
        return Vault(self.settings)

    @cached_property
    def publisher(self) -> Publisher:
        """Where events go: Kafka, or the log in the database."""
        return KafkaPublisher(self.sender) if broker.is_kafka(self.settings.broker_url) else LogPublisher()

    @cached_property
    def sender(self) -> Sender:
        """The connection to Kafka that this process writes through; it connects when first used."""
        return Sender(KafkaConnection.from_settings(self.settings))

    @cached_property
    def detector(self) -> LiveDetector:
        """The detector of this process; it follows the files while ``watcher`` runs."""
        return LiveDetector(self.make_detector, clock=self.clock)

    @cached_property
    def watcher(self) -> Watcher:
        """Exchanges the detector when its files change; started and stopped by the application."""
        return Watcher(self.detector)

    @property
    def lexicon(self) -> Lexicon:
        """The lexicon the detector works with; where none is loaded (or needed), the bundled one."""
        live = self.__dict__.get("detector")
        if live is not None and isinstance(live.current, Detector):
            return live.current.lexicon
        return self._own_lexicon

    @cached_property
    def _own_lexicon(self) -> Lexicon:
        return load_lexicon()

    def close(self) -> None:
        for name in ("publisher", "search", "database"):
            if name in self.__dict__:
                getattr(self, name).close()


def services(request: Request) -> Services:
    """FastAPI dependency: the services of this application."""
    found: Services = request.app.state.services
    return found


@contextmanager
def writing(request: Request) -> Iterator[Connection]:
    """One write transaction, committed when the block ends well."""
    with services(request).database.write() as connection:
        yield connection


@contextmanager
def reading(request: Request) -> Iterator[Connection]:
    """One read transaction."""
    with services(request).database.read() as connection:
        yield connection
