"""Settings from the environment (prefix ``CHENGXIN_``), all with safe defaults. A wrong value stops the start with one line."""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra import broker
from infra.errors import ConfigurationError

PREFIX = "CHENGXIN_"


class Settings(BaseSettings):
    """Everything that can be set from outside. See docs/settings.md for the meaning of each name."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    data_dir: Path = Path("data")
    database_url: str = ""
    broker_url: str = "embedded://"
    broker_prefix: str = Field(default="", pattern=r"^[A-Za-z0-9._-]{0,60}$")
    broker_tls: bool = False
    broker_ca_file: Path | None = None
    broker_cert_file: Path | None = None
    broker_key_file: Path | None = None
    broker_user: str = ""
    broker_password_file: Path | None = None
    broker_sasl: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    search_url: str = "embedded://"
    search_api_key: SecretStr | None = None
    search_ca_file: Path | None = None
    search_prefix: str = "chengxin"
    search_shards: int = Field(default=1, ge=1, le=64)
    search_timeout: float = Field(default=10, ge=1, le=300)
    secret_key_file: Path | None = None
    public_url: str = "http://127.0.0.1:8000"
    brands_file: Path | None = None
    log_format: Literal["text", "json"] = "text"
    batch_size: int = Field(default=2000, ge=1, le=100_000)
    dead_letter_window: int = Field(default=1000, ge=10)
    dead_letter_limit: float = Field(default=0.2, gt=0, le=1)
    worker_host: str = "127.0.0.1"
    worker_port: int = Field(default=9100, ge=0, le=65535)
    worker_session_seconds: float = Field(default=45, ge=6, le=300)
    worker_stall_seconds: float = Field(default=120, ge=10, le=3600)
    log_retention_days: int = Field(default=1096, ge=1)
    undo_seconds: int = Field(default=8, ge=0, le=60)
    session_hours: int = Field(default=12, ge=1, le=168)

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if value and not value.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ValueError("应以 sqlite:/// 或 postgresql+psycopg:// 开头")
        return value

    @field_validator("broker_url")
    @classmethod
    def _known_broker(cls, value: str) -> str:
        broker.check_url(value)
        return value

    @field_validator("broker_ca_file", "broker_cert_file", "broker_key_file", "broker_password_file")
    @classmethod
    def _existing_broker_file(cls, value: Path | None) -> Path | None:
        if value is None or str(value) in ("", "."):
            return None
        if not value.is_file():
            raise ValueError("没有这个文件")
        return value.absolute()

    @field_validator("search_url")
    @classmethod
    def _known_search(cls, value: str) -> str:
        hosts = value.split(",")
        if not value.startswith("embedded://") and not all(host.startswith(("http://", "https://")) for host in hosts):
            raise ValueError("应为 embedded:// 或 http(s)://主机:端口，多个用逗号分隔")
        if "@" in value:
            raise ValueError("地址里不要写口令，请改用 CHENGXIN_SEARCH_API_KEY")
        return value

    @field_validator("search_prefix")
    @classmethod
    def _plain_search_prefix(cls, value: str) -> str:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", value):
            raise ValueError("应以小写字母开头，只含小写字母、数字与 _，不超过 41 个字符")
        return value

    @field_validator("search_ca_file")
    @classmethod
    def _readable_ca_file(cls, value: Path | None) -> Path | None:
        if value is None or str(value) in ("", "."):
            return None
        if not value.is_file():
            raise ValueError("没有这个文件；应为签发搜索服务器证书的 CA 证书（PEM）")
        return value.absolute()

    @field_validator("brands_file")
    @classmethod
    def _readable_brands_file(cls, value: Path | None) -> Path | None:
        if value is None or str(value) in ("", "."):
            return None
        if not value.is_file():
            raise ValueError("没有这个文件；应为品牌登记表（.yaml 或 .csv）的路径")
        return value.absolute()

    @field_validator("public_url")
    @classmethod
    def _absolute_public_url(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("应以 http:// 或 https:// 开头")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _absolute_data_dir(self) -> Self:
        object.__setattr__(self, "data_dir", self.data_dir.expanduser().absolute())
        return self

    @model_validator(mode="after")
    def _whole_broker_credentials(self) -> Self:
        if bool(self.broker_user) != (self.broker_password_file is not None):
            raise ValueError("CHENGXIN_BROKER_USER 与 CHENGXIN_BROKER_PASSWORD_FILE 须一起设置")
        if (self.broker_cert_file is None) != (self.broker_key_file is None):
            raise ValueError("CHENGXIN_BROKER_CERT_FILE 与 CHENGXIN_BROKER_KEY_FILE 须一起设置")
        if not self.broker_tls and (self.broker_ca_file or self.broker_cert_file):
            raise ValueError("设了 Kafka 的证书却没有开 TLS，请设 CHENGXIN_BROKER_TLS=true")
        if not self.broker_tls and self.broker_user and self.broker_sasl == "PLAIN":
            raise ValueError(
                "CHENGXIN_BROKER_SASL=PLAIN 会明文传口令，请设 CHENGXIN_BROKER_TLS=true 或改用 SCRAM-SHA-512"
            )
        return self

    @cached_property
    def database(self) -> str:
        """The SQLAlchemy URL: the given one, or a SQLite file inside the data directory."""
        return self.database_url or f"sqlite:///{self.data_dir / 'chengxin.db'}"

    @cached_property
    def secret_key_path(self) -> Path:
        """Where the root secret lives (created on first use with mode 600)."""
        return self.secret_key_file or self.data_dir / "secret.key"

    @property
    def search_dir(self) -> Path:
        """Directory of the embedded search index."""
        return self.data_dir / "search"


def load_settings() -> Settings:
    """Read the environment once.

    Raises:
        ConfigurationError: a value is wrong or a ``CHENGXIN_`` name is unknown; names the variable and the value.
    """
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name in os.environ:
        if name.startswith(PREFIX) and name not in known:
            guess = get_close_matches(name, known, n=1)
            hint = f"，是否想写 {guess[0]}？" if guess else f"，可用：{'、'.join(sorted(known))}"
            raise ConfigurationError(f"未知的环境变量 {name}{hint}")
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        message = first["msg"].removeprefix("Value error, ")
        if not first["loc"]:  # several variables do not go together; the message names them
            raise ConfigurationError(f"环境变量无效：{message}") from None
        name = PREFIX + str(first["loc"][0]).upper()
        given = "（含口令，不显示）" if "@" in str(first["input"]) else repr(first["input"])
        raise ConfigurationError(f"环境变量 {name}={given} 无效：{message}") from None
