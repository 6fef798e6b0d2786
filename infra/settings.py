"""Settings from the environment (prefix ``CHENGXIN_``), all with safe defaults. A wrong value stops the start with one line."""

from __future__ import annotations

import os
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.errors import ConfigurationError

PREFIX = "CHENGXIN_"


class Settings(BaseSettings):
    """Everything that can be set from outside. See docs/settings.md for the meaning of each name."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    data_dir: Path = Path("data")
    database_url: str = ""
    broker_url: str = "embedded://"
    search_url: str = "embedded://"
    secret_key_file: Path | None = None
    public_url: str = "http://127.0.0.1:8000"
    brands_file: Path | None = None
    log_format: Literal["text", "json"] = "text"
    batch_size: int = Field(default=2000, ge=1, le=100_000)
    dead_letter_window: int = Field(default=1000, ge=10)
    dead_letter_limit: float = Field(default=0.2, gt=0, le=1)
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
        if not value.startswith(("embedded://", "kafka://")):
            raise ValueError("应为 embedded:// 或 kafka://主机:端口")
        return value

    @field_validator("search_url")
    @classmethod
    def _known_search(cls, value: str) -> str:
        if not value.startswith(("embedded://", "http://", "https://")):
            raise ValueError("应为 embedded:// 或 http(s)://主机:端口")
        return value

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
        name = PREFIX + str(first["loc"][0]).upper()
        raise ConfigurationError(f"环境变量 {name}={first['input']!r} 无效：{first['msg']}") from None
