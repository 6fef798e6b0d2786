"""How fast events go from the log to stored flags, and a million utterances from a file into the log at what memory.

The baseline is the plain loop with the same detector, handlers and database: one event to a record and to a transaction,
one text to the detector at a time, memory of the rooms in a dict. ``BENCH_QUICK=1`` measures a tenth, to see that it works.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast
from unittest.mock import patch

from sqlalchemy import Connection, func, select

import api.tables  # noqa: F401  declares every room's tables
from benchmarks.day import ROOMS, texts, utterance
from casework.tables import flags
from classifiers.detector import Detector
from classifiers.finding import CheckResult, Item
from infra.clock import SystemClock
from infra.database import Database, metadata
from infra.settings import Settings
from streams import batches, consumer, effects, log
from streams.embedded import EmbeddedRunner
from streams.events import Utterance, decode_record, encode, key_of
from streams.ingest import ingest, publisher_sink
from streams.pipeline import Handlers
from streams.publish import publish
from streams.publisher import LogPublisher
from streams.room import RoomState

QUICK = bool(os.environ.get("BENCH_QUICK"))
EVENTS = 10_000 if QUICK else 100_000
NAIVE_EVENTS = 300 if QUICK else 3_000
INGESTED = 100_000 if QUICK else 1_000_000
ROUNDS = 1 if QUICK else 3
TOPIC = "transcripts"
Result = TypeVar("Result")


def main() -> None:
    """Print one JSON line for the ingest, one per way from log to flags, and the ratio."""
    said = texts(EVENTS)
    print(json.dumps(_measure_ingest(said), ensure_ascii=False))
    detector = Detector.load()
    batched = [_measure("batches (ours)", detector, said, EVENTS, _run_engine) for _ in range(ROUNDS)]
    ours = sorted(batched, key=lambda line: line["events_per_second"])[ROUNDS // 2]
    naive = _measure("one by one (baseline)", detector, said, NAIVE_EVENTS, _run_one_by_one)
    ratio = round(ours["events_per_second"] / naive["events_per_second"], 1)
    for line in (ours, naive, {"ratio": ratio, "ours": f"median of {ROUNDS}"}):
        print(json.dumps(line, ensure_ascii=False))


# ---- log → flags


class _Stopwatch:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def on(self, stage: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self.seconds[stage] += time.perf_counter() - begun

    def around(self, stage: str, act: Callable[..., Result]) -> Callable[..., Result]:
        def timed(*args: Any, **kwargs: Any) -> Result:
            with self.on(stage):
                return act(*args, **kwargs)

        return timed


class _TimedDetector:
    def __init__(self, detector: Detector, watch: _Stopwatch) -> None:
        self._detector, self._watch = detector, watch

    def check(self, items: Sequence[Item]) -> list[CheckResult]:
        with self._watch.on("classify"):
            return self._detector.check(items)


class _TimedDatabase(Database):
    def __init__(self, url: str, watch: _Stopwatch) -> None:
        super().__init__(url)
        self._watch = watch

    @contextmanager
    def write(self) -> Iterator[Connection]:
        with self._watch.on("store"), super().write() as connection:
            yield connection


Run = Callable[[Database, Handlers, Settings, _Stopwatch], None]


def _run_engine(database: Database, handlers: Handlers, settings: Settings, watch: _Stopwatch) -> None:
    runner = EmbeddedRunner(database, handlers, None, SystemClock(), settings)
    with patch.object(batches, "decode_record", watch.around("decode", decode_record)):
        runner.run_until_idle()


def _run_one_by_one(database: Database, handlers: Handlers, _settings: Settings, watch: _Stopwatch) -> None:
    done, rooms = log.BEGINNING, dict[str, RoomState]()
    decode = watch.around("decode", decode_record)
    while True:
        with database.read() as connection:
            record = next(log.read(connection, TOPIC, done, limit=1), None)
        if record is None:
            return
        ((_, event),) = decode(TOPIC, record.value).events
        outputs = handlers.transcripts([cast(Utterance, event)], rooms)
        with database.write() as connection:
            effects.apply(connection, outputs, at=SystemClock().now())
            log.commit(connection, consumer.GROUP, TOPIC, record.offset)
        done = record.offset


def _measure(way: str, detector: Detector, said: Sequence[str], events: int, run: Run) -> dict[str, Any]:
    """Put utterances on a fresh log, then time the run until nothing is left."""
    with tempfile.TemporaryDirectory() as folder:
        settings, watch = Settings(data_dir=Path(folder)), _Stopwatch()
        database = _TimedDatabase(settings.database, watch)
        metadata.create_all(database.engine)
        _fill(database, [utterance(n, said) for n in range(events)], one_by_one=run is _run_one_by_one)
        watch.seconds.clear()
        begun = time.perf_counter()
        run(database, Handlers(_TimedDetector(detector, watch)), settings, watch)
        seconds = time.perf_counter() - begun
        with database.read() as connection:
            raised = connection.execute(select(func.count()).select_from(flags)).scalar_one()
        database.close()
    stages = {stage: watch.seconds[stage] for stage in ("decode", "classify", "store")}
    stages["handle"] = seconds - sum(stages.values())
    return {
        "way": way,
        "events": events,
        "events_per_second": round(events / seconds),
        "flags": raised,
        "flag_share": round(raised / events, 4),
        "share_of_time": {stage: round(spent / seconds, 3) for stage, spent in stages.items()},
    }


def _fill(database: Database, said: Sequence[Utterance], *, one_by_one: bool) -> None:
    now = SystemClock().now()
    with database.write() as connection:
        if one_by_one:
            log.append_many(connection, TOPIC, [(key_of(event), encode(event)) for event in said], now)
            return
        for begin in range(0, len(said), ROOMS * 200):
            publish(connection, TOPIC, said[begin : begin + ROOMS * 200], at=now)


# ---- file → log


def _measure_ingest(said: Sequence[str]) -> dict[str, Any]:
    """Write a file of utterances, and take it in within a process of its own, whose memory is then known."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "day.jsonl"
        with path.open("wb") as file:
            for number in range(INGESTED):
                file.write(encode(utterance(number, said)) + b"\n")
        # A shell in between: a process begun by this one would have this one's peak memory counted as its own.
        command = ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-m", __name__, folder]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return {"way": "ingest", "file_mebibytes": path.stat().st_size // 2**20, **json.loads(answer)}


def _ingest(folder: Path) -> None:
    """Take the file in and print rate and peak resident memory."""
    database = Database(Settings(data_dir=folder).database)
    metadata.create_all(database.engine)
    clock = SystemClock()
    begun = time.perf_counter()
    report = ingest(
        [folder / "day.jsonl"],
        sink=publisher_sink(LogPublisher(), database, clock),
        reject_file=folder / "rejects.jsonl",
        now=clock.now(),
        topic=TOPIC,
    )
    seconds = time.perf_counter() - begun
    database.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    line = {
        "accepted": report.accepted,
        "rejected": report.rejected,
        "utterances_per_second": round(report.accepted / seconds),
        "peak_resident_mebibytes": round(peak / (2**20 if sys.platform == "darwin" else 1024)),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    _ingest(Path(sys.argv[1]))
