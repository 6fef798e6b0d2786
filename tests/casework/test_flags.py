"""The queue of flags: gravest first, longest waiting next, paged by cursor; context and on-air corrections kept."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import select

from casework import flags
from casework.flags import Line
from casework.tables import flag_contexts
from infra.clock import FixedClock
from infra.database import Database
from infra.errors import InvalidInput
from tests.factories import SPOKEN_AT, finding, new_flag


def fill(database: Database, clock: FixedClock, severities: str) -> None:
    with database.write() as connection:
        for number, digit in enumerate(severities):
            new = new_flag(
                event_id=f"u-{number}",
                finding=finding(severity=f"S{digit}"),
                spoken_at=SPOKEN_AT + timedelta(minutes=number),
            )
            flags.raise_flag(connection, new, at=clock.now())


def test_the_queue_shows_the_gravest_first_and_then_the_longest_waiting(database: Database, clock: FixedClock) -> None:
    fill(database, clock, "13231")
    with database.read() as connection:
        shown = [(flag.severity, flag.event_id) for flag in flags.queue(connection).items]
    assert shown == [("S3", "u-1"), ("S3", "u-3"), ("S2", "u-2"), ("S1", "u-0"), ("S1", "u-4")]


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_pages_put_together_are_the_whole_queue(database: Database, clock: FixedClock, size: int) -> None:
    fill(database, clock, "13231")
    seen: list[str] = []
    cursor = None
    with database.read() as connection:
        whole = [flag.id for flag in flags.queue(connection).items]
        while True:
            page = flags.queue(connection, limit=size, after=cursor)
            seen += [flag.id for flag in page.items]
            cursor = page.next
            if cursor is None:
                break
    assert seen == whole


def test_filters_narrow_the_queue(database: Database, clock: FixedClock) -> None:
    fill(database, clock, "13231")
    with database.read() as connection:
        assert len(flags.queue(connection, severity="S3").items) == 2
        assert flags.queue(connection, status="confirmed").items == ()
        assert len(flags.queue(connection, subject="operator:yunjian:o1").items) == 5
        assert flags.counts(connection)["severity"] == {"S1": 2, "S2": 1, "S3": 2}


def test_a_made_up_cursor_is_refused(database: Database) -> None:
    with pytest.raises(InvalidInput, match="翻页标记"), database.read() as connection:
        flags.queue(connection, after="garbage")


def test_context_is_kept_once_and_in_order(database: Database, clock: FixedClock) -> None:
    new = new_flag()
    lines = [Line(f"u-{n}", SPOKEN_AT + timedelta(seconds=n), None, "host", f"第{n}句") for n in (2, 1)]
    with database.write() as connection:
        flags.raise_flag(connection, new, at=clock.now())
        for some in (lines, lines, lines[:1]):
            flags.add_context(connection, flag=new.id, lines=some)
        context = flags.get(connection, id=new.id).context
        assert len(connection.execute(select(flag_contexts)).all()) == 2, (
            "what came twice in the same company is kept once"
        )
        flags.add_context(connection, flag=new.id, lines=[msgspec.structs.replace(lines[0], text="改过的第2句")])
        later = flags.get(connection, id=new.id).context
    assert [line.text for line in context] == ["第1句", "第2句"]
    assert [line.text for line in later] == ["第1句", "改过的第2句", "第2句"], "nothing replaces what was stored"
    assert context[0].start == SPOKEN_AT + timedelta(seconds=1)
    assert (context[0].start.utcoffset(), context[0].end) == (timedelta(0), None)


def test_a_correction_on_air_is_noted_and_leaves_the_decision_to_the_officer(
    database: Database, clock: FixedClock
) -> None:
    new = new_flag()
    with database.write() as connection:
        flags.raise_flag(connection, new, at=clock.now())
        for text in ("刚才口误，这米不能治病", "后来的另一句"):
            flags.mark_self_corrected(connection, flag=new.id, by_event="u-9", text=text, at=clock.now())
        flag = flags.get(connection, id=new.id).flag
    assert (flag.machine_status, flag.status) == ("corrected", "open")
    assert flag.correction is not None
    assert flag.correction["text"] == "刚才口误，这米不能治病"


def test_neighbours_walk_the_queue_in_both_directions(database: Database, clock: FixedClock) -> None:
    fill(database, clock, "13231")
    with database.read() as connection:
        walk = flags.queue(connection).items
        ids = [None, *(flag.id for flag in walk), None]
        for place, flag in enumerate(walk, start=1):
            assert flags.neighbours(connection, flag=flag) == (ids[place - 1], ids[place + 1])
        assert flags.neighbours(connection, flag=walk[1], severity="S3") == (walk[0].id, None)
