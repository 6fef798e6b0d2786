"""A change of key loses nothing, whenever it is killed, and running processes follow it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select, update

from api import rotation as rotating
from api.auth.tables import sessions
from api.context import Services
from infra import migrate, rotation, secrets
from infra.audit import audit_log
from infra.errors import ConfigurationError, Conflict
from infra.sealing import Unreadable
from infra.settings import Settings
from infra.vault import keys_in_use, vault_access, vault_records
from tests.api.conftest import PASSWORD

CONTACT = {"name": "某女士", "phone": "13900000000"}


@pytest.fixture
def services(services: Services) -> Services:
    """The services of the room's tests, on a database that is there before any application starts."""
    migrate.upgrade(services.database)
    return services


def fill(services: Services, count: int) -> list[str]:
    with services.database.write() as connection:
        return [
            services.vault.put(
                connection, owner=f"complaint:{n}", fields={**CONTACT, "n": str(n)}, at=services.clock.now()
            )
            for n in range(count)
        ]


def read_all(services: Services, refs: list[str]) -> list[dict[str, str]]:
    with services.database.write() as connection:
        return [
            services.vault.open(connection, ref=ref, actor="a", reason="r", at=services.clock.now()) for ref in refs
        ]


def in_use(services: Services) -> dict[str, int]:
    with services.database.read() as connection:
        return keys_in_use(connection)


def test_everything_is_sealed_with_the_new_key_and_still_opens(services: Services) -> None:
    refs = fill(services, 450)
    before = read_all(services, refs)
    (old,) = in_use(services)
    done = rotating.rotate(services)
    assert (done.started, done.resealed, done.unreadable) == (True, 450, ())
    (new,) = in_use(services)
    assert new != old
    assert read_all(services, refs) == before
    assert rotating.finish(services).resealed == 0
    assert not secrets.previous_path(services.settings).exists()
    assert read_all(Services(services.settings, services.clock), refs) == before


def test_it_is_audited_and_is_no_access_to_the_vault(services: Services) -> None:
    fill(services, 3)
    rotating.rotate(services)
    rotating.finish(services)
    with services.database.read() as connection:
        actions = connection.execute(select(audit_log.c.action).order_by(audit_log.c.id)).scalars().all()
        assert connection.execute(select(func.count()).select_from(vault_access)).scalar() == 0
    assert actions == ["key.rotate", "key.rotate", "key.finish"]


def test_records_of_the_first_version_are_taken_over(services: Services) -> None:
    refs = fill(services, 2)
    with services.database.write() as connection:
        connection.execute(update(vault_records).values(key_id="1"))
    assert read_all(services, refs)[1]["n"] == "1"
    assert rotating.rotate(services).resealed == 2
    rotating.finish(services)
    assert read_all(services, refs)[0]["name"] == CONTACT["name"]


def test_a_running_process_seals_with_the_new_key_at_once(services: Services) -> None:
    other = Services(services.settings, services.clock)
    refs = fill(other, 1)
    rotating.rotate(services)
    refs += fill(other, 1)
    assert set(in_use(services)) == {services.vault.key_id}
    rotating.finish(services)
    assert [fields["n"] for fields in read_all(other, refs)] == ["0", "0"]


def test_what_a_late_process_sealed_with_the_old_key_is_caught_by_finish(services: Services) -> None:
    old = secrets.root_secret(services.settings)
    rotating.rotate(services)
    late = Settings(
        data_dir=services.settings.data_dir,
        secret_key_file=services.settings.data_dir / "late.key",
        database_url=services.settings.database,
    )
    late.secret_key_path.write_bytes(old)
    late.secret_key_path.chmod(0o600)
    refs = fill(Services(late, services.clock), 2)
    assert rotating.finish(services).resealed == 2
    assert len(read_all(services, refs)) == 2


def test_the_old_key_stays_while_a_record_needs_it(services: Services) -> None:
    refs = fill(services, 3)
    with services.database.write() as connection:
        broken = update(vault_records).where(vault_records.c.ref == refs[1]).values(sealed=b"x" * 40)
        connection.execute(broken)
    done = rotating.rotate(services)
    assert (done.resealed, done.unreadable) == (2, (refs[1],))
    with pytest.raises(Conflict, match="还有 1 条"):
        rotating.finish(services)
    assert secrets.previous_path(services.settings).exists()


