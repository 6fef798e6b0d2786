"""What is sent while things break: a busy day in pieces, the same for the storm and for the undisturbed run."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from streams.events import Event, encode, key_of
from tests.conftest import NOON
from tests.streams.fakes import BOOM, complaint, listing, utterance

ROOMS, PER_RECORD = 8, 10
ROUND = ROOMS * PER_RECORD
BROKEN = b'{"id":"broken"}'


@dataclass(frozen=True, slots=True)
class Sent:
    """One record: topic, key and value. ``raw``: no gateway would let it in, so it comes from somebody else's program."""

    topic: str
    key: str
    value: bytes
    raw: bool = False


def say(number: int) -> str:
    """Mostly harmless words; now and then a claim, soon taken back, a contradiction, or words that break the detector."""
    special = {7: "这个木耳能治三高", 9: "刚才口误了，不能这么说", 31: "正宗五常大米", 53: f"手机{BOOM}"}
    claims = 7 <= number % 180 < 40 or number % 360 == 53
    return special.get(number % 60, "") * claims or f"第{number}句，今天给大家看看新米"


def before() -> list[Sent]:
    """What comes before the load: listings that words are held against, and complaints."""
    rice = [record_of("listings", one) for one in (listing(), listing(id="l-2", title="能治失眠的枕头"))]
    return [*rice, *(record_of("complaints", complaint(id=f"c-{n}", text=f"米里有虫，第{n}袋")) for n in range(30))]


def round_of(number: int, *, broken: bool) -> list[Sent]:
    """The ``number``-th piece: one record of each room; ``broken``: beside them a record with a bad event among good ones."""
    first = number * PER_RECORD
    pieces = []
    for room in range(ROOMS):
        said = [
            utterance(n, say(n), id=f"u-{room}-{n}", room=f"r{room}", listing="l-1" if n % 5 == 0 else None)
            for n in range(first, first + PER_RECORD)
        ]
        pieces.append(Sent("transcripts", f"yunjian/r{room}", b"[" + b",".join(map(encode, said)) + b"]"))
    if broken:
        good = encode(utterance(number, say(number), id=f"x-{number}", room="rx"))
        pieces.append(Sent("transcripts", "yunjian/rx", b"[" + good + b"," + BROKEN + b"]", raw=True))
    return pieces


def decision(number: int) -> dict[str, object]:
    """A decision as an officer's act leaves it in the outbox."""
    return {
        "id": f"d-{number}", "flag": f"f-{number}", "subject": "host:yunjian:h1", "outcome": "confirmed",
        "code": "MEDICAL", "severity": "S3", "decided_at": NOON,
    }  # fmt: skip


def record_of(topic: str, event: Event) -> Sent:
    return Sent(topic, key_of(event), b"[" + encode(event) + b"]")


def together(records: list[Sent]) -> bytes:
    """The events of records as the body of one request."""
    return msgspec.json.encode(
        [event for one in records for event in msgspec.json.decode(one.value, type=list[msgspec.Raw])]
    )
