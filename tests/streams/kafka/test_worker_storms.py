"""Workers that are killed, join and leave under load must leave the database as if nothing had happened."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from streams.events import Event
from tests.streams import worker_process
from tests.streams.fakes import BOOM, complaint, listing, utterance
from tests.streams.kafka_world import KafkaWorld
from tests.streams.test_engine_contract import alike
from tests.streams.world import EmbeddedWorld, array

ROOT = Path(__file__).parents[3]
pytestmark = [pytest.mark.services, pytest.mark.slow]

ROOMS, PER_RECORD = 8, 20
ROUND = ROOMS * PER_RECORD
KILLS = 6
UTTERANCES = ROUND * 6 * (KILLS + 1)
PATIENCE_SECONDS = 180


def say(number: int) -> str:
    """Mostly harmless words; now and then a claim, soon taken back, a contradiction, or words that break the detector."""
    special = {7: "这个木耳能治三高", 9: "刚才口误了，不能这么说", 31: "正宗五常大米", 53: f"手机{BOOM}"}
    return special.get(number % 60, f"第{number}句，今天给大家看看新米")


def fill(world: EmbeddedWorld, first: int, last: int) -> None:
    """Part of a busy day: utterances of many rooms, one of them bad in every record."""
    for begin in range(first, last, ROUND):
        for room in range(ROOMS):
            said: list[Event | bytes] = [
                utterance(
                    n // ROOMS, say(n // ROOMS), id=f"u-{n}", room=f"r{room}", listing="l-1" if n % 40 == 0 else None
                )
                for n in range(begin + room, min(begin + ROUND, last), ROOMS)
            ]
            raw = array(*said, b'{"id":"broken"}')
            if isinstance(world, KafkaWorld):
                world.send("transcripts", f"yunjian/r{room}", raw)
            else:
                world.put_raw("transcripts", raw)


def others(world: EmbeddedWorld) -> None:
    world.put("listings", listing(), listing(id="l-2", title="能治失眠的枕头"))
    world.put("complaints", *(complaint(id=f"c-{n}") for n in range(60)))


@pytest.fixture
def stormy(kafka_url: str, unique_name: str, tmp_path: Path) -> Iterator[KafkaWorld]:
    world = KafkaWorld(tmp_path / "stormy", broker_url=kafka_url, name=unique_name, partitions=4)
    yield world
    world.close()


def calm_effects(folder: Path) -> dict[str, list[str]]:
    """What an undisturbed embedded engine makes of the same day."""
    calm = EmbeddedWorld(folder / "calm")
    others(calm)
    fill(calm, 0, UTTERANCES)
    calm.run()
    effects = alike(calm)
    calm.close()
    return effects


@contextmanager
def workers(world: KafkaWorld) -> Iterator[list[subprocess.Popen[bytes]]]:
    """A list to which workers are added with ``start``; those that still run at the end are killed."""
    running: list[subprocess.Popen[bytes]] = []
    try:
        yield running
    finally:
        for process in running:
            process.kill()
            process.wait()


def start(world: KafkaWorld) -> subprocess.Popen[bytes]:
    given = world.settings
    place = [str(given.data_dir), given.database, given.broker_url, given.broker_prefix]
    command = [sys.executable, "-m", worker_process.__name__, *place]
    given.data_dir.mkdir(parents=True, exist_ok=True)
    with (given.data_dir / "workers.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, stderr=log, stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout as ready:
        assert ready.readline() == b"ready\n"
    return process


def stop(process: subprocess.Popen[bytes]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(timeout=60)


def freeze(process: subprocess.Popen[bytes], world: KafkaWorld) -> None:
    """Freeze a worker; on SQLite between two transactions: inside one it would hold the only write lock until it wakes."""
    while True:
        process.send_signal(signal.SIGSTOP)
        if not holds_locks(world):
            return
        process.send_signal(signal.SIGCONT)
        time.sleep(0.003)


def holds_locks(world: KafkaWorld) -> bool:
    """Whether another process is in the middle of a transaction that writes."""
    if world.database.is_server:
        return False  # the server itself ends the transaction of a worker that is silent for a session's length
    other = sqlite3.connect(world.settings.data_dir / "chengxin.db", timeout=0, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return True
    finally:
        other.close()
    return False


def wait_until_done(world: KafkaWorld) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while world.lag() and time.monotonic() < deadline:
        time.sleep(0.2)


def test_workers_killed_under_load_lose_nothing_and_double_nothing(stormy: KafkaWorld, tmp_path: Path) -> None:
    chance = random.Random(117)
    others(stormy)
    steps = [ROUND * 6 * n for n in range(KILLS + 2)]
    with workers(stormy) as running:
        running += [start(stormy), start(stormy)]
        for number in range(KILLS):
            fill(stormy, steps[number], steps[number + 1])
            before = stormy.lag()
            while stormy.lag() > before * chance.random():
                time.sleep(0.02)
            victim = running.pop(chance.randrange(len(running)))
            victim.kill()
            victim.wait()
            running.append(start(stormy))
        fill(stormy, steps[KILLS], steps[KILLS + 1])
        wait_until_done(stormy)
        assert [stop(process) for process in running] == [0, 0]
    assert stormy.lag() == 0
    assert alike(stormy) == calm_effects(tmp_path)


def test_workers_that_join_and_leave_share_the_work_and_double_nothing(stormy: KafkaWorld, tmp_path: Path) -> None:
    others(stormy)
    with workers(stormy) as running:
        for first, last in ((0, 14), (14, 28), (28, 42)):
            running.append(start(stormy))
            fill(stormy, ROUND * first, ROUND * last)
            before = stormy.lag()
            while stormy.lag() > before // 2:
                time.sleep(0.02)
        assert stop(running.pop(0)) == 0
        wait_until_done(stormy)
        assert [stop(process) for process in running] == [0, 0]
    assert stormy.lag() == 0
    assert alike(stormy) == calm_effects(tmp_path)


def test_a_worker_frozen_and_overtaken_writes_nothing_when_it_wakes(stormy: KafkaWorld, tmp_path: Path) -> None:
    others(stormy)
    fill(stormy, 0, ROUND * 21)
    with workers(stormy) as running:
        running += [start(stormy)]
        before = stormy.lag()
        while stormy.lag() > before * 3 // 4:
            time.sleep(0.02)
        freeze(running[0], stormy)
        running.append(start(stormy))
        fill(stormy, ROUND * 21, UTTERANCES)
        wait_until_done(stormy)
        running[0].send_signal(signal.SIGCONT)
        time.sleep(3)
        wait_until_done(stormy)
        assert [stop(process) for process in running] == [0, 0]
    assert alike(stormy) == calm_effects(tmp_path)
