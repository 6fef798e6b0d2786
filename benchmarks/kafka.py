"""Through a real Kafka and Faust to stored flags: how many utterances a second, where the time goes, how late a flag is.

The baseline in the same run is the Faust agent one would write first: one event to a record and to a transaction, ``jieba.lcut``,
a regex and scikit-learn for each. Broker, database, workers and load share one machine. Needs TEST_BROKER_URL (``kafka://…``),
and takes PostgreSQL when TEST_DATABASE_URL names a server. ``BENCH_QUICK=1`` measures a tenth, to see that it works.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from statistics import quantiles
from typing import Any

from kafka import TopicPartition
from kafka.admin import OffsetSpec
from sqlalchemy import func, select

from benchmarks import kafka_process
from benchmarks.day import texts, utterance
from benchmarks.kafka_load import PARTITIONS, PER_RECORD, place, records
from casework.tables import flags
from infra.database import Database
from infra.settings import Settings
from streams.events import encode
from streams.kafka import partitions
from streams.kafka.cluster import administration
from streams.kafka.connection import Connection
from streams.kafka.producer import make_producer

QUICK = bool(os.environ.get("BENCH_QUICK"))
TENTH = 10 if QUICK else 1
TOPIC = kafka_process.TOPIC
BATCH = int(os.environ.get("BENCH_BATCH", "2000"))
ARRAYS, SINGLES, NAIVE = 480_000 // TENTH, 60_000 // TENTH, 4_000 // TENTH
RATES, SECONDS = (1_000, 5_000, 20_000), 20 // (4 if QUICK else 1)
TICK = 0.05
WARMING = 5.0
QUIET = 5.0
WORKERS = (1, 2, 3)
PATIENCE = 300
OUTAGE_RATE, OUTAGE = 1_000, 3600 // TENTH
ROUNDS = 1 if QUICK else 3


def main() -> None:
    """Print one JSON line per measurement."""
    broker = os.environ.get("TEST_BROKER_URL", "")
    if not broker:
        print("跳过：没有 Kafka。请先 make services-up，再设 TEST_BROKER_URL=kafka://主机:端口")
        return
    database = os.environ.get("TEST_DATABASE_URL", "")
    said = texts(100_000)
    only = os.environ.get("BENCH_ONLY", "").split(",") if os.environ.get("BENCH_ONLY") else None
    with tempfile.TemporaryDirectory() as folder:
        at = (Path(folder), broker, database)
        parts: dict[str, Callable[[], None]] = {
            "throughput": lambda: _throughputs(at, said),
            "latency": lambda: _latencies(at, said),
            "workers": lambda: _several(at, said),
            "outage": lambda: _print(_outage(at, said)),
        }
        for name, part in parts.items():
            if only is None or name in only:
                part()


At = tuple[Path, str, str]


def _throughputs(at: At, said: Sequence[str]) -> None:
    arrays = [_drain(at, said, ARRAYS, per_record=PER_RECORD) for _ in range(ROUNDS)]
    ours = sorted(arrays, key=lambda line: float(line["utterances_per_second"]))[ROUNDS // 2]
    _print(ours)
    single = _drain(at, said, SINGLES, per_record=1)
    _print(single)
    naive = _drain_naive(at, said, NAIVE)
    _print(naive)
    rate = naive["utterances_per_second"]
    ratios = {"arrays": round(ours["utterances_per_second"] / rate, 1)}
    ratios["singles"] = round(single["utterances_per_second"] / rate, 1)
    _print({"ratio_to_baseline": ratios, "ours": f"median of {ROUNDS}"})


def _drain(at: At, said: Sequence[str], events: int, *, per_record: int, workers: int = 1) -> dict[str, Any]:
    """Fill the topic, start workers, and time from the moment all of them are at work to the last stored record.

    What the first ones have done until then does not count.
    """
    with place(*at, batch_size=BATCH) as (settings, connection, database):
        ends = _fill(connection, records(0, events, said, per_record=per_record))
        with _processes("kafka_process", settings, workers) as running:
            early, seconds = _watch(database, ends)
            told = [_end(process) for process in running]
        rate, spent = (events - early * per_record) / seconds, _added(told)
        raised = _count(database)
        line: dict[str, Any] = {
            "way": f"arrays of {per_record}" if per_record > 1 else "single events",
            "workers": workers,
            "database": database.engine.dialect.name,
            "utterances": events,
            "utterances_per_second": round(rate),
            "flags": raised,
            "flag_share": round(raised / events, 4),
            "events_per_batch": told[0]["batch"],
            "cpu_share": round(sum(spent.values()) / events * rate / workers, 2),
            "cpu_microseconds_per_utterance": {stage: round(value / events * 1e6, 2) for stage, value in spent.items()},
        }
        return line


def _added(told: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Seconds of computing by stage, of all workers together: other programs on the machine do not show in them."""
    stages: dict[str, float] = {}
    for one in told:
        for stage, value in one["stages"].items():
            stages[stage] = stages.get(stage, 0.0) + value
    handle, classify = stages.pop("handle", 0.0), stages.get("classify", 0.0)
    stages["fold"] = handle - classify
    cpu = sum(float(one["cpu"]) for one in told)
    stages["fetch and the rest"] = cpu - sum(stages.values())
    return stages