def test_a_lost_key_is_said_and_not_guessed(services: Services) -> None:
    refs = fill(services, 1)
    services.settings.secret_key_path.unlink()
    with pytest.raises(Unreadable, match="CHENGXIN_SECRET_KEY_FILE"):
        read_all(Services(services.settings, services.clock), refs)


def test_a_process_at_work_outlives_a_key_file_taken_away_or_spoilt(services: Services) -> None:
    path = services.settings.secret_key_path
    refs = fill(services, 1)
    secret = path.read_bytes()
    path.unlink()
    refs += fill(services, 1)
    assert not path.exists()  # it made no new key up
    path.write_bytes(b"short")
    path.chmod(0o600)
    refs += fill(services, 1)
    path.write_bytes(secret)
    assert len(in_use(services)) == 1
    assert len(read_all(Services(services.settings, services.clock), refs)) == 3


def test_two_runs_at_once_are_refused(services: Services) -> None:
    secrets.root_secret(services.settings)
    with rotation.alone(services.settings), pytest.raises(Conflict, match="正在运行"):
        rotating.rotate(services)


def test_finish_without_an_exchange_is_refused(services: Services) -> None:
    secrets.root_secret(services.settings)
    with pytest.raises(Conflict, match="没有正在进行"):
        rotating.finish(services)


def test_three_different_keys_are_left_for_a_person_to_sort_out(services: Services) -> None:
    for path in (services.settings.secret_key_path, *_others(services.settings)):
        secrets.create(path)
    with pytest.raises(ConfigurationError, match="人工核对"):
        rotating.rotate(services)


def _others(settings: Settings) -> tuple[Path, Path]:
    return secrets.next_path(settings), secrets.previous_path(settings)


KILLED = """
    import os, signal, sys
    from pathlib import Path
    from api import rotation as rotating
    from api.context import Services
    from infra import secrets
    from infra.clock import SystemClock
    from infra.settings import Settings
    from infra.vault import Vault

    left = int(sys.argv[2])
    def killing(real):
        def wrapped(*args, **kwargs):
            global left
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
            return real(*args, **kwargs)
        return wrapped
    os.link, os.fsync, Path.replace = killing(os.link), killing(os.fsync), killing(Path.replace)
    Vault.reseal = killing(Vault.reseal)
    rotating.BATCH = 3
    rotating.rotate(Services(Settings(data_dir=Path(sys.argv[1]), database_url=sys.argv[3]), SystemClock()))
"""


STEPS = 11
"""Three syncs and two links of making the new key, its renaming and sync, and four steps over seven records in threes."""


@pytest.mark.parametrize("steps", range(STEPS + 1))
def test_killed_at_any_step_nothing_is_lost_and_the_next_run_completes(
    services: Services, tmp_path: Path, steps: int
) -> None:
    refs = fill(services, 7)
    before = read_all(services, refs)
    script = tmp_path / "killed.py"
    script.write_text(textwrap.dedent(KILLED))
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, script, services.settings.data_dir, str(steps), services.settings.database],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        check=False,
    )
    assert done.returncode == (-signal.SIGKILL if steps < STEPS else 0)
    fresh = Services(services.settings, services.clock)
    assert read_all(fresh, refs) == before
    rotating.rotate(fresh)
    assert set(in_use(fresh)) == {fresh.vault.key_id}
    assert not secrets.next_path(services.settings).exists()
    rotating.finish(fresh)
    assert read_all(fresh, refs) == before


def test_an_answer_remembered_before_is_repeated_after(services: Services, gateway: TestClient) -> None:
    body, headers = "[]", {"Idempotency-Key": "k1"}
    first = gateway.post("/api/v1/events/transcripts", content=body, headers=headers)
    rotating.rotate(services)
    rotating.finish(services)
    again = gateway.post("/api/v1/events/transcripts", content=body, headers=headers)
    assert (again.status_code, again.json()) == (first.status_code, first.json())


def test_sessions_end_when_asked(services: Services, public: TestClient, account: str) -> None:
    public.post("/login", data={"name": account, "password": PASSWORD})
    with services.database.read() as connection:
        count = connection.execute(select(func.count()).select_from(sessions)).scalar()
    assert rotating.rotate(services, end_sessions=True).sessions_ended == count
