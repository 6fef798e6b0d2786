"""The engine killed at random moments must leave the database as if nothing had happened."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Column, Table, select

import api.tables  # noqa: F401  declares every room's tables
from infra import outbox
from infra.database import Database, metadata
from infra.settings import Settings
from streams import log
from streams.embedded import Progress
from streams.events import encode
from streams.publish import publish
from tests.conftest import NOON
from tests.services import database_for
from tests.streams import engine_process
from tests.streams.context import lines_around_flags
from tests.streams.fakes import BOOM, complaint, listing, utterance

ROOT = Path(__file__).parents[2]
KILLS = 24
UTTERANCES = 4000
ROOMS = 6
RUNS_AT_MOST = 200


def say(number: int) -> str:
    """Mostly harmless words; now and then a claim, soon taken back, a contradiction, or words that break the detector."""
    special = {7: "这个木耳能治三高", 9: "刚才口误了，不能这么说", 31: "正宗五常大米", 53: f"手机{BOOM}"}
    return special.get(number % 60, f"第{number}句，今天给大家看看新米")


def fill(database: Database) -> None:
    """Put a busy day on the log: all topics, bad events among good ones, an event sent twice, an outbox event."""
    said = [
        utterance(
            n // ROOMS, say(n // ROOMS), id=f"u-{n}", room=f"r{n % ROOMS}", listing="l-1" if n % 40 == 0 else None
        )
        for n in range(UTTERANCES)
    ]
    decision = {"subject": "host:yunjian:h1", "outcome": "confirmed", "code": "MEDICAL", "severity": "S3"}
    with database.write() as connection:
        publish(connection, "listings", [listing(), listing(id="l-2", title="能治失眠的枕头")], at=NOON)
        publish(connection, "complaints", [complaint(id=f"c-{n}") for n in range(60)], at=NOON)
        for begin in range(0, UTTERANCES, 50):
            publish(connection, "transcripts", said[begin : begin + 50], at=NOON)
            mixed = b"[" + encode(said[begin]) + b',{"id":"broken"}]'
            log.append(connection, "transcripts", "yunjian/r0", mixed, NOON)
        for n in range(40):
            event = {"id": f"d-{n}", "flag": f"f-{n}", "decided_at": NOON, **decision}
            outbox.append(connection, event_id=f"d-{n}", topic="decisions", key="h1", event=event, due=NOON)


def settings_for(data_dir: Path) -> Settings:
    return Settings(data_dir=data_dir, database_url=database_for(data_dir))


def content(data_dir: Path) -> dict[str, list[Any]]:
    """Every row of every table."""
    database = Database(settings_for(data_dir).database)
    with database.read() as connection:
        tables = {table.name: connection.execute(select(*_facts(table))).all() for table in metadata.sorted_tables}
        around = lines_around_flags(connection)
    database.close()
    return {name: sorted(map(repr, rows)) for name, rows in tables.items()} | {"flag_contexts": around}


def _facts(table: Table) -> list[Column[Any]]:
    """The columns without row numbers: PostgreSQL never gives one back that a killed transaction had taken."""
    return [column for column in table.columns if column.autoincrement is not True]


def start(data_dir: Path) -> subprocess.Popen[str]:
    """The engine in a process of its own, past its imports."""
    command = [sys.executable, "-m", engine_process.__name__, str(data_dir)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def watch(process: subprocess.Popen[str], *, steps: int) -> None:
    """Wait until the engine has made so many steps, or is done."""
    assert process.stdout is not None
    for _ in range(steps):
        if process.stdout.readline() != "step\n":
            return


def finish(process: subprocess.Popen[str]) -> int:
    """Wait for the process, then close its pipe."""
    status = process.wait(timeout=60)
    assert process.stdout is not None
    process.stdout.close()
    return status


@pytest.mark.slow
def test_an_engine_killed_at_random_moments_leaves_the_same_database_as_an_undisturbed_one(tmp_path: Path) -> None:
    calm, stormy = tmp_path / "calm", tmp_path / "stormy"
    for folder in (calm, stormy):
        database = Database(settings_for(folder).database)
        metadata.create_all(database.engine)
        fill(database)
        database.close()
    begun = time.monotonic()
    steps: list[Progress] = []
    engine, database = engine_process.runner(calm)
    engine.run_until_idle(steps.append)
    database.close()
    step = (time.monotonic() - begun) / len(steps)

    chance, kills, half_done = random.Random(117), 0, 0
    for _ in range(RUNS_AT_MOST):
        process = start(stormy)
        # Counted in steps, not seconds, so that it is killed all over the day however fast the machine happens to be.
        watch(process, steps=chance.randint(0, len(steps) * 3 // (KILLS * 2)))
        time.sleep(chance.uniform(0, step * 1.5))
        process.send_signal(signal.SIGKILL)
        if finish(process) == 0:
            break
        kills += 1
        half_done += offset(stormy) > 0
        if kills >= KILLS:
            process = start(stormy)
            assert finish(process) == 0
            break

    assert kills >= 20
    assert half_done >= 10, "the engine was hardly ever killed in the middle of its work"
    calm_rows, stormy_rows = content(calm), content(stormy)
    assert {name: len(rows) for name, rows in stormy_rows.items()} == {
        name: len(rows) for name, rows in calm_rows.items()
    }
    assert stormy_rows == calm_rows
    assert len(calm_rows["flags"]) > 50
    assert len(calm_rows["dead_letters"]) > 50
    assert len(calm_rows["ledger_entries"]) == 40


def offset(data_dir: Path) -> int:
    """How far the transcripts have been processed."""
    database = Database(settings_for(data_dir).database)
    with database.read() as connection:
        done = log.committed(connection, "pipeline", "transcripts")
    database.close()
    return done


def test_the_log_is_not_lost_with_the_process(tmp_path: Path) -> None:
    database = Database(settings_for(tmp_path).database)
    metadata.create_all(database.engine)
    with database.write() as connection:
        publish(connection, "complaints", [complaint()], at=NOON)
    database.close()
    again = Database(settings_for(tmp_path).database)
    with again.read() as connection:
        (record,) = log.read(connection, "complaints", log.BEGINNING)
    again.close()
    assert msgspec.json.decode(record.value)[0]["id"] == "c-1"
