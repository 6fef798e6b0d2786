"""Any part killed at random moments under load: nothing lost, nothing doubled, and the rest catches up by itself."""

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

PAUSE = 0.5 if FULL else 0.2
"""Seconds between two pieces of the day: the full set goes on for so long that it would otherwise drown in events."""
KILLS = {"worker": (2, 30), "api": (2, 25), "broker": (1, 16), "search": (1, 12), "database": (2, 22)}
"""How often each is killed: in the set that runs with every change, and in the full one."""


@pytest.mark.parametrize("victim", KILLS)
def test_nothing_is_lost_or_doubled_when_it_is_killed_again_and_again(
    victim: str, make_world: Callable[..., World], tmp_path: Path, chance: Random, tally: Tally
) -> None:
    kills = KILLS[victim][FULL]
    world = make_world()
    api, *workers = world.node("serve"), world.node("worker"), world.node("worker")
    api.wait_ready()
    door = ApiDoor(api.address, world.key, KafkaDoor(world.connection))
    first = day.before()
    door(first)
    world.catch_up()
    decisions = [day.decision(n) for n in range(kills * 2)]
    with Load(door, pause=PAUSE, broken=True) as load:
        for number in range(kills):
            world.decide(decisions[number * 2 : number * 2 + 2])
            world.wait_for_progress(chance.randint(5, 60))
            time.sleep(chance.uniform(0, 0.3))
            strike(world, victim, chance)
            tally.kills += 1
        world.wait_for_progress(30)
    waited, seconds = world.catch_up()
    tally.tell(
        f"{victim}: {kills} kills, {len(load.sent) * day.ROUND} utterances, {door.resent} refused and sent again, "
        f"{world.restarted} ended by themselves and started again, caught up {waited} records in {seconds:.1f} s"
    )
    for node in (api, *workers):
        node.wait_ready()
        assert node.stop() == 0
    effects = require_same(world, tmp_path, [first, *load.sent], decisions, resent=door.resent > 0)
    assert effects["dead_letters"]
    door.close()


def strike(world: World, victim: str, chance: Random) -> None:
    """Kill it, leave it dead for a moment, and start it again."""
    api, *workers = world.nodes
    if victim in ("api", "worker"):
        node = api if victim == "api" else chance.choice(workers)
        node.kill()
        time.sleep(chance.uniform(0, 1))
        node.start()
        node.wait_ready()
        return
    server = {"broker": world.servers.kafka, "search": world.servers.elasticsearch, "database": world.servers.postgres}[
        victim
    ]
    server.kill()
    time.sleep(chance.uniform(0, 2))
    server.start()
    server.wait_ready(120)
