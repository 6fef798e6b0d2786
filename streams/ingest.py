"""Takes files into the log: good rows are published, bad ones go to a reject file with line number, errors and raw text."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

import msgspec

from infra.clock import Clock
from infra.database import Database
from infra.errors import InvalidInput, Unavailable
from streams.events import Event
from streams.publisher import Publisher
from streams.sources import csv_, jsonl, srt, vtt, xlsx
from streams.sources.source import INGESTED, Row, Source, Wanted

EVENTS_PER_TRANSACTION: Final = 5000
LONGEST_WAIT: Final = 30
READERS: Final[dict[str, Callable[[Wanted], Source]]] = {
    ".jsonl": jsonl.read,
    ".ndjson": jsonl.read,
    ".srt": srt.read,
    ".vtt": vtt.read,
    ".csv": csv_.read,
    ".tsv": csv_.read,
    ".xlsx": xlsx.read,
}
SUBTITLES: Final = (".srt", ".vtt")

Sink = Callable[[str, Sequence[Event]], None]


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of one file. ``ignored``: columns that were not understood and were left out."""

    path: Path
    topic: str
    encoding: str
    accepted: int
    rejected: int
    ignored: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What became of all files; ``reject_file`` is None when nothing was rejected."""

    files: tuple[FileReport, ...]
    reject_file: Path | None

    @property
    def accepted(self) -> int:
        return sum(file.accepted for file in self.files)

    @property
    def rejected(self) -> int:
        return sum(file.rejected for file in self.files)


@dataclass(frozen=True, slots=True)
class Reading:
    """How far one file has been read, in bytes."""

    path: Path
    position: int
    size: int
    accepted: int
    rejected: int


def ingest(
    paths: Sequence[Path],
    *,
    sink: Sink,
    reject_file: Path,
    now: datetime,
    topic: str | None = None,
    defaults: Mapping[str, Any] | None = None,
    progress: Callable[[Reading], None] | None = None,
) -> IngestReport:
    """Read files into ``sink``, which is called with a topic and some thousand checked events at a time.

    ``defaults`` gives fields that the files leave out (for subtitles: platform, room, session, host, ``start`` as an aware
    datetime). Taking the same file in twice changes nothing further on: events are known by their ids.

    Raises:
        InvalidInput: an argument is wrong, or a file cannot be read as what it should be; nothing was taken in. Only a
            workbook that breaks off in the middle is found out later.
    """
    _check(paths, topic, reject_file)
    opened = [(path, _reader(path)(Wanted(path, topic, defaults or {}, now))) for path in paths]
    with _Rejects(reject_file) as rejects:
        files = tuple(_ingest_file(path, source, sink, rejects, progress) for path, source in opened)
    return IngestReport(files, reject_file if any(file.rejected for file in files) else None)


def publisher_sink(publisher: Publisher, database: Database, clock: Clock) -> Sink:
    """A sink that returns once the publisher has made the events durable."""

    def send(topic: str, events: Sequence[Event]) -> None:
        publisher.deliver(topic, events)
        with database.write() as connection:
            publisher.record(connection, topic, events, at=clock.now())

    return send


def patient(
    sink: Sink,
    *,
    seconds: float,
    say: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.monotonic,
) -> Sink:
    """A sink that waits out what is away, at most ``seconds`` for one portion, and says so each time.

    Raises:
        Unavailable: it did not come back in time; the message tells how many events had been taken in.
    """
    taken = 0

    def send(topic: str, events: Sequence[Event]) -> None:
        nonlocal taken
        begun, attempt = now(), 0
        while True:
            try:
                sink(topic, events)
            except Unavailable as error:
                attempt += 1
                wait = float(min(error.retry_after * attempt, LONGEST_WAIT))
                if now() + wait - begun > seconds:
                    raise Unavailable(
                        f"{error}。已等待 {now() - begun:.0f} 秒，不再重试。此前接收 {taken} 条；恢复后再运行一次同样的命令即可，"
                        f"已接收的不会重复计算（等待上限用 --wait 调整）",
                        retry_after=error.retry_after,
                    ) from error
                say(f"{error}；{wait:.0f} 秒后第 {attempt} 次重试")
                sleep(wait)
            else:
                taken += len(events)
                return

    return send


def _check(paths: Sequence[Path], topic: str | None, reject_file: Path) -> None:
    for path in paths:
        _reader(path)
        if not path.is_file():
            raise InvalidInput.one("file", str(path), "文件不存在")
        if path.resolve() == reject_file.resolve():
            raise InvalidInput.one("rejects", str(reject_file), "拒收明细不能写在要导入的文件上")
    subtitles = [path.name for path in paths if path.suffix.lower() in SUBTITLES]
    if len(subtitles) > 1:
        # The second file's cues would bear the ids of the first one's, and be taken for the same words sent twice.
        message = "字幕按场次和序号编号，一次只能导入一个；请分开导入，各用不同的 --session"
        raise InvalidInput.one("file", "、".join(subtitles), message)
    if topic is not None and topic not in INGESTED:
        raise InvalidInput.one("topic", topic, f"可用：{'、'.join(INGESTED)}")


def _reader(path: Path) -> Callable[[Wanted], Source]:
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise InvalidInput.one("file", path.name, f"不认识的文件类型，可用：{'、'.join(READERS)}")
    return reader


def _ingest_file(
    path: Path, source: Source, sink: Sink, rejects: _Rejects, progress: Callable[[Reading], None] | None
) -> FileReport:
    size = path.stat().st_size
    accepted = rejected = 0
    held: list[Event] = []

    def flush() -> None:
        nonlocal accepted, held
        if held:
            sink(source.topic, held)
            accepted += len(held)
            held = []
        if progress is not None:
            progress(Reading(path, source.position(), size, accepted, rejected))

    for row in source.rows:
        if row.event is not None:
            held.append(row.event)
        else:
            rejects.add(path, row)
            rejected += 1
        if len(held) >= EVENTS_PER_TRANSACTION:
            flush()
    flush()
    return FileReport(path, source.topic, source.encoding, accepted, rejected, source.ignored)


class _Rejects:
    """Writes the reject file; it comes into being with the first rejected row, readable by its owner only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, path: Path, row: Row) -> None:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch(mode=0o600)
            self._file = self._path.open("wb")
        entry = {
            "file": path.name,
            "line": row.line,
            "errors": [error.as_dict() for error in row.errors],
            "raw": row.raw,
        }
        self._file.write(msgspec.json.encode(entry) + b"\n")
