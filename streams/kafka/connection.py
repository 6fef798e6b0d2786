"""From settings to a Kafka connection: options for kafka-python, aiokafka and Faust, and a check that says what is wrong.

Nothing here produces or consumes. ``check`` is for the start of a process: it ends in one line that names the setting.
"""

from __future__ import annotations

import contextlib
import logging
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from infra import broker
from infra.errors import ConfigurationError
from infra.settings import Settings
from streams.kafka import trouble

MINIMUM: Final = (2, 5)
"""The oldest broker we work with: before it an idempotent producer does not recover by itself (KIP-360)."""

CHECK_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """What ``check`` found: the broker's version as far as the protocol tells it, the cluster id, the number of brokers."""

    version: tuple[int, ...]
    id: str
    brokers: int


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach the brokers: ``host:port`` of each, TLS when ``tls`` is given, SASL when ``user`` is.

    ``prefix`` stands before every topic and consumer group, for a cluster shared with others.
    """

    servers: tuple[str, ...]
    tls: ssl.SSLContext | None = None
    mechanism: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    prefix: str = ""

    @classmethod
    def from_settings(cls, settings: Settings) -> Connection:
        """The connection the settings ask for.

        Raises:
            ConfigurationError: the broker is not Kafka, or a certificate or password file cannot be used.
        """
        if not broker.is_kafka(settings.broker_url):
            raise ConfigurationError(f"CHENGXIN_BROKER_URL={settings.broker_url}：这里需要 kafka://主机:端口")
        servers = broker.servers(settings.broker_url)
        tls = _tls(settings) if settings.broker_tls else None
        if not settings.broker_user:
            return cls(servers, tls, prefix=settings.broker_prefix)
        sasl = (settings.broker_sasl, settings.broker_user, _password(settings))
        return cls(servers, tls, *sasl, prefix=settings.broker_prefix)

    def topic(self, name: str) -> str:
        """The name a topic (or consumer group) has on the cluster."""
        return self.prefix + name

    def name_of(self, topic: str) -> str:
        """What ``topic`` was made from."""
        return topic.removeprefix(self.prefix)

    @property
    def security_protocol(self) -> str:
        """Kafka's own name for the kind of connection."""
        return ("SASL_" if self.user else "") + ("SSL" if self.tls else "PLAINTEXT")

    def options(self) -> dict[str, Any]:
        """Keyword arguments that kafka-python's and aiokafka's clients have in common."""
        options: dict[str, Any] = {"bootstrap_servers": list(self.servers), "security_protocol": self.security_protocol}
        if self.tls is not None:
            options["ssl_context"] = self.tls
        if self.user:
            options |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        return options

    def faust_options(self) -> dict[str, Any]:
        """``broker`` and ``broker_credentials`` for ``faust.App``."""
        import faust  # noqa: PLC0415  takes a second to import; only the worker needs it

        credentials: Any = None
        if self.user:
            credentials = faust.SASLCredentials(
                mechanism=self.mechanism, username=self.user, password=self.password, ssl_context=self.tls
            )
        elif self.tls is not None:
            credentials = faust.SSLCredentials(context=self.tls)
        urls = [f"aiokafka://{server}" for server in self.servers]
        return {"broker": urls, "broker_credentials": credentials}

    def check(self, *, seconds: float = CHECK_SECONDS) -> Cluster:
        """Connect, authenticate, look at the version; at most about ``seconds`` are waited.

        Raises:
            ConfigurationError: one line that names the setting, what was found there and what to do.
        """
        deadline = time.monotonic() + seconds
        self._reach(deadline)
        cluster = self._ask(max(2.0, deadline - time.monotonic()))
        if cluster.version < MINIMUM:
            raise ConfigurationError(
                f"CHENGXIN_BROKER_URL：{self._shown} 的 Kafka 版本为 {_dotted(cluster.version)}，"
                f"至少需要 {_dotted(MINIMUM)}，请升级 Kafka 或改用别的集群"
            )
        return cluster

    @property
    def _shown(self) -> str:
        return "、".join(self.servers)

    def _reach(self, deadline: float) -> None:
        """Raise unless one of the servers takes a connection (and shakes hands, with TLS)."""
        troubles = []
        for server in self.servers:
            left = max(1.0, (deadline - time.monotonic()) / 2)
            reason = trouble.unreachable(server, self.tls, left)
            if reason is None:
                return
            troubles.append(f"{server} {reason}")
        raise ConfigurationError(f"CHENGXIN_BROKER_URL：连不上 Kafka（{'；'.join(troubles)}）")

    def _ask(self, seconds: float) -> Cluster:
        """Ask patiently, but not again once the answer is no: a wrong password tried many times may lock the account."""
        from kafka.errors import KafkaError  # noqa: PLC0415

        deadline, patience = time.monotonic() + seconds, 2.0
        with listening_to_kafka() as heard:
            while True:
                left = deadline - time.monotonic()
                try:
                    return self._ask_once(max(1.0, min(patience, left)))
                except KafkaError as error:
                    if patience >= left or trouble.is_final(heard, user=self.user):
                        raise ConfigurationError(self._explain([*heard, error])) from None
                patience *= 2

    def _explain(self, errors: list[BaseException]) -> str:
        return trouble.explain(
            errors, where=f"Kafka（{self._shown}）", user=self.user, mechanism=self.mechanism, tls=self.tls is not None,
            minimum=_dotted(MINIMUM),
        )  # fmt: skip

    def _ask_once(self, seconds: float) -> Cluster:
        from kafka import KafkaAdminClient  # noqa: PLC0415  half a second to import; only where Kafka is used

        milliseconds = int(seconds * 1000)
        with (
            closing_what_failed() as made,
            KafkaAdminClient(**self.options(), bootstrap_timeout_ms=milliseconds, kafka_client=made) as admin,
        ):
            found = admin.describe_cluster()
            version = tuple(admin.get_broker_version_data(found["controller_id"]).broker_version)
        return Cluster(version, str(found["cluster_id"]), len(found["brokers"]))


