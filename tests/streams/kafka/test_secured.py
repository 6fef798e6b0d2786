"""Credentials and certificates against a real Kafka: what is right connects, what is wrong is named with its setting."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.errors import ConfigurationError
from infra.settings import Settings
from streams.kafka import cluster, topics
from streams.kafka.connection import Connection
from streams.kafka.producer import Outgoing, Sender
from tests.streams.kafka import reading
from tests.streams.kafka.conftest import small
from tests.streams.kafka.secured import PASSWORD, USER, SecuredKafka

pytestmark = pytest.mark.services

SECONDS = 3.0


@pytest.fixture(scope="module")
def server() -> Iterator[SecuredKafka]:
    with tempfile.TemporaryDirectory(prefix="chengxin-server-") as folder:
        Path(folder).chmod(0o755)
        with SecuredKafka(Path(folder) / "kafka") as server:
            server.add_user()
            yield server


def connect(port: int, folder: Path, *, password: str = PASSWORD, **changes: Any) -> Connection:
    """A connection to a port; with ``broker_user``, the password comes from a file as it should."""
    if "broker_user" in changes:
        (folder / "password").write_text(password + "\n")
        changes["broker_password_file"] = folder / "password"
    return Connection.from_settings(Settings(broker_url=f"kafka://127.0.0.1:{port}", **changes))


def test_whoever_is_right_connects(server: SecuredKafka, tmp_path: Path) -> None:
    with_tls: dict[str, Any] = {"broker_tls": True, "broker_ca_file": server.ca}
    ways = [
        connect(server.sasl, tmp_path, broker_user=USER),
        connect(server.sasl, tmp_path, broker_user=USER, broker_sasl="SCRAM-SHA-256"),
        connect(server.tls, tmp_path, **with_tls),
        connect(server.both, tmp_path, broker_user=USER, **with_tls),
    ]
    assert {way.check().brokers for way in ways} == {1}


def test_records_pass_through_tls_and_scram(server: SecuredKafka, tmp_path: Path) -> None:
    way = connect(server.both, tmp_path, broker_user=USER, broker_tls=True, broker_ca_file=server.ca)
    with cluster.administration(way) as admin:
        cluster.apply(admin, way, small(topics.load()), replication=1, grow=False)
    sender = Sender(way)
    sender.send([Outgoing("transcripts", b"k", b"[]")])
    sender.close()
    assert [record.value for record in reading.records(way, "transcripts")] == [b"[]"]


def test_a_wrong_password_is_named_and_not_shown(server: SecuredKafka, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="CHENGXIN_BROKER_USER=") as caught:
        connect(server.sasl, tmp_path, broker_user=USER, password="wrong-secret").check(seconds=20)
    assert "CHENGXIN_BROKER_PASSWORD_FILE" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_user_kafka_does_not_know_is_named(server: SecuredKafka, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="CHENGXIN_BROKER_USER") as caught:
        connect(server.sasl, tmp_path, broker_user="nobody").check(seconds=SECONDS)
    assert "用户" in str(caught.value)


@pytest.mark.parametrize(
    ("port", "changes", "named"),
    [
        ("port", {"broker_user": USER}, "CHENGXIN_BROKER_SASL"),
        ("both", {"broker_user": USER, "broker_tls": True, "broker_sasl": "PLAIN"}, "CHENGXIN_BROKER_SASL"),
        ("sasl", {}, "CHENGXIN_BROKER_USER"),
        ("tls", {}, "CHENGXIN_BROKER_TLS"),
        ("port", {"broker_tls": True}, "CHENGXIN_BROKER_TLS"),
    ],
)
def test_a_port_that_wants_something_else_is_named(
    server: SecuredKafka, tmp_path: Path, port: str, changes: dict[str, Any], named: str
) -> None:
    if changes.get("broker_tls"):
        changes = changes | {"broker_ca_file": server.ca}
    with pytest.raises(ConfigurationError, match=named):
        connect(getattr(server, port), tmp_path, **changes).check(seconds=SECONDS)


def test_a_server_of_another_authority_is_not_trusted(server: SecuredKafka, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="CHENGXIN_BROKER_CA_FILE"):
        connect(server.tls, tmp_path, broker_tls=True, broker_ca_file=server.other_ca).check(seconds=SECONDS)


def test_the_controllers_port_is_no_broker(server: SecuredKafka, tmp_path: Path) -> None:
    controller = int((server.directory / "controller-port").read_text())
    with pytest.raises(ConfigurationError, match="控制器"):
        connect(controller, tmp_path).check(seconds=SECONDS)
