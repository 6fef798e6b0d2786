"""Dead letters: events that could not be used, kept with reason and raw bytes until somebody replays them. Never deleted here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, func, select, update

from infra.database import insert_ignore, upsert
from infra.errors import ChengxinError, Conflict, FieldError, InvalidInput, NotFound
from streams import log
from streams.events import decode_record, event_type, key_of
from streams.tables import KEY_LENGTH, dead_letters, handler_state

WINDOW_SCOPE = "dead-letter-window"
ANOTHER_LIFE = 1_000_000


class DeadLetterLimitExceeded(ChengxinError):
    """Too many of the last events were bad. The engine stops: a bad release must not drain a topic into the dead letters."""

    title = "坏消息过多，处理已停止"

    def __init__(self, topic: str, bad: int, window: int, limit: float, reason: str) -> None:
        super().__init__(
            f"主题 {topic} 最近 {window} 条事件中有 {bad} 条无法处理，超过上限 {limit:.0%}；最近一条的原因：{reason}。"
            f"本批未写入任何内容。请先检查上游数据或刚升级的版本，修正后重新启动即从原处继续；"
            f"如确认是上游坏数据，可设 CHENGXIN_DEAD_LETTER_LIMIT=1 重新启动放行，"
            f"再用 chengxin deadletters list 查看、chengxin deadletters replay 重放"
        )
        self.topic, self.bad, self.window, self.limit = topic, bad, window, limit


@dataclass(frozen=True, slots=True)
class NewDeadLetter:
    """A bad event and the place in the log where it was found."""

    topic: str
    offset: int
    index: int
    key: str
    raw: bytes
    errors: tuple[FieldError, ...]
    partition: int = 0
    request: str | None = None

    @property
    def reason(self) -> str:
        """All that is wrong, in one line."""
        # Shown on terminals and pages, where a NUL is no good; the raw bytes are kept whole.
        return str(InvalidInput(*self.errors)).replace("\0", "\ufffd")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter as it is kept. ``partition`` is 0 on the embedded log."""

    id: int
    topic: str
    partition: int
    offset: int
    index: int
    key: str
    reason: str
    errors: list[dict[str, str]]
    raw: bytes
    at: datetime
    replayed_at: datetime | None


class Window(Struct):
    """Where the bad ones are among the events of a topic; remembers no more than the last ``size`` events need."""

    seen: int = 0
    bad: list[int] = msgspec.field(default_factory=list)

    def after(self, count: int, bad_places: Iterable[int], size: int, most: float) -> tuple[Window, int]:
        """The window after ``count`` more events, of which those at ``bad_places`` (0-based) were bad.

        The second value is 0, or the number of bad ones at the first place where more than ``most`` lay in the window.
        """
        bad, exceeded = list(self.bad), 0
        for place in bad_places:
            number = self.seen + place
            bad = [*(x for x in bad if x > number - size), number]
            exceeded = exceeded or (len(bad) if len(bad) > most else 0)
        seen = self.seen + count
        return Window(seen, [x for x in bad if x >= seen - size]), exceeded


def judge(
    connection: Connection,
    topic: str,
    *,
    count: int,
    bad: Sequence[tuple[int, str]],
    size: int,
    limit: float,
    partition: int | None = None,
) -> float:
    """Count a batch of ``count`` events, bad ones given as (place in the batch, reason); returns the share of bad events.

    The share is that of the bad ones among the last ``size`` events; before there were so many, the missing ones count as
    good, so that a single bad event at the start stops nothing. ``partition``: count this partition of the topic by itself,
    as on Kafka, where several workers share a topic.

    Raises:
        DeadLetterLimitExceeded: the share went over ``limit``; the caller must roll its transaction back.
    """
    key = topic if partition is None else f"{topic}/{partition}"
    where = (handler_state.c.scope == WINDOW_SCOPE) & (handler_state.c.key == key)
    stored = connection.execute(select(handler_state.c.value).where(where)).scalar()
    window = msgspec.msgpack.decode(stored, type=Window) if stored else Window()
    window, exceeded = window.after(count, (place for place, _ in bad), size, limit * size)
    if exceeded:
        raise DeadLetterLimitExceeded(topic, exceeded, size, limit, bad[-1][1])
    row = {"scope": WINDOW_SCOPE, "key": key, "value": msgspec.msgpack.encode(window)}
    upsert(connection, handler_state, [row])
    return len(window.bad) / size


