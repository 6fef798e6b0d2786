"""Loads the sample day (``samples/day``) through the same sources as any file. All names in it are invented."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec
import yaml
from msgspec import Struct, field
from sqlalchemy import Connection

from casework import subjects
from casework.subjects import subject_id
from infra.clock import Clock
from infra.database import Database, insert_ignore
from infra.errors import ConfigurationError
from streams.events import Event
from streams.ingest import ingest
from streams.publish import publish
from streams.tables import handler_state

SAMPLE_DAY: Final = Path(__file__).parent.parent / "samples" / "day"
SCOPE: Final = "sample-day"


class Party(Struct, frozen=True):
    """Somebody with a platform-local id and a name."""

    id: str
    name: str
    platform: str = ""


class Room(Struct, frozen=True):
    """One livestream of the day."""

    id: str
    name: str
    platform: str
    session: str
    host: Party
    operator: Party
    start: datetime
    file: str
    category: str | None = None

    def fields(self) -> dict[str, object]:
        """What a subtitle file leaves out."""
        values = {"platform": self.platform, "room": self.id, "session": self.session, "host": self.host.id}
        return values | {"operator": self.operator.id, "start": self.start, "category": self.category}


class Manifest(Struct, frozen=True):
    """What belongs to the day."""

    platforms: tuple[Party, ...]
    rooms: tuple[Room, ...]
    listings: str
    complaints: str
    sellers: tuple[Party, ...] = field(default=())


def load_sample_day(database: Database, *, clock: Clock, root: Path = SAMPLE_DAY) -> int:
    """Put the whole day on the log, in one transaction; returns the number of events, or 0 when it was there already.

    Raises:
        ConfigurationError: a file is missing or a line of it is wrong.
    """
    if not root.is_dir():
        raise ConfigurationError(f"找不到样例日目录 {root}：样例只随源码提供，请在源码目录中运行")
    manifest = _manifest(root)
    batches = list(_read(root, manifest, clock))
    digest = hashlib.sha256(b"".join(p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file())).hexdigest()
    with database.write() as connection:
        mark = {"scope": SCOPE, "key": digest, "value": b""}
        if insert_ignore(connection, handler_state, [mark]) == 0:
            return 0
        _name_subjects(connection, manifest, clock.now())
        return sum(publish(connection, topic, events, at=clock.now()) for topic, events in batches)


def _manifest(root: Path) -> Manifest:
    path = root / "manifest.yaml"
    try:
        return msgspec.convert(yaml.safe_load(path.read_bytes()), Manifest)
    except (OSError, yaml.YAMLError, msgspec.MsgspecError) as error:
        raise ConfigurationError(f"样例日 {path.name}：{error}") from error


def _read(root: Path, manifest: Manifest, clock: Clock) -> Iterator[tuple[str, Sequence[Event]]]:
    yield "listings", _events(root / manifest.listings, "listings", {}, clock)
    yield "complaints", _events(root / manifest.complaints, "complaints", {}, clock)
    for room in manifest.rooms:
        defaults = room.fields() if room.file.endswith((".srt", ".vtt")) else {}
        yield "transcripts", _events(root / room.file, "transcripts", defaults, clock)


def _events(path: Path, topic: str, defaults: Mapping[str, object], clock: Clock) -> list[Event]:
    events: list[Event] = []
    with TemporaryDirectory() as folder:
        rejects = Path(folder) / "rejects.jsonl"
        report = ingest(
            [path],
            sink=lambda _topic, some: events.extend(some),
            reject_file=rejects,
            now=clock.now(),
            topic=topic,
            defaults={name: value for name, value in defaults.items() if value is not None},
        )
        if report.reject_file is not None:
            first = msgspec.json.decode(rejects.read_bytes().splitlines()[0])
            raise ConfigurationError(f"样例日 {path.name} 第 {first['line']} 行：{first['errors']}")
    return events


def _name_subjects(connection: Connection, manifest: Manifest, at: datetime) -> None:
    """The names people know: the wire carries ids only."""
    named = [(subject_id("platform", platform.id), platform.name) for platform in manifest.platforms]
    named += [(subject_id("seller", seller.platform, seller.id), seller.name) for seller in manifest.sellers]
    for room in manifest.rooms:
        named += [
            (subject_id("room", room.platform, room.id), room.name),
            (subject_id("host", room.platform, room.host.id), room.host.name),
            (subject_id("operator", room.platform, room.operator.id), room.operator.name),
        ]
    for identifier, name in named:
        subjects.ensure(connection, id=identifier, name=name, at=at)
