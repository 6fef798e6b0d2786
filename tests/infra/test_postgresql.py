"""PostgreSQL refused, lost, busy and shared: what is said, what is kept, what waits for what."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import make_url, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, InternalError, OperationalError

from infra import migrate, outbox, postgresql
from infra.database import Database, insert_ignore, is_passing, lock, try_lock
from infra.errors import ConfigurationError, Conflict
from tests.conftest import NOON

NOWHERE = "postgresql+psycopg://officer:geheim@127.0.0.1:1/chengxin"


@pytest.fixture
def server(postgres_url: str) -> Iterator[Database]:
    """A migrated PostgreSQL database."""
    database = Database(postgres_url)
    migrate.upgrade(database)
    yield database
    database.close()


def refusal(url: str) -> str:
    database = Database(url)
    try:
        with pytest.raises(ConfigurationError) as raised:
            database.require_usable()
    finally:
        database.close()
    message = str(raised.value)
    assert message.startswith("CHENGXIN_DATABASE_URL：")
    assert "\n" not in message
    assert "geheim" not in message
    return message


def test_a_server_that_is_not_there_is_said_with_its_place_and_without_the_password() -> None:
    message = refusal(NOWHERE)
    assert "officer@127.0.0.1:1/chengxin 连不上" in message
    assert "请启动 PostgreSQL" in message


@pytest.mark.parametrize("url", ["postgresql+psycopg://u:geheim@host:port/x", "postgresql+psycopg://u:geheim@[::1/x"])
def test_an_address_that_cannot_be_read_is_said(url: str) -> None:
    with pytest.raises(ConfigurationError, match="CHENGXIN_DATABASE_URL：地址无法识别") as raised:
        Database(url)
    assert "geheim" not in str(raised.value)


@pytest.mark.services
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"password": "geheim"}, "用户名或密码不对"),
        ({"username": "nobody", "password": "geheim"}, "用户名或密码不对"),
        ({"database": "nothing_here"}, "没有这个库"),
    ],
)
def test_wrong_credentials_and_a_missing_database_are_told_apart(
    postgres_url: str, change: dict[str, str], said: str
) -> None:
    wrong = make_url(postgres_url).set(**change)
    assert said in refusal(wrong.render_as_string(hide_password=False))


@pytest.mark.services
def test_a_server_that_is_too_old_is_refused(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql, "MINIMUM", 99)
    assert "需要 99 或更新，请升级服务器" in refusal(postgres_url)


@pytest.mark.services
def test_a_database_in_another_encoding_is_refused(postgres_url: str) -> None:
    name = make_url(postgres_url).database
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        create = f"CREATE DATABASE {name}_latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        connection.execute(create)
        try:
            message = refusal(
                make_url(postgres_url).set(database=f"{name}_latin").render_as_string(hide_password=False)
            )
        finally:
            connection.execute(f"DROP DATABASE {name}_latin WITH (FORCE)")
    assert "编码是 LATIN1，须为 UTF8" in message


@pytest.mark.services
def test_a_user_who_may_not_make_tables_is_told_what_to_ask_for(postgres_url: str) -> None:
    name = f"reader_{make_url(postgres_url).database}"
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"REVOKE CREATE ON SCHEMA public FROM public; CREATE ROLE {name} LOGIN PASSWORD 'geheim'")
        url = make_url(postgres_url).set(username=name, password="geheim").render_as_string(hide_password=False)
        database = Database(url)
        try:
            with pytest.raises(ConfigurationError, match=r"没有建表改表的权限.*GRANT CREATE") as raised:
                migrate.upgrade(database)
        finally:
            database.close()
            connection.execute(f"DROP ROLE {name}")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (OperationalError("SELECT", {}, psycopg.errors.DeadlockDetected()), True),
        (OperationalError("SELECT", {}, psycopg.errors.AdminShutdown()), True),
        (OperationalError("SELECT", {}, psycopg.errors.LockNotAvailable()), True),
        (OperationalError("SELECT", {}, psycopg.OperationalError("server closed the connection")), True),
        (InternalError("INSERT", {}, psycopg.errors.ReadOnlySqlTransaction()), True),
        (IntegrityError("INSERT", {}, psycopg.errors.UniqueViolation()), False),
        (DBAPIError("SELECT", {}, psycopg.errors.UndefinedTable()), False),
        (ValueError("no"), False),
    ],
)
def test_a_bad_moment_is_told_from_a_mistake(error: Exception, passing: bool) -> None:
    assert is_passing(error) is passing


@pytest.mark.services
def test_a_read_sees_one_moment_and_can_change_nothing(server: Database) -> None:
    row = {"event_id": "e", "topic": "decisions", "key": "k", "value": b"", "due": NOON}
    with server.read() as reading:
        assert reading.execute(select(outbox.outbox)).all() == []
        with server.write() as writing:
            writing.execute(outbox.outbox.insert(), row)
        assert reading.execute(select(outbox.outbox)).all() == []
    with server.read() as reading, pytest.raises(DBAPIError, match="read-only"):
        reading.execute(outbox.outbox.insert(), {**row, "event_id": "f"})


@pytest.mark.services
def test_who_wants_what_somebody_has_locked_waits_for_the_end_of_that_transaction(server: Database) -> None:
    order: list[str] = []
    locked = threading.Event()

    def second() -> None:
        locked.wait()
        with server.write() as connection:
            lock(connection, "the job")
            order.append("second")

    waiter = threading.Thread(target=second)
    waiter.start()
    with server.write() as connection:
        lock(connection, "the job")
        lock(connection, "the job")  # once held, taking it again costs nothing
        locked.set()
        _until_somebody_waits(server)
        order.append("first")
    waiter.join()
    assert order == ["first", "second"]


@pytest.mark.services
def test_a_long_job_is_done_by_one_process_only_and_is_free_again_afterwards(server: Database) -> None:
    other = Database(server.url)
    with server.alone("retention"):
        with pytest.raises(Conflict, match="retention"), other.alone("retention"):
            raise AssertionError("two at once")
        with other.alone("something else"), server.write() as connection:
            assert try_lock(connection, "a row") is True
            with other.write() as second:
                assert try_lock(second, "a row") is False
    with other.alone("retention"):
        pass
    other.close()


def _until_somebody_waits(server: Database) -> None:
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'")
    for _ in range(10_000):
        with server.read() as connection:
            if connection.execute(waiting).scalar_one():
                return
    raise AssertionError("nobody waits")


@pytest.mark.services
def test_the_outbox_leaves_out_what_another_holds_and_everything_of_that_subject_behind_it(server: Database) -> None:
    with server.write() as connection:
        for number, key in enumerate(["a", "b", "a", "b", "c"]):
            outbox.append(connection, event_id=f"e{number}", topic="decisions", key=key, event={}, due=NOON)
    with server.write() as officer:
        assert outbox.withdraw(officer, event_id="e0")
        with server.write() as relay:
            assert [entry.event_id for entry in outbox.take_due(relay, now=NOON)] == ["e1", "e3", "e4"]
    with server.write() as relay:
        assert [entry.event_id for entry in outbox.take_due(relay, now=NOON)] == ["e2"]


@pytest.mark.services
def test_two_relays_at_once_take_every_event_once(server: Database) -> None:
    with server.write() as connection:
        for number in range(200):
            outbox.append(connection, event_id=f"e{number}", topic="decisions", key=f"{number % 7}", event={}, due=NOON)
    taken: list[list[str]] = [[], [], []]

    def relay(own: list[str]) -> None:
        for _ in range(200):
            with server.write() as connection:
                own += [entry.event_id for entry in outbox.take_due(connection, now=NOON + timedelta(1), limit=9)]

    _all_at_once([lambda own=own: relay(own) for own in taken])
    with server.write() as connection:
        left = [entry.event_id for entry in outbox.take_due(connection, now=NOON + timedelta(1))]
    every = [event for own in taken for event in own] + left
    assert sorted(every) == sorted(f"e{n}" for n in range(200))


@pytest.mark.services
def test_an_unfinished_insert_is_waited_for_and_then_counted_as_known(server: Database) -> None:
    rows = [{"event_id": f"e{n}", "topic": "t", "key": "k", "value": b"", "due": NOON} for n in range(3)]
    with server.write() as connection:
        assert insert_ignore(connection, outbox.outbox, rows[:2]) == 2
    with server.write() as connection:
        assert insert_ignore(connection, outbox.outbox, rows) == 1
        assert insert_ignore(connection, outbox.outbox, rows) == 0


@pytest.mark.services
@pytest.mark.parametrize("rows", [1, 50])
def test_what_is_too_long_is_refused_and_never_cut(server: Database, rows: int) -> None:
    row = {"topic": "t" * 65, "key": "k", "value": b"", "due": NOON}
    with pytest.raises(DBAPIError, match="too long"), server.write() as connection:
        insert_ignore(connection, outbox.outbox, [{"event_id": f"e{n}", **row} for n in range(rows)])


@pytest.mark.services
def test_a_connection_that_was_cut_is_replaced_before_it_is_used(server: Database) -> None:
    with server.read() as connection:
        connection.execute(text("SELECT 1"))
    _cut_all_others(server)
    with server.read() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1


@pytest.mark.services
def test_a_transaction_that_is_cut_leaves_nothing_and_counts_as_a_bad_moment(server: Database) -> None:
    row = {"event_id": "e", "topic": "t", "key": "k", "value": b"", "due": NOON}

    def act() -> None:
        with server.write() as connection:
            connection.execute(outbox.outbox.insert(), row)
            _cut_all_others(server)
            connection.execute(text("SELECT 1"))

    with pytest.raises(DBAPIError) as cut:
        act()
    assert is_passing(cut.value)
    with server.read() as connection:
        assert connection.execute(select(outbox.outbox)).all() == []


def _cut_all_others(server: Database) -> None:
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    with psycopg.connect(server.url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"{cut} AND pid <> pg_backend_pid()")


def _all_at_once(jobs: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
