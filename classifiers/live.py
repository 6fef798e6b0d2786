"""A detector that is exchanged while it is at work: its files are watched, loaded in the background, and swapped in when they load.

What cannot be loaded changes nothing: the old detector goes on, and the trouble is told. Nothing here trains or mends a file.
A web process and a worker use it alike: ``LiveDetector`` in the place of the detector, ``Watcher`` beside it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

import structlog

from classifiers import cache
from classifiers import model as models
from classifiers.detector import Detector
from classifiers.finding import CheckResult, Item, Versions
from classifiers.freshness import CODES_FILE, META_FILE, MODEL_DIR, WEIGHTS_FILE
from infra.clock import Clock, SystemClock, today
from infra.errors import ChengxinError
from infra.garbage import settle
from infra.telemetry import DETECTOR_OUTDATED, DETECTOR_RELOADS
from lexicons.files import FOLDERS, ROOT, SINGLE_FILES

POLL_SECONDS: Final = 3.0
log = structlog.get_logger()


class Checks(Protocol):
    """What a process needs of a detector."""

    @property
    def versions(self) -> Versions:
        """Which lexicon, model and law it checks with."""
        ...

    def check(self, items: Sequence[Item]) -> list[CheckResult]:
        """One result per item, in order."""
        ...


def load_detector(lexicon: Path = ROOT, model: Path = MODEL_DIR) -> Detector:
    """The detector as the files are now. That of the bundled lexicon becomes the one the whole process reads with.

    Raises:
        ConfigurationError: a lexicon file is wrong, or the model is missing, damaged or of another lexicon.
    """
    bundled = lexicon == ROOT
    reader = cache.load_reader(None if bundled else lexicon)
    known = reader.lexicon
    trained = models.load(model, lexicon_version=known.version, codes=list(known.codes))
    detector = Detector(reader, trained, on=today(SystemClock()))
    if bundled:
        # Only now, when the model fits too: listings and corrections must not be read with another lexicon than speech.
        cache.use_bundled(reader)
    return detector


def stamp_of(lexicon: Path = ROOT, model: Path = MODEL_DIR) -> Hashable:
    """Names, sizes and times of all files a detector is made of: some sixty look-ups, no file is opened."""
    paths = [lexicon / name for name in SINGLE_FILES]
    paths += [path for folder in FOLDERS for path in sorted((lexicon / folder).glob("*.yaml"))]
    return tuple(_stat(path) for path in (*paths, *(model / name for name in (META_FILE, WEIGHTS_FILE, CODES_FILE))))


def _stat(path: Path) -> tuple[str, int, int]:
    try:
        found = path.stat()
    except OSError:
        return str(path), -1, -1
    return str(path), found.st_mtime_ns, found.st_size


class LiveDetector:
    """Stands in for a detector and passes every call to the one that is current; a batch is checked by one of them throughout.

    ``load`` makes a detector, ``stamp`` tells whether its files are still the same. The first load happens here and raises.
    """

    def __init__(
        self, load: Callable[[], Checks], *, stamp: Callable[[], Hashable] = stamp_of, clock: Clock | None = None
    ) -> None:
        self._load = load
        self._stamp = stamp
        self._clock = clock or SystemClock()
        self._loading = threading.Lock()
        # Before the load: a file that changes meanwhile is seen as changed afterwards.
        self.loaded = stamp()
        self._current = load()
        self.trouble = ""
        self.since: datetime = self._clock.now()

    @property
    def current(self) -> Checks:
        """The detector at work now."""
        return self._current

    @property
    def versions(self) -> Versions:
        """The versions of the detector at work now."""
        return self._current.versions

    def check(self, items: Sequence[Item], **options: Any) -> list[CheckResult]:
        """One result per item, all by the same detector."""
        return self._current.check(items, **options)

    def stamp(self) -> Hashable:
        """The stamp of the files as they are now."""
        return self._stamp()

    def refresh(self, *, force: bool = False) -> bool:
        """Load and swap when the files are others than at the last try (or always, by ``force``); whether it swapped.

        It raises nothing: what went wrong is in ``trouble``, in the log and in the metrics, and the old detector stays.
        """
        with self._loading:
            stamp = self._stamp()
            if stamp == self.loaded and not force:
                return False
            self.loaded = stamp
            try:
                fresh = self._load()
            except Exception as error:
                self._failed(error)
                return False
            old, self._current = self._current.versions, fresh
            self.trouble, self.since = "", self._clock.now()
        DETECTOR_RELOADS.labels("loaded").inc()
        DETECTOR_OUTDATED.set(0)
        new = fresh.versions
        log.info("detector reloaded", lexicon=new.lexicon, model=new.model, before=f"{old.lexicon}/{old.model}")
        return True

    def _failed(self, error: Exception) -> None:
        self.trouble = str(error) if isinstance(error, ChengxinError) else f"{type(error).__name__}：{error}"
        DETECTOR_RELOADS.labels("failed").inc()
        DETECTOR_OUTDATED.set(1)
        kept = self._current.versions
        log.error("new lexicon or model cannot be loaded, the old one stays", error=self.trouble, lexicon=kept.lexicon)


class Watcher:
    """A thread that looks at the files every ``seconds`` and refreshes the detector when they changed and have come to rest."""

    def __init__(self, detector: LiveDetector, *, seconds: float = POLL_SECONDS) -> None:
        self._detector = detector
        self._seconds = seconds
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._forced = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to watch; once is enough."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name="detector-watcher", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread after what it is loading."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=30)
            self._thread = None

    def wake(self, *_signal: Any) -> None:
        """Load now, changed or not. It may be called from a signal handler: it only sets flags."""
        self._forced = True
        self._wake.set()

    def _run(self) -> None:
        seen, swapped = self._detector.loaded, False
        while not self._stop.is_set():
            self._wake.wait(self._seconds)
            self._wake.clear()
            if self._stop.is_set():
                return
            if swapped:
                settle()  # by now no batch holds the old detector any more
            forced, self._forced = self._forced, False
            try:
                now = self._detector.stamp()
                # Files that still change are half written: wait until two looks find the same.
                due = forced or (now != self._detector.loaded and now == seen)
                swapped = due and self._detector.refresh(force=forced)
                seen = now
            except Exception:
                # A watcher that ends in silence would look like one that finds nothing new.
                log.exception("looking for new lexicon files failed, trying again")
