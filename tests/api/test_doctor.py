"""``chengxin doctor``: says what is wrong and what to do, changes nothing, shows no secret."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import namedtuple
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update

from api import doctor
from api import rotation as rotating
from api.context import Services
from api.doctor import broker as broker_checks
from api.doctor import database as database_checks
from api.doctor import machine
from api.doctor import search as search_checks
from api.doctor.finding import Finding, guarded, worst
from api.engine import make_runner
from infra import migrate, secrets
from infra.clock import Clock, FixedClock, SystemClock
from infra.settings import Settings
from infra.vault import vault_records

CHENGXIN = Path(sys.executable).parent / "chengxin"
SECRETS = {"CHENGXIN_DATABASE_URL": "postgresql+psycopg://chengxin:hunter2@127.0.0.1:1/chengxin"}


def examine(settings: Settings, clock: Clock) -> dict[str, Finding]:
    """All but the detector, which has nothing to do with these and takes seconds to load."""
    rooms = (machine, database_checks, broker_checks, search_checks)
    return {finding.check: finding for room in rooms for finding in room.examine(settings, clock)}


@pytest.fixture
def bare(tmp_path: Path) -> Settings:
    """Defaults on a folder that is not there yet, whatever database the other tests use."""
    return Settings(data_dir=tmp_path / "bare")


def run(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "CHENGXIN_DATA_DIR": str(tmp_path / "data"), **environment}
    return subprocess.run([CHENGXIN, "doctor", *arguments], env=env, capture_output=True, text=True, check=False)


def everything_in(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path): (path.stat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in folder.rglob("*")
        if not path.name.endswith(("-wal", "-shm"))  # SQLite's own, also made by reading
    }


def test_a_fresh_machine_is_well_and_stays_untouched(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode == 0, done.stdout
    assert "错误" not in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_machine_at_work_is_well_and_stays_untouched(services: Services, settings: Settings) -> None:
    migrate.upgrade(services.database)
    with services.database.write() as connection:
        services.vault.put(connection, owner="x", fields={"name": "某女士"}, at=services.clock.now())
    make_runner(services).run_until_idle()
    before = everything_in(settings.data_dir)
    found = doctor.examine(settings, SystemClock())
    assert [finding for finding in found if finding.level != "ok"] == []
    assert everything_in(settings.data_dir) == before


def test_json_is_one_object_with_the_worst_level(tmp_path: Path) -> None:
    done = run(tmp_path, "--json", CHENGXIN_DATABASE_URL=SECRETS["CHENGXIN_DATABASE_URL"])
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["status"]) == (1, "error")
    levels = {check["check"]: check["level"] for check in answer["checks"]}
    assert levels["database"] == "error"
    assert levels["search"] == "ok"  # one broken part hides no other
    assert all(check["do"] for check in answer["checks"] if check["level"] != "ok")


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_no_secret_is_shown(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    key = tmp_path / "secret.key"
    key.write_bytes(b"0123456789abcdefABCDEFghijklmnop")
    key.chmod(0o600)
    done = run(tmp_path, *arguments, CHENGXIN_SECRET_KEY_FILE=str(key), **SECRETS)
    assert "hunter2" not in done.stdout + done.stderr
    assert "0123456789abcdef" not in done.stdout + done.stderr


def test_a_wrong_setting_is_said_and_ends_it(tmp_path: Path) -> None:
    done = run(tmp_path, CHENGXIN_BATCH_SIZE="0")
    assert done.returncode == 1
    assert "CHENGXIN_BATCH_SIZE" in done.stdout


@pytest.mark.parametrize(
    ("mode", "level", "said"),
    [(0o777, "warning", "任何人可写"), (0o1777, "warning", "任何人可写"), (0o750, "ok", "750")],
)
def test_who_else_can_write_to_the_data(bare: Settings, mode: int, level: str, said: str) -> None:
    bare.data_dir.mkdir()
    bare.data_dir.chmod(mode)
    (found,) = machine.data_dir(bare)
    assert (found.level, said in found.found) == (level, True)


def test_a_data_directory_that_is_a_file(bare: Settings) -> None:
    bare.data_dir.write_text("x")
    (found,) = machine.data_dir(bare)
    assert found.level == "error"


Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize(("free", "level"), [(0.5, "error"), (5, "warning"), (20, "ok")])
def test_room_on_the_disk(bare: Settings, monkeypatch: pytest.MonkeyPatch, free: float, level: str) -> None:
    usage = Usage(100 * machine.GIB, 0, free * machine.GIB)
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _path: usage)
    (found,) = machine.disk(bare)
    assert found.level == level


def test_a_small_disk_that_is_half_empty_is_fine(bare: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = Usage(8 * machine.GIB, 0, 4 * machine.GIB)
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _path: usage)
    (found,) = machine.disk(bare)
    assert found.level == "ok"


def test_a_key_file_others_can_read(settings: Settings, clock: FixedClock) -> None:
    secrets.root_secret(settings)
    settings.secret_key_path.chmod(0o644)
    found = examine(settings, clock)["secret_key"]
    assert (found.level, "chmod 600" in found.found) == ("error", True)


def test_a_key_exchange_that_is_not_finished(services: Services, settings: Settings, clock: FixedClock) -> None:
    migrate.upgrade(services.database)
    rotating.rotate(services)
    found = examine(settings, clock)["secret_key"]
    assert (found.level, "--finish" in found.do) == ("warning", True)


def test_a_vault_sealed_with_another_key(services: Services, settings: Settings, clock: FixedClock) -> None:
    migrate.upgrade(services.database)
    with services.database.write() as connection:
        services.vault.put(connection, owner="x", fields={}, at=clock.now())
        connection.execute(update(vault_records).values(key_id="0" * 16))
    found = examine(settings, clock)["vault"]
    assert (found.level, found.found.startswith("1 条记录")) == ("error", True)


@pytest.mark.parametrize(("version", "level"), [("9999", "error"), ("0001", "error")])
def test_a_database_of_another_version(
    services: Services, settings: Settings, clock: FixedClock, version: str, level: str
) -> None:
    migrate.upgrade(services.database)
    with services.database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": version})
    found = examine(settings, clock)["migrations"]
    assert found.level == level
    assert found.do


def test_a_file_that_is_no_database(bare: Settings, clock: FixedClock) -> None:
    bare.data_dir.mkdir()
    (bare.data_dir / "chengxin.db").write_bytes(b"this is not a database" * 100)
    assert examine(bare, clock)["database"].level == "error"


def test_an_engine_that_gave_no_sign_of_life(services: Services, settings: Settings, clock: FixedClock) -> None:
    migrate.upgrade(services.database)
    row = {"state": "running", "reason": "", "bad_share": 0.0, "at": clock.now() - timedelta(minutes=5)}
    with services.database.write() as connection:
        from streams.tables import engine_status

        connection.execute(engine_status.insert(), {"engine": "embedded", **row})
    assert examine(settings, clock)["broker"].level == "warning"


def test_dead_letters_that_wait(services: Services, settings: Settings, clock: FixedClock) -> None:
    from streams import log

    migrate.upgrade(services.database)
    with services.database.write() as connection:
        log.append(connection, "transcripts", "yunjian/r1", b"not json", clock.now())
    make_runner(services).run_until_idle()
    found = examine(settings, clock)["dead_letters"]
    assert (found.level, "transcripts 1 条" in found.found) == ("warning", True)


@pytest.mark.parametrize(("seconds", "level"), [(0.5, "ok"), (-5, "warning"), (300, "error")])
def test_clocks_that_differ(seconds: float, level: str) -> None:
    found = database_checks.skew("clock", "数据库", seconds)
    assert (found.level, ("快" if seconds > 0 else "慢") in found.found) == (level, True)


def test_a_check_that_breaks_is_an_error_in_one_line() -> None:
    @guarded("x", "看日志")
    def check() -> Any:
        yield Finding("x", "ok", "fine")
        raise RuntimeError("first postgresql://a:hunter2@db\nsecond")

    good, bad = check()
    assert (good.level, bad.level, bad.do) == ("ok", "error", "看日志")
    assert "second" not in bad.found
    assert "hunter2" not in bad.found
    assert worst([good]) == "ok"


@pytest.mark.parametrize(("free", "level"), [(50, "ok"), (10, "warning"), (3, "error")])
def test_how_full_the_search_servers_disk_is(free: int, level: str) -> None:
    class Nodes:
        def stats(self, **_asked: Any) -> dict[str, Any]:
            empty = {"fs": {"total": {"total_in_bytes": 100, "available_in_bytes": 90}}}
            full = {"fs": {"total": {"total_in_bytes": 100, "available_in_bytes": free}}}
            return {"nodes": {"a": empty, "b": full}}

    class Client:
        nodes = Nodes()

    (found,) = search_checks._disk(Client())
    assert (found.level, f"{100 - free}%" in found.found) == (level, True)


@pytest.mark.services
def test_postgresql_is_examined(postgres_url: str, settings: Settings) -> None:
    real = Settings(data_dir=settings.data_dir, database_url=postgres_url)
    found = examine(real, SystemClock())
    assert (found["database"].level, found["migrations"].level) == ("ok", "warning")
    assert found["database"].found.startswith("PostgreSQL")
    assert found["clock"].level == "ok"
    slow = FixedClock(datetime.now(UTC) - timedelta(minutes=10))
    assert examine(real, slow)["clock"].level == "error"


@pytest.mark.services
def test_kafka_is_examined(kafka_url: str, unique_name: str, settings: Settings) -> None:
    from streams.kafka import cluster, topics
    from streams.kafka.connection import Connection

    real = Settings(data_dir=settings.data_dir, broker_url=kafka_url, broker_prefix=f"{unique_name}.")
    missing = [f for f in broker_checks.examine(real, SystemClock()) if f.check == "topics"]
    assert {f.level for f in missing} == {"error"}
    assert "topics apply --replication 1" in missing[0].do
    connection = Connection.from_settings(real)
    with cluster.administration(connection) as admin:
        cluster.apply(admin, connection, topics.load(), replication=1, grow=False)
    after = examine(real, SystemClock())
    assert (after["broker"].level, after["topics"].level) == ("ok", "ok")
    assert (after["workers"].level, "没有处理进程" in after["workers"].found) == ("warning", True)


@pytest.mark.services
def test_elasticsearch_is_examined(elasticsearch_url: str, unique_name: str, settings: Settings) -> None:
    from infra.search import open_search

    real = Settings(data_dir=settings.data_dir, search_url=elasticsearch_url, search_prefix=unique_name)
    before = examine(real, SystemClock())
    assert before["search"].found.startswith("Elasticsearch 8.")
    assert "%" in before["search_disk"].found
    assert (before["aliases"].level, "还没有索引" in before["aliases"].found) == ("warning", True)
    index = open_search(real)
    try:
        index.prepare()
        assert examine(real, SystemClock())["aliases"].level == "ok"
        client = index._client  # type: ignore[attr-defined]
        name = next(iter(client.indices.get_alias(name=f"{unique_name}-flag")))
        client.indices.delete(index=name)
        lacking = examine(real, SystemClock())["aliases"]
        assert (lacking.level, lacking.do) == ("error", "chengxin reindex")
    finally:
        left = index._client.indices.get_alias(index=f"{unique_name}-*")  # type: ignore[attr-defined]
        for name in left:
            index._client.indices.delete(index=name)  # type: ignore[attr-defined]
        index.close()
