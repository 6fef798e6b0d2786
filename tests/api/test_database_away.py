"""While the database is away, requests are answered 503 and nothing breaks; when it is back, so is everything."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError

from api.app import create_app
from api.auth.accounts import add_key
from api.context import Services
from infra.clock import FixedClock
from infra.local import LocalPostgres
from infra.settings import Settings
from tests.fakes import OneClaimDetector

CHENGXIN = Path(sys.executable).parent / "chengxin"


def test_a_locked_sqlite_file_is_a_bad_moment_and_not_an_error(
    as_role: Callable[[str], TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3

    def locked(*_: object, **__: object) -> None:
        raise OperationalError("BEGIN IMMEDIATE", {}, sqlite3.OperationalError("database is locked"))

    officer = as_role("officer")
    monkeypatch.setattr("casework.flags.queue", locked)
    answer = officer.get("/api/v1/flags")
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "5"
    assert answer.json()["detail"] == "数据库暂时不可用，这次请求没有写入任何内容，请稍后重试。"


@pytest.mark.services
def test_a_stopped_and_restarted_server_costs_503s_and_nothing_else(
    server_dir: Path, tmp_path: Path, clock: FixedClock
) -> None:
    with LocalPostgres(server_dir / "postgresql", durable=False) as server:
        settings = Settings(data_dir=tmp_path / "data", database_url=server.url)
        services = Services(settings, clock, make_detector=OneClaimDetector)
        app = create_app(settings, services=services, run_engine=False)
        with TestClient(app, raise_server_exceptions=False) as client:
            with services.database.write() as connection:
                key = add_key(connection, name="officer", role="officer", at=clock.now())
            client.headers["Authorization"] = f"Bearer {key}"
            assert client.get("/api/v1/flags").status_code == 200
            for end in (server.stop, server.kill):
                end()
                away = client.get("/api/v1/flags")
                assert away.status_code == 503
                assert away.headers["content-type"] == "application/problem+json"
                assert away.json()["title"] == "服务暂不可用"
                assert int(away.headers["retry-after"]) > 0
                assert client.get("/healthz").status_code == 200
                ready = client.get("/readyz")
                assert ready.status_code == 503
                assert "password" not in ready.text
                assert client.get("/subjects").status_code == 503, "pages say it too"
                server.start()
                server.wait_ready()
                assert client.get("/api/v1/flags").status_code == 200


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def test_a_command_on_a_database_without_tables_says_how_they_are_made(
    tmp_path: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    url = "" if kind == "sqlite" else request.getfixturevalue("postgres_url")
    environment = os.environ | {"CHENGXIN_DATA_DIR": str(tmp_path), "CHENGXIN_DATABASE_URL": url}
    command = [CHENGXIN, "score", "host:yunjian:h1"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stderr.strip() == "数据库还没有建表，或比本程序旧：请先运行一次 chengxin serve（启动时自动建表与升级）"


@pytest.mark.parametrize("command", [("score", "host:x:1"), ("user", "add", "a", "--role", "officer")])
def test_a_command_without_its_server_ends_in_one_line(tmp_path: Path, command: tuple[str, ...]) -> None:
    url = "postgresql+psycopg://officer:geheim@127.0.0.1:1/chengxin"
    environment = os.environ | {"CHENGXIN_DATA_DIR": str(tmp_path), "CHENGXIN_DATABASE_URL": url}
    done = subprocess.run(
        [CHENGXIN, *command], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert "CHENGXIN_DATABASE_URL" in done.stderr
    assert "连不上" in done.stderr
    assert "geheim" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
