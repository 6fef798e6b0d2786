"""From settings to a Kafka connection, without a server: addresses, credentials, and what is said when they are wrong."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from infra import broker
from infra.errors import ConfigurationError
from infra.settings import Settings, load_settings
from streams.kafka import trouble
from streams.kafka.connection import Cluster, Connection


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.mark.parametrize(
    ("url", "servers"),
    [
        ("kafka://a:1", ("a:1",)),
        ("kafka://a", ("a:9092",)),
        ("kafka://a:1, b:2/", ("a:1", "b:2")),
        ("kafka://a:1,a:1", ("a:1",)),
        ("kafka://[::1]:9092", ("[::1]:9092",)),
    ],
)
def test_an_address_names_each_server_once(url: str, servers: tuple[str, ...]) -> None:
    assert broker.servers(url) == servers


@pytest.mark.parametrize(
    "url",
    ["", "kafka://", "kafka://a:", "kafka://:9092", "kafka://a:0", "kafka://a:99999", "kafka://a:x", "kafka://a:1,,b:2",
     "kafka://a:1/topic", "kafka:// a b:1", "rabbit://a:1", "embedded://x"],
)  # fmt: skip
def test_a_wrong_address_stops_the_start_and_names_the_variable(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHENGXIN_BROKER_URL", url)
    with pytest.raises(ConfigurationError, match="CHENGXIN_BROKER_URL"):
        load_settings()


def test_a_password_in_the_address_is_refused_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHENGXIN_BROKER_URL", "kafka://user:geheim@a:1")
    with pytest.raises(ConfigurationError, match="CHENGXIN_BROKER_PASSWORD_FILE") as caught:
        load_settings()
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"USER": "x"}, "CHENGXIN_BROKER_PASSWORD_FILE"),
        ({"CA_FILE": "file"}, "CHENGXIN_BROKER_TLS"),
        ({"TLS": "true", "CERT_FILE": "file"}, "CHENGXIN_BROKER_KEY_FILE"),
        ({"USER": "x", "PASSWORD_FILE": "file", "SASL": "PLAIN"}, "CHENGXIN_BROKER_SASL"),
        ({"USER": "x", "PASSWORD_FILE": "nowhere"}, "CHENGXIN_BROKER_PASSWORD_FILE"),
        ({"SASL": "GSSAPI"}, "CHENGXIN_BROKER_SASL"),
    ],
)
def test_credentials_that_do_not_go_together_are_named(
    variables: dict[str, str], named: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("secret\n")
    monkeypatch.chdir(tmp_path)
    for name, value in variables.items():
        monkeypatch.setenv(f"CHENGXIN_BROKER_{name}", value)
    with pytest.raises(ConfigurationError, match=named):
        load_settings()


def test_the_options_hold_the_password_of_the_file_and_the_object_does_not_show_it(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("geheim\n")
    connection = Connection.from_settings(
        Settings(broker_url="kafka://a:1,b", broker_user="chengxin", broker_password_file=file)
    )
    assert connection.options() == {
        "bootstrap_servers": ["a:1", "b:9092"],
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "chengxin",
        "sasl_plain_password": "geheim",
    }
    assert "geheim" not in repr(connection)


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe"])
def test_an_empty_or_unreadable_password_file_is_named(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match="CHENGXIN_BROKER_PASSWORD_FILE"):
        Connection.from_settings(Settings(broker_url="kafka://a", broker_user="x", broker_password_file=file))


@pytest.mark.parametrize(
    ("files", "named"),
    [({"broker_ca_file"}, "CHENGXIN_BROKER_CA_FILE"), ({"broker_cert_file", "broker_key_file"}, "CHENGXIN_BROKER_KEY_FILE")],
)  # fmt: skip
def test_a_certificate_that_is_none_is_named(files: set[str], named: str, tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("no certificate")
    given: dict[str, Any] = dict.fromkeys(files, tmp_path / "no.pem")
    with pytest.raises(ConfigurationError, match=named):
        Connection.from_settings(Settings(broker_url="kafka://a", broker_tls=True, **given))


def test_the_embedded_broker_is_no_kafka_connection() -> None:
    with pytest.raises(ConfigurationError, match="kafka://"):
        Connection.from_settings(Settings())


def test_unreachable_servers_are_named_one_by_one() -> None:
    one, two = closed_port(), closed_port()
    connection = Connection((f"127.0.0.1:{one}", f"127.0.0.1:{two}"))
    with pytest.raises(ConfigurationError, match="CHENGXIN_BROKER_URL") as caught:
        connection.check(seconds=2)
    assert f"127.0.0.1:{one} 拒绝连接" in str(caught.value)
    assert f"127.0.0.1:{two} 拒绝连接" in str(caught.value)


@pytest.mark.parametrize(
    ("raised", "named"),
    [
        ("SaslAuthenticationFailedError", "CHENGXIN_BROKER_PASSWORD_FILE"),
        ("UnsupportedSaslMechanismError", "CHENGXIN_BROKER_SASL=SCRAM-SHA-512"),
        ("ClusterAuthorizationFailedError", "CHENGXIN_BROKER_USER=someone"),
        ("IncompatibleBrokerVersion", "2.5"),
        ("KafkaConnectionError", "CHENGXIN_BROKER_USER=someone"),
        ("KafkaTimeoutError", "CHENGXIN_BROKER_URL"),
    ],
)
def test_each_of_kafkas_errors_names_its_setting(raised: str, named: str) -> None:
    from kafka import errors

    error = getattr(errors, raised)("no")
    told = trouble.explain([error], where="Kafka", user="someone", mechanism="SCRAM-SHA-512", tls=False, minimum="2.5")
    assert named in told
    assert trouble.is_final([error], user="someone") == (raised != "KafkaTimeoutError")


def test_an_old_broker_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "_reach", lambda *_: None)
    monkeypatch.setattr(Connection, "_ask", lambda *_: Cluster((2, 4), "id", 1))
    with pytest.raises(ConfigurationError, match=r"2\.4，至少需要 2\.5"):
        Connection(("old:9092",)).check()
