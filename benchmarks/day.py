"""A usual day's utterances, about one in a hundred a breach: what the measurements of the engines are fed with."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from infra.clock import BEIJING
from streams.events import Utterance
from streams.sampleday import SAMPLE_DAY

SEED = 11
ROOMS = 48
BREACHES = 0.01
HARD = 0.2
START = datetime(2026, 11, 20, 9, 0, tzinfo=BEIJING)
CORPUS = Path("classifiers/corpus")


def texts(count: int) -> list[str]:
    """What is said in a day: mostly a livestream's talk, a fifth of it hard look-alikes, and now and then a breach."""
    rows = [json.loads(line) for path in sorted(CORPUS.glob("*.jsonl")) for line in path.open(encoding="utf-8")]
    lawful = [row["text"] for row in rows if row["label"] == "ok"]
    breaches = [row["text"] for row in rows if row["label"] != "ok"]
    talk = _talk()
    chance = random.Random(SEED)

    def one() -> str:
        place = chance.random()
        return chance.choice(breaches if place < BREACHES else lawful if place < HARD else talk)

    return [one() for _ in range(count)]


def _talk() -> list[str]:
    """What hosts and guests say on the sample day, without what is expected to be flagged."""
    expected = [json.loads(line) for line in (SAMPLE_DAY / "expected.jsonl").open(encoding="utf-8")]
    claims = {row["event"] for row in expected if row["code"] != "ok"}
    rows = [
        json.loads(line) for path in sorted(SAMPLE_DAY.glob("rooms/*.jsonl")) for line in path.open(encoding="utf-8")
    ]
    heard = (row for row in rows if row.get("speaker") != "comment")
    return [row["text"] for row in heard if row["id"] not in claims]


def utterance(number: int, said: Sequence[str]) -> Utterance:
    """The ``number``-th utterance of the day, each room's three seconds apart."""
    room = number % ROOMS
    return Utterance(
        id=f"u-{number}",
        platform="yunjian",
        room=f"r{room}",
        session=f"s{room}",
        host=f"h{room}",
        operator="o1",
        start=START + timedelta(seconds=3 * (number // ROOMS)),
        text=said[number % len(said)],
    )
