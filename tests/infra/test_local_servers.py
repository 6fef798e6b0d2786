"""Real local servers keep their data through a kill, stand still when paused, and go on."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from elasticsearch import Elasticsearch
from kafka import KafkaAdminClient

from infra.local import LocalElasticsearch, LocalKafka, LocalPostgres, LocalServer, ServerFailed

pytestmark = pytest.mark.services


def _paused_and_resumed(server: LocalServer) -> None:
    server.pause()
    with pytest.raises(ServerFailed, match="没有就绪"):
        server.wait_ready(timeout=0.5)
    server.resume()
    server.wait_ready()


def test_kafka_keeps_its_topics_through_a_kill(server_dir: Path) -> None:
    with LocalKafka(server_dir / "kafka") as kafka:
        with KafkaAdminClient(bootstrap_servers=kafka.address) as admin:
            admin.create_topics(["kept"])
        _paused_and_resumed(kafka)
        port = kafka.port
        kafka.kill()
        assert not kafka.running
        assert LocalKafka(server_dir / "kafka").port == port
        kafka.start()
        kafka.wait_ready()
        with KafkaAdminClient(bootstrap_servers=kafka.address) as admin:
            assert "kept" in admin.list_topics()
    assert not kafka.pid_file.exists()


def test_elasticsearch_keeps_its_documents_through_a_kill(server_dir: Path) -> None:
    with LocalElasticsearch(server_dir / "elasticsearch") as server:
        with Elasticsearch(server.url) as client:
            client.indices.create(index="kept")
            client.index(index="kept", id="1", document={"text": "五常大米"}, refresh=True)
        _paused_and_resumed(server)
        server.kill()
        server.start()
        server.wait_ready()
        with Elasticsearch(server.url) as client:
            assert client.get(index="kept", id="1")["_source"] == {"text": "五常大米"}


def test_postgresql_keeps_its_rows_through_a_kill(server_dir: Path) -> None:
    with LocalPostgres(server_dir / "postgresql", durable=False) as server:
        address = server.url.replace("+psycopg", "")
        with psycopg.connect(address) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS number")
        _paused_and_resumed(server)
        server.kill()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(address, connect_timeout=2)
        server.start()
        server.wait_ready()
        with psycopg.connect(address) as connection:
            assert connection.execute("SELECT number FROM kept").fetchall() == [(1,)]
        again = LocalPostgres(server_dir / "postgresql")
        assert again.running  # found by its pid file
        again.stop()
        assert not server.running