def _drain_naive(at: At, said: Sequence[str], events: int) -> dict[str, Any]:
    with place(*at) as (settings, connection, database):
        _fill(connection, records(0, events, said, per_record=1))
        with _processes("kafka_naive", settings, 1) as (process,):
            first = last = _line(process)
            while last["seen"] < events * 9 // 10:
                last = _line(process)
        rate = (last["seen"] - first["seen"]) / (last["at"] - first["at"])
        return {
            "way": "one by one (baseline)",
            "database": database.engine.dialect.name,
            "utterances": last["seen"],
            "utterances_per_second": round(rate),
            "flags": _count(database),
        }


def _latencies(at: At, said: Sequence[str]) -> None:
    for rate in RATES:
        with (
            place(*at, batch_size=BATCH) as (settings, connection, database),
            _processes("kafka_process", settings, 1) as running,
        ):
            _print(_latency(connection, database, said, rate))
            _end(running[0])


def _latency(connection: Connection, database: Database, said: Sequence[str], rate: int) -> dict[str, Any]:
    """Send at a steady rate, each room's utterances of a tick together, and watch the flags come up."""
    sent: dict[str, float] = {}
    seen: dict[str, float] = {}
    stop = threading.Event()
    watcher = threading.Thread(target=_see_flags, args=(database, seen, stop))
    watcher.start()
    late = _send_steadily(connection, said, rate, sent, warming=WARMING)
    ended, seconds = time.time(), _until_quiet(database)
    stop.set()
    watcher.join()
    delays = sorted(seen[event] - sent[event] for event in seen if event in sent)
    cuts = quantiles(delays, n=100, method="inclusive")
    return {
        "latency": "sent → flag visible",
        "database": database.engine.dialect.name,
        "utterances_per_second": rate,
        "seconds": SECONDS,
        "flags": len(delays),
        "milliseconds": {name: round(cuts[n - 1] * 1000) for name, n in (("p50", 50), ("p95", 95), ("p99", 99))},
        "sender_late_milliseconds": round(late * 1000),
        "worked_off_seconds_after_the_end": round(max(0.0, seconds - ended), 1),
    }


def _send_steadily(
    connection: Connection,
    said: Sequence[str],
    rate: int,
    sent: dict[str, float],
    *,
    seconds: float = SECONDS,
    warming: float = 0.0,
    first: int = 0,
    stop: threading.Event | None = None,
) -> float:
    """Send the day from its ``first`` utterance on, until ``stop`` is set or the time is over.

    Returns how late the sender itself was at worst, in seconds. What is sent while ``warming`` is not noted in ``sent``.
    """
    producer = make_producer(connection)
    name, number, late = connection.topic(TOPIC), first, 0.0
    begun = time.time()
    for tick in range(int((warming + seconds) / TICK)):
        if stop is not None and stop.is_set():
            break
        due = begun + (tick + 1) * TICK
        events = [utterance(n, said) for n in range(number, first + int((tick + 1) * TICK * rate))]
        number += len(events)
        by_room: dict[str, list[bytes]] = {}
        for event in events:
            by_room.setdefault(event.room, []).append(encode(event))
        time.sleep(max(0.0, due - time.time()))
        late = max(late, time.time() - due)
        for room, encoded in by_room.items():
            producer.send(name, key=f"yunjian/{room}".encode(), value=b"[" + b",".join(encoded) + b"]")
        # Due when its tick ends: what the sender itself is late counts against us.
        if due - begun > warming:
            sent.update(dict.fromkeys((event.id for event in events), due))
    producer.flush()
    producer.close()
    return late


def _until_quiet(database: Database) -> float:
    """Wait until nothing has been stored for some seconds; when the last was."""
    last, since, deadline = _stored(database), time.time(), time.time() + PATIENCE
    while time.time() - since < QUIET and time.time() < deadline:
        time.sleep(0.1)
        now = _stored(database)
        if now != last:
            last, since = now, time.time()
    return since


def _see_flags(database: Database, seen: dict[str, float], stop: threading.Event) -> None:
    while not stop.wait(0.01):
        with database.read() as connection:
            found = connection.execute(select(flags.c.event_id)).scalars().all()
        now = time.time()
        for event in found:
            seen.setdefault(event, now)


def _several(at: At, said: Sequence[str]) -> None:
    for workers in WORKERS:
        _print(_drain(at, said, ARRAYS * 3, per_record=PER_RECORD, workers=workers))
    _print(_rebalance(at, said))


