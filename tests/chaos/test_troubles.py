"""What servers do short of dying: standing still, being full, going away for maintenance; and a clock that jumps."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.chaos import day
from tests.chaos.conftest import FULL, Tally
from tests.chaos.doors import ApiDoor, KafkaDoor, Load
from tests.chaos.judging import require_same
from tests.chaos.world import World

pytestmark = [pytest.mark.services, pytest.mark.chaos, pytest.mark.slow]

PAUSE_SECONDS = 60 if FULL else 15
HOUR = 3600.0
JUMPS = (5 * HOUR, -3 * HOUR, 0.0) * (4 if FULL else 1)
DECISIONS = 12


class Busy:
    """An installation under load, and what has to be the same at the end."""

    def __init__(self, world: World, folder: Path, tally: Tally) -> None:
        self.world, self.folder, self.tally = world, folder, tally
        api = world.node("serve")
        for _ in range(2):
            world.node("worker")
        api.wait_ready()
        self.door = ApiDoor(api.address, world.key, KafkaDoor(world.connection))
        self.first, self.decisions = day.before(), [day.decision(n) for n in range(DECISIONS)]
        self.door(self.first)
        world.catch_up()
        self.load = Load(self.door, pause=0.2, broken=True)

    def decide(self, share: float) -> None:
        """This share of the decisions; those that were there before come a second time, as from a relay that was killed."""
        self.world.decide(self.decisions[: round(DECISIONS * share)])

    def end(self, what: str) -> None:
        """Let everything catch up and hold it against an undisturbed run."""
        self.decide(1)
        waited, seconds = self.world.catch_up()
        self.tally.tell(
            f"{what}: {len(self.load.sent) * day.ROUND} utterances, {self.door.resent} refused and sent again, "
            f"{self.world.restarted} ended by themselves and started again, caught up {waited} records in {seconds:.1f} s"
        )
        for node in self.world.nodes:
            node.wait_ready()
        assert [node.stop() for node in self.world.nodes] == [0] * len(self.world.nodes)
        require_same(
            self.world, self.folder, [self.first, *self.load.sent], self.decisions, resent=self.door.resent > 0
        )
        self.door.close()


@pytest.fixture
def busy(make_world: Callable[..., World], tmp_path: Path, tally: Tally) -> Busy:
    return Busy(make_world(), tmp_path, tally)


def test_a_broker_that_stands_still_is_waited_for(busy: Busy) -> None:
    kafka = busy.world.servers.kafka
    with busy.load:
        busy.world.wait_for_progress(50)
        kafka.pause()
        busy.decide(0.5)
        time.sleep(PAUSE_SECONDS)
        kafka.resume()
        busy.world.wait_for_progress(50)
    busy.end(f"broker paused for {PAUSE_SECONDS} s")


def test_a_full_search_server_holds_up_nothing_and_gets_everything_later(busy: Busy) -> None:
    world = busy.world
    with world.search_client() as client, busy.load:
        world.wait_for_progress(50)
        client.indices.put_settings(index=f"{world.name}-*", settings={"index.blocks.read_only_allow_delete": True})
        busy.decide(0.5)
        before = world.stored()
        world.wait_for_progress(200, seconds=60)
        assert world.stored() > before, "nothing was handled while search was full"
        assert world.pending().get("search", 0) > 0
        client.indices.put_settings(index=f"{world.name}-*", settings={"index.blocks.read_only_allow_delete": None})
    busy.end("search full")


def test_a_database_that_is_restarted_is_waited_for(busy: Busy, chance: Random) -> None:
    postgres = busy.world.servers.postgres
    with busy.load:
        for share in (0.3, 0.6):
            busy.world.wait_for_progress(50)
            postgres.stop()
            time.sleep(chance.uniform(1, 3))
            postgres.start()
            postgres.wait_ready()
            busy.decide(share)
        busy.world.wait_for_progress(50)
    busy.end("database restarted twice")


def test_a_clock_that_jumps_forth_and_back_delays_and_doubles_nothing(busy: Busy, chance: Random, tally: Tally) -> None:
    world = busy.world
    with busy.load:
        for number, jump in enumerate(JUMPS):
            world.wait_for_progress(chance.randint(20, 60))
            world.jump(jump)
            busy.decide((number + 1) / len(JUMPS))
            # Who dies holding something "until" a time that never comes must not keep it.
            node = chance.choice(world.nodes)
            node.kill()
            tally.kills += 1
            node.start()
            node.wait_ready()
        world.wait_for_progress(30)
    busy.end(f"clock jumped {len(JUMPS)} times")
