"""Workers that are set up wrongly, exchanged under load, or given poison."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from infra.local.server import free_port
from streams.events import encode
from tests.chaos import day
from tests.chaos.conftest import FULL, Tally
from tests.chaos.day import Sent
from tests.chaos.doors import KafkaDoor, Load
from tests.chaos.judging import require_same
from tests.chaos.world import World
from tests.streams.fakes import BOOM, utterance

pytestmark = [pytest.mark.services, pytest.mark.chaos, pytest.mark.slow]

ROUNDS_OF_RESTARTS = 5 if FULL else 1
ROUNDS_OF_TWINS = 4 if FULL else 1


def begun(world: World) -> tuple[KafkaDoor, list[Sent]]:
    """A relay and two workers, and what comes before the load."""
    world.node("serve").wait_ready()
    world.node("worker")
    world.node("worker")
    door, first = KafkaDoor(world.connection), day.before()
    door(first)
    world.catch_up()
    return door, first


def judge(world: World, folder: Path, pieces: list[list[Sent]], what: str, tally: Tally, **changes: object) -> None:
    decisions = [day.decision(n) for n in range(5)]
    world.decide(decisions)
    waited, seconds = world.catch_up()
    tally.tell(f"{what}: {sum(map(len, pieces))} records, caught up {waited} in {seconds:.1f} s")
    for node in world.nodes:
        node.wait_ready()  # one that has just been started again does not know yet how to end in good order
    assert [node.stop() for node in world.nodes] == [0] * len(world.nodes)
    require_same(world, folder, pieces, decisions, resent=False, **changes)


def test_workers_exchanged_one_after_the_other_under_load(
    make_world: Callable[..., World], tmp_path: Path, tally: Tally
) -> None:
    world = make_world()
    door, first = begun(world)
    with Load(door, pause=0.2, broken=True) as load:
        for _ in range(ROUNDS_OF_RESTARTS):
            for worker in world.nodes[1:]:
                world.wait_for_progress(30)
                assert worker.stop() == 0
                worker.start()
                worker.wait_ready("/readyz")
    assert door.resent == 0
    judge(world, tmp_path, [first, *load.sent], f"rolling restart, {ROUNDS_OF_RESTARTS} rounds", tally)
    door.close()


def test_two_workers_with_the_same_data_folder_name_and_port_do_not_get_in_each_others_way(
    make_world: Callable[..., World], tmp_path: Path, chance: Random, tally: Tally
) -> None:
    """All nodes share one data folder already; these also claim one port, and copies of one run start at one moment."""
    world = make_world()
    door, first = begun(world)
    twin = world.node("worker")
    twin.kill()
    twin.port = world.nodes[1].port
    twin.start()
    assert twin.process is not None
    assert twin.process.wait(timeout=60) != 0, "a second worker on the same port must say so and end"
    assert "CHENGXIN_WORKER_PORT" in twin.told()
    twin.port = free_port()
    with Load(door, pause=0.2, broken=True) as load:
        for _ in range(ROUNDS_OF_TWINS):
            world.wait_for_progress(chance.randint(10, 40))
            for node in (world.nodes[1], twin):
                node.kill()
                tally.kills += 1
            for node in (world.nodes[1], twin):
                node.start()
        world.wait_for_progress(30)
    assert door.resent == 0
    judge(world, tmp_path, [first, *load.sent], "twins killed and started together", tally)
    door.close()


def test_poison_of_every_kind_among_good_ones_while_workers_die(
    make_world: Callable[..., World], tmp_path: Path, chance: Random, tally: Tally
) -> None:
    world = make_world(dead_letter_limit=1.0)
    door, first = begun(world)
    poison = [Sent("transcripts", f"yunjian/p{n}", value, raw=True) for n, value in enumerate(poisons())]
    with Load(door, pause=0.2, broken=True) as load:
        for some in (poison[::2], poison[1::2]):
            door(some)
            world.wait_for_progress(chance.randint(5, 20))
            victim = chance.choice(world.nodes[1:])
            victim.kill()
            tally.kills += 1
            victim.start()
        world.wait_for_progress(30)
    assert door.resent == 0
    judge(world, tmp_path, [first, *load.sent, poison], "poison", tally, dead_letter_limit=1.0)
    door.close()


def poisons() -> list[bytes]:
    """Records that no decent program writes; where there is room, with a good event beside."""
    good = encode(utterance(1, "这个木耳能治三高", id="beside", room="p"))
    beside = [
        b"{}", b"5", b"null", b'"text"', b'{"id":"\\u0000"}', good.replace(b'"text":"', b'"text":"\\ud800'),
        good.replace(b'"id":"beside"', b'"id":7'), encode(utterance(2, BOOM, id="boom", room="p")),
        b'{"id":' + b"[" * 900 + b"]" * 900 + b"}",
    ]  # fmt: skip
    rooms = [
        b'"room":"p%d"' % n for n in range(len(beside))
    ]  # each in the room its key names, so that order is no matter
    named = [good.replace(b"beside", b"beside-%d" % n) for n in range(len(beside))]
    mixed = [
        (b"[" + one + b"," + bad + b"]").replace(b'"room":"p"', room)
        for one, bad, room in zip(named, beside, rooms, strict=True)
    ]
    whole = [
        b"",
        b" ",
        b"<xml/>",
        b"\xff\xfe\x00",
        b"[",
        good[:-1],
        b"[" * 5000,
        b"[]",
        b"[[]]",
        b"0" * 5000,
        b"\x00" * 300,
    ]
    return [*mixed, *whole]
