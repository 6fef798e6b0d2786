"""What the doors work with: one object holding the services of a running process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

from fastapi import Request
from sqlalchemy import Connection

from classifiers.detector import Detector
from classifiers.live import Checks, LiveDetector, Watcher, load_detector
from classifiers.normalise import fold
from infra.clock import Clock
from infra.database import Database
from infra.search import SearchIndex, open_search
from infra.settings import Settings
from infra.vault import Vault
from lexicons.loader import Lexicon, load_lexicon


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
        return open_search(self.settings, fold=fold)

    @cached_property
    def vault(self) -> Vault:
        return Vault(self.settings)

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
        for name in ("search", "database"):
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
