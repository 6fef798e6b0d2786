"""Holds a storm against an undisturbed run of the same day."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from pprint import pformat

from streams import log
from streams.embedded import EmbeddedRunner
from streams.kafka.deadletters import read_buried
from streams.kafka.topics import dead_letters_of
from tests.chaos import effects
from tests.chaos.day import Sent
from tests.chaos.effects import Effects, RecordingSearch
from tests.chaos.world import World
from tests.conftest import NOON
from tests.streams.fakes import fake_handlers
from tests.streams.kafka import reading
from tests.streams.world import EmbeddedWorld


class CalmWorld(EmbeddedWorld):
    """The embedded engine, with an index that keeps what it is given, and nothing in its way."""

    def __init__(self, folder: Path, **changes: object) -> None:
        self.index = RecordingSearch()
        super().__init__(folder, search=self.index, **changes)

    def receive(self, records: Sequence[Sent]) -> None:
        with self.database.write() as connection:
            for one in records:
                log.append(connection, one.topic, one.key, one.value, NOON)

    def finish(self) -> None:
        EmbeddedRunner(self.database, fake_handlers(), self.index, self.clock, self.settings).run_until_idle()


def undisturbed(
    folder: Path,
    pieces: Sequence[Sequence[Sent]],
    decisions: Sequence[dict[str, object]],
    *,
    resent: bool,
    **changes: object,
) -> Effects:
    """What the same day comes to when nothing breaks. The first piece comes before all others."""
    from infra import outbox

    calm = CalmWorld(folder, **changes)
    calm.receive(pieces[0])
    calm.finish()
    with calm.database.write() as connection:
        for event in decisions:
            outbox.append(
                connection,
                event_id=str(event["id"]),
                topic="decisions",
                key=str(event["subject"]),
                event=event,
                due=NOON,
            )
    for piece in pieces[1:]:
        calm.receive(piece)
    calm.finish()
    result = effects.stored(calm.database, resent=resent) | {"documents": calm.index.found()}
    calm.close()
    return result


def left_by(world: World, *, resent: bool) -> Effects:
    """What is there after the storm."""
    with world.search_client() as client:
        documents = effects.indexed(client, world.name)
    return effects.stored(world.database, resent=resent) | {"documents": documents}


def require_same(
    world: World,
    folder: Path,
    pieces: Sequence[Sequence[Sent]],
    decisions: Sequence[dict[str, object]],
    *,
    resent: bool,
    **changes: object,
) -> Effects:
    """Nothing lost and nothing doubled; gives the effects. ``resent``: senders had to repeat themselves."""
    calm = undisturbed(folder / "calm", pieces, decisions, resent=resent, **changes)
    if difference := effects.difference(left_by(world, resent=resent), calm):
        raise AssertionError(pformat(difference, width=200))
    in_topics = {
        read_buried(record.headers, record.value).raw
        for topic in ("transcripts", "listings", "complaints")
        for record in reading.records(world.connection, dead_letters_of(topic))
    }
    in_database = {letter.raw for letter in _letters(world)}
    assert in_topics == in_database, (
        f"only in .dlq: {in_topics - in_database}, missing there: {in_database - in_topics}"
    )
    assert calm["flags"]
    assert calm["documents"]
    assert len(calm["ledger_entries"]) == len(decisions)
    return calm


def _letters(world: World) -> list[object]:
    from sqlalchemy import select

    from streams.tables import dead_letters

    with world.database.read() as connection:
        return list(connection.execute(select(dead_letters.c.raw)).all())
