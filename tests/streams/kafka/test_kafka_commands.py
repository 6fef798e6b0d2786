"""``chengxin ingest`` and ``chengxin deadletters`` as processes of their own, on a real Kafka."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from infra import migrate
from infra.database import Database
from infra.settings import Settings
from streams import deadletters
from streams.kafka import headers
from streams.kafka.connection import Connection
from tests.conftest import NOON
from tests.streams.fakes import utterance
from tests.streams.kafka import reading
from tests.streams.kafka.test_letters import letter

pytestmark = pytest.mark.services


def chengxin(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "CHENGXIN_DATA_DIR": str(settings.data_dir),
        "CHENGXIN_BROKER_URL": settings.broker_url,
        "CHENGXIN_BROKER_PREFIX": settings.broker_prefix,
    }
    command = [str(Path(sys.executable).parent / "chengxin"), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_files_are_taken_in_and_bear_the_id_of_the_run(
    kafka: Connection, kafka_settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "day.jsonl"
    file.write_bytes(b"\n".join([*(msgspec.json.encode(utterance(n)) for n in range(5)), b"{}"]))
    done = chengxin(kafka_settings, "ingest", str(file), "--topic", "transcripts")
    assert done.returncode == 1, done.stderr
    assert "共接收 5 条，拒收 1 条" in done.stdout
    assert sorted(reading.ids(kafka, "transcripts")) == [f"s1-000{n}" for n in range(5)]
    (run,) = {headers.request_id(record.headers) for record in reading.records(kafka, "transcripts")}
    assert str(run).startswith("ingest-")


def test_ingest_refuses_without_topics(empty_kafka: Connection, kafka_settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "day.jsonl"
    file.write_bytes(msgspec.json.encode(utterance(1)))
    done = chengxin(kafka_settings, "ingest", str(file), "--topic", "transcripts")
    assert done.returncode == 2
    assert f"{empty_kafka.prefix}transcripts" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_dead_letters_are_listed_shown_and_replayed_to_kafka(kafka: Connection, kafka_settings: Settings) -> None:
    raw = msgspec.json.encode(utterance(1))
    database = Database(kafka_settings.database)
    migrate.upgrade(database)
    with database.write() as connection:
        deadletters.bury(connection, [letter(raw=raw, key="wrong"), letter(raw=b"{}", index=9)], at=NOON)
    database.close()
    assert "transcripts 2 条" in chengxin(kafka_settings, "deadletters", "list").stdout
    assert "分区 3，偏移 7，序号 2" in chengxin(kafka_settings, "deadletters", "show", "1").stdout
    done = chengxin(kafka_settings, "deadletters", "replay", "--all", "--topic", "transcripts")
    assert (done.returncode, done.stdout) == (0, "已重放 2 条\n已送达 Kafka\n")
    sent = {(record.key, record.value) for record in reading.records(kafka, "transcripts")}
    assert sent == {(b"yunjian/r1", raw), (b"yunjian/r1", b"{}")}
    assert "待处理：无" in chengxin(kafka_settings, "deadletters", "list").stdout