def bury(connection: Connection, letters: Sequence[NewDeadLetter], *, at: datetime) -> int:
    """Keep bad events; one that is there already is left alone. Returns how many were new.

    A place may be taken by another event: topics that were made anew, and the two engines, count offsets from the beginning
    again. Such a letter gets an index beyond any array's.
    """
    rows: list[dict[str, Any]] = [
        {
            "topic": letter.topic,
            "partition": letter.partition,
            "offset": letter.offset,
            "index": letter.index,
            "key": letter.key[:KEY_LENGTH],
            "reason": letter.reason,
            "errors": [error.as_dict() for error in letter.errors],
            "raw": letter.raw,
            "at": at,
        }
        for letter in letters
    ]
    new = 0
    while rows:
        inserted = insert_ignore(connection, dead_letters, rows)
        new += inserted
        others = [] if inserted == len(rows) else [row for row in rows if _taken_by_another(connection, row)]
        rows = [row | {"index": row["index"] + ANOTHER_LIFE} for row in others]
    return new


def _taken_by_another(connection: Connection, row: Mapping[str, Any]) -> bool:
    here = [dead_letters.c[name] == row[name] for name in ("topic", "partition", "offset", "index")]
    stored = connection.execute(select(dead_letters.c.raw).where(*here)).scalar_one()
    return bool(bytes(stored) != row["raw"])


def list_(
    connection: Connection,
    *,
    topic: str | None = None,
    replayed: bool | None = False,
    limit: int = 50,
    after: int = 0,
) -> list[DeadLetter]:
    """Dead letters by id; ``replayed`` None: all, False: only those still waiting, True: only those replayed.

    Raises ``UnknownTopic``.
    """
    query = select(dead_letters).where(dead_letters.c.id > after)
    if topic:
        event_type(topic)
        query = query.where(dead_letters.c.topic == topic)
    if replayed is not None:
        query = query.where(
            dead_letters.c.replayed_at.is_not(None) if replayed else dead_letters.c.replayed_at.is_(None)
        )
    return [DeadLetter(**row._mapping) for row in connection.execute(query.order_by(dead_letters.c.id).limit(limit))]


def get(connection: Connection, *, id: int) -> DeadLetter:
    """One dead letter; raises ``NotFound``."""
    row = connection.execute(select(dead_letters).where(dead_letters.c.id == id)).one_or_none()
    if row is None:
        raise NotFound("死信", str(id))
    return DeadLetter(**row._mapping)


def replay(connection: Connection, *, id: int, at: datetime) -> int:
    """Append the raw event to its topic again and mark the letter; returns the new offset on the log in the database.

    On Kafka the relay carries it over from there. An event that is still bad comes back as a new dead letter, under its new offset.

    Raises:
        NotFound: no such dead letter. Conflict: it was replayed before.
    """
    # Marked first: of two who replay it at once, the second waits here and then finds it marked.
    unmarked = (dead_letters.c.id == id) & dead_letters.c.replayed_at.is_(None)
    marked = connection.execute(update(dead_letters).where(unmarked).values(replayed_at=at)).rowcount
    letter = get(connection, id=id)
    if not marked:
        raise Conflict(f"死信 {id} 已于 {letter.replayed_at:%Y-%m-%d %H:%M} UTC 重放")
    return log.append(connection, letter.topic, _right_key(letter), letter.raw, at)


def _right_key(letter: DeadLetter) -> str:
    """The key the event belongs under; the one it came with may be what was wrong. What is still bad keeps its own."""
    good = decode_record(letter.topic, letter.raw, now=letter.at).events
    return key_of(good[0][1]) if len(good) == 1 else letter.key


def newest(connection: Connection) -> int:
    """The id of the newest dead letter; 0 when there is none."""
    return connection.execute(select(func.max(dead_letters.c.id))).scalar() or 0


def waiting(connection: Connection) -> dict[str, int]:
    """How many dead letters wait for somebody, by topic."""
    query = select(dead_letters.c.topic, func.count()).where(dead_letters.c.replayed_at.is_(None))
    return {row[0]: row[1] for row in connection.execute(query.group_by(dead_letters.c.topic))}


def count(connection: Connection) -> int:
    """How many dead letters wait for somebody."""
    return sum(waiting(connection).values())
