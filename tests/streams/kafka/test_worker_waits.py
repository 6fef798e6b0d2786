"""What a worker looks up before it begins may be away just then: it waits, and none of its agents ends by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from casework import tables as casework
from streams.kafka.worker import Worker
from tests.streams.fakes import listing, utterance
from tests.streams.kafka_world import KafkaWorld


@pytest.mark.services
def test_a_database_that_is_away_while_listings_go_first_is_waited_for(
    kafka_url: str, unique_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world = KafkaWorld(tmp_path, broker_url=kafka_url, name=unique_name)
    world.put("listings", listing())
    world.put("transcripts", utterance(1, "这个木耳能治三高"), utterance(2))
    asked, really = [0], Worker._stored

    def stored(worker: Worker, topic: str) -> Any:
        asked[0] += topic == "listings"
        if topic == "listings" and asked[0] in (2, 3):  # the first comes from the seek, which can do without
            raise OperationalError("SELECT", {}, Exception("the server is starting up"))
        return really(worker, topic)

    monkeypatch.setattr(Worker, "_stored", stored)
    done = world.run()
    assert asked[0] > 3
    assert (done.events, len(world.rows(casework.flags))) == (3, 1)
    assert "Crashed" not in caplog.text
    world.close()
