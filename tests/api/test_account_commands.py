"""``chengxin user`` and ``chengxin apikey`` as scripts use them."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from api.auth.accounts import verify_key, verify_password
from api.cli import app, register
from infra.database import Database
from infra.settings import load_settings
from tests.services import database_for

register.all_commands(app)


@pytest.fixture(autouse=True)
def _own_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CHENGXIN_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("CHENGXIN_DATABASE_URL", database_for(tmp_path))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def last_line(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout.strip().splitlines()[-1]


def database() -> Database:
    return Database(load_settings().database)


def test_a_new_key_stands_alone_on_the_last_line_and_opens_its_role_only() -> None:
    key = last_line(run("apikey", "add", "yunjian-gateway", "--role", "gateway"))
    with database().read() as connection:
        actor = verify_key(connection, key=key)
        assert verify_key(connection, key=key[:-1] + "x") is None
    assert actor is not None
    assert (actor.name, actor.role) == ("yunjian-gateway", "gateway")


def test_a_revoked_key_opens_nothing() -> None:
    key = last_line(run("apikey", "add", "old", "--role", "officer"))
    assert run("apikey", "revoke", key.split("_")[1]).exit_code == 0
    with database().read() as connection:
        assert verify_key(connection, key=key) is None


def test_a_password_is_taken_from_the_environment_or_made_up_and_shown_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made_up = last_line(run("user", "add", "wang.min", "--role", "officer"))
    monkeypatch.setenv("NEW_PASSWORD", "correct-horse-battery")
    assert "correct-horse-battery" not in run("user", "add", "li.hua", "--role", "committee").output
    with database().read() as connection:
        assert verify_password(connection, name="wang.min", password=made_up)
        assert verify_password(connection, name="li.hua", password="correct-horse-battery")
        assert not verify_password(connection, name="li.hua", password=made_up)


@pytest.mark.parametrize(
    "arguments",
    [
        ("user", "add", "x y", "--role", "officer"),
        ("user", "add", "wang", "--role", "emperor"),
        ("apikey", "add", "p1", "--role", "platform"),
        ("apikey", "revoke", "nothing"),
    ],
)
def test_wrong_names_and_roles_are_refused(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code != 0
