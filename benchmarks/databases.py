"""How fast flags are stored: PostgreSQL against SQLite, both durable, in one run with the same flags and code.

Three ways: batches as the engine writes them (flags, context, subjects, search queue, offset in one transaction), one flag to
a transaction (what an obvious program does), and two processes at once, which SQLite can only serve in turn.
PostgreSQL is the one at ``TEST_DATABASE_URL``, else one started here for the run; without either the line says so.
``BENCH_QUICK=1`` measures a tenth, to see that it works.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import cache
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path

from sqlalchemy import func, select

import api.tables  # noqa: F401  declares every room's tables
from benchmarks.day import texts
from casework.flags import Line, NewFlag
from casework.tables import flags
from infra import migrate
from infra.clock import SystemClock
from infra.database import Database
from infra.errors import ChengxinError
from infra.local import LocalPostgres
from streams import effects, log
from streams.outputs import ContextAdded, FlagRaised, Output, RoomSeen
from tests.factories import new_flag
from tests.services import DATABASE, fresh_database

QUICK = bool(os.environ.get("BENCH_QUICK"))
FLAGS = 1_000 if QUICK else 10_000
SINGLE = 100 if QUICK else 1_000
BATCH = 20  # a batch of 2,000 utterances at a flag rate of 1 %
BIG_BATCH = 200
CONTEXT = 5
LINES = 41  # a minute before and after, an utterance every three seconds
SIZED = 400 if QUICK else 4_000
PIECES = {"live, line by line": 1, "catching up, all at once": LINES}
ROOMS = 40
ROUNDS = 1 if QUICK else 3
Way = Callable[[Database], float]  # stores flags and tells the seconds it took


def main() -> None:
    """Print one JSON line per way with the median rate of each database, in turns so that both meet the same machine."""
    with _servers() as servers:
        for way, act in WAYS.items():
            rates: dict[str, list[int]] = {name: [] for name in servers}
            for _ in range(ROUNDS):
                for name, make in servers.items():
                    rates[name].append(_measure(make, act))
            medians = {name: sorted(found)[ROUNDS // 2] for name, found in rates.items()}
            line = {"way": way, "flags_per_second": medians, "rounds": ROUNDS}
            if "postgresql" in medians:
                line["postgresql_to_sqlite"] = round(medians["postgresql"] / medians["sqlite"], 2)
            print(json.dumps(line), flush=True)
        if "postgresql" in servers:
            with tempfile.TemporaryDirectory() as folder:
                sizes = {
                    way: _bytes_per_flag(servers["postgresql"](Path(folder)), lines) for way, lines in PIECES.items()
                }
            _drop_databases()
            print(json.dumps({"way": "disk on PostgreSQL", "lines_around_a_flag": LINES, "bytes_per_flag": sizes}))


@contextmanager
def _servers() -> Iterator[dict[str, Callable[[Path], str]]]:
    """A maker of fresh databases for each kind there is."""
    makers: dict[str, Callable[[Path], str]] = {"sqlite": lambda folder: f"sqlite:///{folder / 'bench.db'}"}
    given = os.environ.get(DATABASE)
    if given:
        yield makers | {"postgresql": lambda _folder: _fresh(given)}
        return
    with tempfile.TemporaryDirectory(prefix="chengxin-bench-") as folder:
        Path(folder).chmod(0o755)
        server = LocalPostgres(Path(folder) / "postgresql", memory="256MB")
        try:
            server.start()
            server.wait_ready()
        except ChengxinError as error:
            print(json.dumps({"database": "postgresql", "skipped": str(error)}, ensure_ascii=False))
            yield makers
            return
        try:
            yield makers | {"postgresql": lambda _folder: _fresh(server.url)}
        finally:
            server.stop()


_kept: list[fresh_database] = []


def _fresh(server: str) -> str:
    _kept.append(fresh_database(server))
    return _kept[-1].__enter__()


def _measure(make: Callable[[Path], str], act: Way) -> int:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(make(Path(folder)))
        migrate.upgrade(database)
        seconds = act(database)
        with database.read() as connection:
            stored = connection.execute(select(func.count()).select_from(flags)).scalar_one()
        database.close()
    _drop_databases()
    return round(stored / seconds)


def _drop_databases() -> None:
    while _kept:
        _kept.pop().__exit__()


def _bytes_per_flag(url: str, together: int) -> int:
    """Flags and the words around them, indexes included; ``together``: how many of the lines that follow come in one batch."""
    database = Database(url)
    migrate.upgrade(database)
    for first in range(0, SIZED, BIG_BATCH):
        numbers = range(first, first + BIG_BATCH)
        for begin in range(0, LINES // 2, together):
            outputs: list[Output] = []
            for number in numbers:
                flag = _flag(number, number % ROOMS)
                if begin == 0:
                    outputs.append(FlagRaised(flag, tuple(_line(number, n) for n in range(LINES // 2 + 1))))
                following = range(LINES // 2 + 1 + begin, min(LINES, LINES // 2 + 1 + begin + together))
                outputs += [ContextAdded(flag.id, _line(number, n)) for n in following]
            with database.write() as connection:
                effects.apply(connection, outputs, at=SystemClock().now())
    size = "SELECT pg_total_relation_size('flags') + pg_total_relation_size('flag_contexts')"
    with database.read() as connection:
        total: int = connection.exec_driver_sql(size).scalar_one()
    database.close()
    return round(total / SIZED)


def _outputs(first: int, count: int) -> list[Output]:
    """What the handlers give for so many flagged utterances: a room when it is new, the flag with the words around it."""
    made: list[Output] = []
    for number in range(first, first + count):
        room = number % ROOMS
        flag = _flag(number, room)
        lines = tuple(_line(number, n) for n in range(CONTEXT))
        if number < ROOMS:
            made.append(RoomSeen("yunjian", f"r{room}", f"h{room}", None))
        made.append(FlagRaised(flag, lines))
    return made


_TEMPLATE = new_flag(text="这款木耳能治三高，买了就是赚到，家人们冲")


def _flag(number: int, room: int) -> NewFlag:
    return replace(
        _TEMPLATE,
        event_id=f"u-{number}",
        room=f"room:yunjian:r{room}",
        subject=f"host:yunjian:h{room}",
        session=f"s{room}",
    )


@cache
def _said() -> list[str]:
    return texts(20_000)


def _line(number: int, n: int) -> Line:
    at = _TEMPLATE.spoken_at + timedelta(seconds=n)
    return Line(f"u-{number}-{n}", at, None, "host", _said()[(number * LINES + n) % len(_said())])


def _store(database: Database, group: str, first: int, size: int) -> None:
    outputs = _outputs(first, size)
    with database.write() as connection:
        effects.apply(connection, outputs, at=SystemClock().now())
        log.commit(connection, group, "transcripts", first + size)


def _run(database: Database, numbers: Sequence[int], size: int, group: str = "pipeline") -> float:
    begun = time.perf_counter()
    for first in numbers[::size]:
        _store(database, group, first, size)
    return time.perf_counter() - begun


def _two_writers(database: Database) -> float:
    """Two processes, each with its own flags and offset, as two workers with partitions of their own."""
    context, half = get_context("spawn"), FLAGS // 2
    ready = context.Barrier(3)
    writers = [
        context.Process(target=_writer, args=(database.url, numbers, f"worker-{n}", ready))
        for n, numbers in enumerate([range(half), range(half, FLAGS)])
    ]
    for writer in writers:
        writer.start()
    ready.wait(timeout=120)
    begun = time.perf_counter()
    for writer in writers:
        writer.join()
    return time.perf_counter() - begun


def _writer(url: str, numbers: Sequence[int], group: str, ready: Barrier) -> None:
    database = Database(url)
    with database.read() as connection:
        log.committed(connection, group, "transcripts")  # connected, as a worker that is at work already
    ready.wait(timeout=120)
    _run(database, numbers, BATCH, group)
    database.close()


WAYS: dict[str, Way] = {
    "one to a transaction (baseline)": lambda database: _run(database, range(SINGLE), 1),
    f"{BATCH} to a transaction": lambda database: _run(database, range(FLAGS), BATCH),
    f"{BIG_BATCH} to a transaction": lambda database: _run(database, range(FLAGS), BIG_BATCH),
    f"{BATCH} to a transaction, two processes": _two_writers,
}
