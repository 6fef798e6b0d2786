"""The sample day is what its description promises, and is loaded once however often it is asked for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import select

from casework import tables as casework
from infra.clock import FixedClock
from infra.database import Database
from infra.errors import ConfigurationError
from streams import log
from streams.events import TOPICS, Complaint, Event, Listing, Utterance, decode_record
from streams.sampleday import SAMPLE_DAY, load_sample_day
from tests.streams.world import EmbeddedWorld


def events(database: Database) -> list[Event]:
    with database.read() as connection:
        records = [r for topic in TOPICS for r in log.read(connection, topic, log.BEGINNING)]
    decoded = [decode_record(record.topic, record.value, now=record.at) for record in records]
    assert not any(one.bad for one in decoded)
    return [event for one in decoded for _, event in one.events]


def test_the_day_has_rooms_platforms_listings_and_complaints_enough(database: Database, clock: FixedClock) -> None:
    number = load_sample_day(database, clock=clock)
    day = events(database)
    assert len(day) == number
    said = [event for event in day if isinstance(event, Utterance)]
    assert len(said) >= 600
    assert len({(event.platform, event.room) for event in said}) >= 4
    assert len({event.platform for event in said}) >= 3
    assert sum(isinstance(event, Listing) for event in day) >= 60
    assert sum(isinstance(event, Complaint) for event in day) >= 15
    ids = [(type(event), event.platform, event.id) for event in day if not isinstance(event, Listing)]
    assert len(ids) == len(set(ids))


def test_the_day_is_loaded_once(database: Database, clock: FixedClock) -> None:
    assert load_sample_day(database, clock=clock) > 0
    before = events(database)
    assert load_sample_day(database, clock=clock) == 0
    assert events(database) == before


def test_everybody_of_the_day_has_a_name(database: Database, clock: FixedClock) -> None:
    load_sample_day(database, clock=clock)
    hosts = {f"host:{event.platform}:{event.host}" for event in events(database) if isinstance(event, Utterance)}
    with database.read() as connection:
        names = dict(connection.execute(select(casework.subjects.c.id, casework.subjects.c.name)).all())
    assert hosts <= set(names)
    assert all(names[host] not in ("", host) for host in hosts)


def test_running_the_day_twice_changes_nothing_further(tmp_path: Path) -> None:
    world = EmbeddedWorld(tmp_path)
    load_sample_day(world.database, clock=world.clock)
    done = world.run()
    assert done.bad == 0
    counted = {table: len(world.rows(table)) for table in (casework.flags, casework.listings, casework.complaints)}
    with world.database.write() as connection:
        for topic in TOPICS:
            log.commit(connection, "pipeline", topic, log.BEGINNING)
    again = world.run()
    assert (again.events, again.flags) == (done.events, 0)
    assert {table: len(world.rows(table)) for table in counted} == counted
    world.close()


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("manifest.yaml", "rooms: 3", "manifest.yaml"),
        ("manifest.yaml", "{", "manifest.yaml"),
        ("complaints.jsonl", '{"id": "c-1"}', "complaints.jsonl 第 1 行"),
    ],
)
def test_a_day_that_is_not_whole_is_refused_whole(
    database: Database, clock: FixedClock, tmp_path: Path, file: str, content: str, message: str
) -> None:
    shutil.copytree(SAMPLE_DAY, tmp_path / "day")
    (tmp_path / "day" / file).write_text(content)
    with pytest.raises(ConfigurationError, match=message):
        load_sample_day(database, clock=clock, root=tmp_path / "day")
    with pytest.raises(ConfigurationError, match="找不到样例日目录"):
        load_sample_day(database, clock=clock, root=tmp_path / "nowhere")
    assert events(database) == []
