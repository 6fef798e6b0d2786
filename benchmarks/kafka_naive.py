"""The Faust agent one would write first: one event to a record and to a transaction, and everything afresh for each of them."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import faust
import jieba

import api.tables  # noqa: F401  declares every room's tables
from benchmarks.classify import _naive
from casework.flags import NewFlag, raise_flag
from classifiers.corpus import load_corpus
from classifiers.finding import Finding, Versions
from infra.clock import SystemClock
from infra.database import Database
from infra.settings import Settings
from lexicons.loader import load_lexicon
from streams.kafka.connection import Connection

TOPIC = "transcripts"
EVERY = 50


def main() -> None:
    """Say when it is ready, then how many events it has seen, until it is killed."""
    settings = Settings(**json.loads(sys.argv[1]))
    jieba.setLogLevel(60)
    lexicon = load_lexicon()
    judge, _ = _naive(lexicon, load_corpus(codes=lexicon.codes).lines)
    judge("大家好")
    connection = Connection.from_settings(settings)
    database, clock = Database(settings.database), SystemClock()
    app = faust.App(
        connection.topic("naive"),
        **connection.faust_options(),
        autodiscover=False,
        web_enabled=False,
        store="memory://",
        datadir=str(settings.data_dir / "naive"),
        topic_allow_declare=False,
        topic_disable_leader=True,
        reply_create_topic=False,
    )
    found = Finding(
        code="MEDICAL", name="", status="violation", confidence=0.9, severity="S2", spans=(), because=(), basis=(),
        exemptions=(), liable=(), explanation="",
    )  # fmt: skip

    @app.agent(app.topic(connection.topic(TOPIC)))
    async def check(stream: Any) -> None:
        seen = 0
        async for event in stream:
            if judge(event["text"]):
                flag = NewFlag(
                    event_id=event["id"], source="transcript", platform="yunjian", subject=f"host:yunjian:{event['host']}",
                    text=event["text"], finding=found, versions=Versions(lexicon="", model="", law=""),
                    spoken_at=clock.now(),
                )  # fmt: skip
                with database.write() as transaction:
                    raise_flag(transaction, flag, at=clock.now())
            seen += 1
            if seen == 1 or seen % EVERY == 0:
                print(json.dumps({"seen": seen, "at": time.time()}), flush=True)

    asyncio.run(_run(app))


async def _run(app: faust.App) -> None:
    await app.start()
    print(json.dumps({"ready": time.time()}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    main()