def _rebalance(at: At, said: Sequence[str]) -> dict[str, Any]:
    """A second worker joins under load, then the first one is killed: how long no record of any partition is stored."""
    pauses: dict[str, float] = {}
    with (
        place(*at, batch_size=BATCH, worker_session_seconds=10) as (settings, connection, database),
        _processes("kafka_process", settings, 1) as running,
    ):
        sender = threading.Thread(target=_send_steadily, args=(connection, said, 2_000, {}), kwargs={"seconds": 60})
        sender.start()
        time.sleep(3)
        with _processes("kafka_process", settings, 1, wait=False) as joining:
            pauses["second joins"] = _longest_pause(database, seconds=20)
            running[0].send_signal(signal.SIGKILL)
            pauses["first killed"] = _longest_pause(database, seconds=30)
            sender.join()
            joining[0].send_signal(signal.SIGTERM)
    return {
        "rebalance": "longest pause of a partition",
        "session_seconds": 10,
        "seconds": {name: round(value, 2) for name, value in pauses.items()},
    }


def _outage(at: At, said: Sequence[str]) -> dict[str, Any]:
    """Workers come back after an hour in which utterances went on coming in, and go on coming: when have they caught up?

    They have when fewer records wait than come in a second.
    """
    behind = OUTAGE_RATE * OUTAGE
    with place(*at, batch_size=BATCH) as (settings, connection, database), administration(connection) as admin:
        _fill(connection, records(0, behind, said, per_record=PER_RECORD))
        begun, stop = time.time(), threading.Event()
        more = {"first": behind, "seconds": PATIENCE, "stop": stop}
        sender = threading.Thread(target=_send_steadily, args=(connection, said, OUTAGE_RATE, {}), kwargs=more)
        sender.start()
        latest = {TopicPartition(connection.topic(TOPIC), n): OffsetSpec.LATEST for n in range(PARTITIONS)}

        def written() -> int:
            return sum(end.offset for end in admin.list_partition_offsets(latest).values())

        with _processes("kafka_process", settings, 2) as running:
            ready = time.time()
            while written() - sum(_stored(database).values()) >= OUTAGE_RATE:
                if time.time() > begun + PATIENCE:
                    raise TimeoutError(f"not caught up after {PATIENCE} seconds")
                time.sleep(0.2)
            caught_up = time.time()
            stop.set()
            sender.join()
            events = sum(_end(process)["events"] for process in running)
    return {
        "outage": f"{OUTAGE} s at {OUTAGE_RATE} utterances/s, which go on",
        "workers": 2,
        "utterances_behind": behind,
        "utterances_handled": events,
        "seconds_from_start_to_caught_up": round(caught_up - begun, 1),
        "of_which_starting": round(ready - begun, 1),
    }


def _longest_pause(database: Database, *, seconds: float) -> float:
    begun = time.time()
    moved: dict[int, tuple[int, float]] = {}
    longest = 0.0
    while time.time() - begun < seconds:
        now = time.time()
        for number, offset in _stored(database).items():
            before, since = moved.get(number, (-1, now))
            if offset != before:
                longest = max(longest, now - since)
                moved[number] = (offset, now)
        time.sleep(0.01)
    return max([longest, *(time.time() - since for _, since in moved.values())])


def _fill(connection: Connection, load: Iterator[tuple[bytes, bytes]]) -> dict[int, int]:
    """Put records on the topic; returns the end of each partition."""
    producer, ends = make_producer(connection), dict[int, int]()
    name = connection.topic(TOPIC)
    while some := list(islice(load, 1000)):
        for sent in [producer.send(name, key=key, value=value) for key, value in some]:
            done = sent.get(timeout=120)
            ends[done.partition] = max(ends.get(done.partition, 0), done.offset + 1)
    producer.close()
    return ends


def _watch(database: Database, ends: dict[int, int]) -> tuple[int, float]:
    """How many records are stored already, and the seconds until all are."""
    begun, early = time.time(), sum(_stored(database).values())
    deadline = begun + PATIENCE
    while time.time() < deadline:
        stored = _stored(database)
        if all(stored.get(number, 0) >= end for number, end in ends.items()):
            return early, time.time() - begun
        time.sleep(0.1)  # each look costs the database something
    raise TimeoutError(f"not done after {PATIENCE} seconds: {stored} of {ends}")


def _stored(database: Database) -> dict[int, int]:
    with database.read() as connection:
        return partitions.stored(connection, TOPIC)


def _count(database: Database) -> int:
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(flags)).scalar_one()


@contextmanager
def _processes(
    which: str, settings: Settings, count: int, *, wait: bool = True
) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that are past their imports and have been given their partitions; those left at the end are killed."""
    names = ("data_dir", "database_url", "broker_url", "broker_prefix", "batch_size", "worker_session_seconds")
    given = json.dumps({name: getattr(settings, name) for name in names}, default=str)
    command = [sys.executable, "-m", f"benchmarks.{which}", given]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    log = (settings.data_dir / "bench.log").open("ab")
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment) for _ in range(count)
    ]
    try:
        if wait:
            for process in running:
                _line(process)
        yield running
    finally:
        for process in running:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        log.close()


def _end(process: subprocess.Popen[str]) -> dict[str, Any]:
    process.send_signal(signal.SIGTERM)
    return _line(process)


def _line(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("{"):  # Faust has things to say of its own
            answer: dict[str, Any] = json.loads(line)
            return answer
    raise RuntimeError(f"the process ended with {process.wait()}")


def _print(*lines: dict[str, Any]) -> None:
    for line in lines:
        print(json.dumps(line, ensure_ascii=False), flush=True)
