"""Settings, audit chain, secrets: what every room relies on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog
from sqlalchemy import update

from infra import audit, secrets
from infra.clock import FixedClock
from infra.database import Database, UtcDateTime
from infra.errors import ConfigurationError
from infra.settings import Settings, load_settings
from infra.telemetry import configure_logging


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CHENGXIN_BROKER_URL", "redis://x", "kafka://"),
        ("CHENGXIN_DATABASE_URL", "mysql://x", "postgresql+psycopg://"),
        ("CHENGXIN_LOG_FORMAT", "xml", "CHENGXIN_LOG_FORMAT"),
        ("CHENGXIN_BATCH_SIZE", "0", "CHENGXIN_BATCH_SIZE='0'"),
        ("CHENGXIN_BROKR_URL", "embedded://", "CHENGXIN_BROKER_URL"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_edited_audit_line_is_found(database: Database, clock: FixedClock) -> None:
    with database.write() as connection:
        for number in range(5):
            detail = {"n": number, "at": "2026-11-20"}
            audit.record(connection, actor="a", action="x", target=str(number), detail=detail, at=clock.now())
        assert audit.verify(connection) is None
        connection.execute(update(audit.audit_log).where(audit.audit_log.c.id == 3).values(actor="b"))
        assert audit.verify(connection) == 3


def test_a_naive_moment_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        UtcDateTime().process_bind_param(datetime(2026, 1, 1), dialect=None)  # noqa: DTZ001
    assert UtcDateTime().process_bind_param(None, dialect=None) is None
    assert datetime(2026, 1, 1, tzinfo=UTC).tzinfo is UTC


def test_processes_that_start_together_agree_on_one_secret(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: secrets.derive(settings, "x"), range(16)))
    assert len(found) == 1
    assert settings.secret_key_path.stat().st_mode & 0o777 == 0o600
    assert secrets.derive(settings, "y") not in found


def test_a_secret_others_can_read_is_refused(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    secrets.root_secret(settings)
    settings.secret_key_path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        secrets.root_secret(settings)


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_logged_error_never_shows_local_variables(log_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(log_format)
    phone = "13912345678"
    try:
        _ = {}[len(phone)]
    except KeyError as error:
        structlog.get_logger().error("failed", exc_info=error)
    logged = capsys.readouterr().err
    assert "KeyError" in logged
    assert phone not in logged
    structlog.reset_defaults()