@contextlib.contextmanager
def listening_to_kafka() -> Iterator[list[BaseException]]:
    """Collects the errors that kafka-python only logs; meanwhile it writes nothing to the terminal."""
    heard: list[BaseException] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            arguments = record.args if isinstance(record.args, tuple) else ()
            heard.extend(argument for argument in arguments if isinstance(argument, BaseException))

    logger, ear = logging.getLogger("kafka"), Ear()
    propagate, level = logger.propagate, logger.level
    logger.addHandler(ear)
    logger.propagate = False
    logger.setLevel(logging.WARNING)
    try:
        yield heard
    finally:
        logger.removeHandler(ear)
        logger.propagate = propagate
        logger.setLevel(level)


@contextlib.contextmanager
def closing_what_failed() -> Iterator[Any]:
    """A ``kafka_client`` factory whose clients are closed when the block fails: a constructor that raises leaves its thread."""
    from kafka.net.compat import KafkaNetClient  # noqa: PLC0415

    made: list[Any] = []

    def make(**options: Any) -> Any:
        made.append(KafkaNetClient(**options))
        return made[-1]

    try:
        yield make
    except BaseException:
        for client in made:
            with contextlib.suppress(Exception):
                client.close()
        raise


def _tls(settings: Settings) -> ssl.SSLContext:
    ca, certificate, key = settings.broker_ca_file, settings.broker_cert_file, settings.broker_key_file
    try:
        context = ssl.create_default_context(cafile=str(ca) if ca else None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"CHENGXIN_BROKER_CA_FILE={ca}：读不出 PEM 证书（{error}）") from None
    if certificate is not None and key is not None:
        try:
            context.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"CHENGXIN_BROKER_CERT_FILE={certificate}、CHENGXIN_BROKER_KEY_FILE={key}："
                f"证书与私钥读不出或不成对（{error}）"
            ) from None
    return context


def _password(settings: Settings) -> str:
    path = settings.broker_password_file
    try:
        password = path.read_text("utf-8").rstrip("\r\n") if path is not None else ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"CHENGXIN_BROKER_PASSWORD_FILE={path}：读不出口令（{error}）") from None
    if not password:
        raise ConfigurationError(f"CHENGXIN_BROKER_PASSWORD_FILE={path}：文件是空的，第一行应为口令")
    return password


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
