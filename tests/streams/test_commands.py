"""``chengxin ingest`` and ``chengxin deadletters`` as somebody at a terminal meets them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

import api.cli
from api.cli import deadletters, ingest
from infra.errors import Conflict, FieldError, InvalidInput, NotFound
from streams import deadletters as letters
from streams import log
from streams.events import encode
from tests.conftest import NOON
from tests.streams.fakes import BOOM, utterance
from tests.streams.world import EmbeddedWorld, array

Chengxin = Callable[..., Result]
SUBTITLE = "1\n00:00:01,000 --> 00:00:02,000\n大家好\n"
WHERE = ("--platform", "yunjian", "--room", "r1", "--session", "s1", "--host", "h1")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedWorld]:
    """The database the commands find, as a served installation has it."""
    monkeypatch.setenv("CHENGXIN_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr("infra.migrate.upgrade", lambda _database: False)  # the tables are made from the metadata
    world = EmbeddedWorld(tmp_path / "data", dead_letter_limit=1.0)
    monkeypatch.setenv("CHENGXIN_DATABASE_URL", world.settings.database_url)
    yield world
    world.close()


@pytest.fixture
def chengxin(world: EmbeddedWorld) -> Chengxin:
    app = typer.Typer(rich_markup_mode="markdown")
    for module in (ingest, deadletters):
        module.register(app)

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(app, list(map(str, arguments)), env={"COLUMNS": "200"}, catch_exceptions=True)

    return run


def records(world: EmbeddedWorld, topic: str) -> int:
    with world.database.read() as connection:
        return log.count(connection, topic)


# ---- ingest


def test_files_are_taken_in_with_counts_and_a_reject_file(
    world: EmbeddedWorld, chengxin: Chengxin, tmp_path: Path
) -> None:
    path = tmp_path / "day.jsonl"
    path.write_bytes(encode(utterance(1)) + b"\n{oops\n")
    result = chengxin("ingest", path)
    assert result.exit_code == 1
    assert "day.jsonl：transcripts，utf-8，接收 1 条，拒收 1 条" in result.stdout
    assert "共接收 1 条，拒收 1 条" in result.stdout
    rejects = Path(result.stdout.rpartition("拒收明细：")[2].strip())
    assert rejects.parent == world.settings.data_dir / "rejects"
    assert json.loads(rejects.read_bytes())["line"] == 2
    assert records(world, "transcripts") == 1


def test_a_file_without_fault_ends_with_zero_and_without_reject_file(chengxin: Chengxin, tmp_path: Path) -> None:
    path = tmp_path / "day.srt"
    path.write_text(SUBTITLE)
    result = chengxin("ingest", path, *WHERE, "--start", "2026-11-20T20:00:00+08:00", "--rejects", tmp_path / "no")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "共接收 1 条，拒收 0 条")
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "--platform.*--room.*--session.*--host.*--start"),
        (["--topic", "decisions"], "--topic：应为 transcripts、listings、complaints 之一（收到：decisions）"),
        (["--room", "a b"], "--room：不能含空白或控制字符（收到：a b）"),
        (["--platform", ""], "--platform：不能为空"),
        (["--start", "昨晚八点"], "--start：应为带时区的 ISO 8601 时间.*昨晚八点"),
        (["--start", "2026-11-20T20:00:00"], "--start：应为带时区"),
        (["--start", "3026-11-20T20:00:00+08:00"], "--start：时间在未来"),
    ],
)
def test_a_wrong_option_is_named_once_and_nothing_is_taken_in(
    world: EmbeddedWorld, chengxin: Chengxin, tmp_path: Path, arguments: list[str], named: str
) -> None:
    (tmp_path / "day.srt").write_text(SUBTITLE)
    result = chengxin("ingest", tmp_path / "day.srt", *arguments)
    assert isinstance(result.exception, InvalidInput)
    with pytest.raises(InvalidInput, match=named):
        raise result.exception
    assert records(world, "transcripts") == 0


def test_wrong_usage_ends_with_two_and_one_line(
    world: EmbeddedWorld, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["chengxin", "ingest", "missing.csv"])
    with pytest.raises(SystemExit) as ended:
        api.cli.main()
    assert ended.value.code == 2
    assert "文件不存在（收到：missing.csv）" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", ["ingest", "deadletters", "deadletters list", "deadletters show", "deadletters replay"]
)
def test_every_command_shows_an_example(chengxin: Chengxin, command: str) -> None:
    result = chengxin(*command.split(), "--help")
    assert result.exit_code == 0
    assert f"例：chengxin {command}" in result.stdout


# ---- dead letters


def test_dead_letters_are_listed_shown_and_replayed(world: EmbeddedWorld, chengxin: Chengxin) -> None:
    assert "待处理：无" in chengxin("deadletters", "list").stdout
    world.put("transcripts", utterance(1, BOOM))
    world.put_raw("listings", array(b'{"id":"[red]x[/red]"}'))
    world.run()
    listed = chengxin("deadletters", "list").stdout
    assert "待处理：listings 1 条、transcripts 1 条" in listed
    assert "listings" in chengxin("deadletters", "list", "--topic", "listings").stdout
    first, second = (letter.id for letter in world.letters())
    shown = chengxin("deadletters", "show", first).stdout
    assert f"死信 {first}：主题 listings，分区 0，偏移 1，序号 0" in shown
    assert "- platform：缺少必填字段" in shown
    assert '{"id":"[red]x[/red]"}' in shown
    assert chengxin("deadletters", "replay", first, first).stdout == "已重放 1 条\n"
    assert records(world, "listings") == 2
    again = chengxin("deadletters", "replay", second, first)
    assert isinstance(again.exception, Conflict)
    assert records(world, "transcripts") == 1, "nothing half done"
    assert "是" in chengxin("deadletters", "list", "--all").stdout


def test_replaying_everything_ends_although_events_come_back_bad(
    world: EmbeddedWorld, chengxin: Chengxin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadletters, "PAGE", 2)
    world.put_raw("transcripts", array(*[b"{}"] * 5))
    world.put_raw("listings", b"{}")
    world.run()
    real, errors = letters.replay, (FieldError(**world.letters()[0].errors[0]),)

    def replay_while_the_engine_runs(connection: object, **facts: object) -> int:
        offset = real(connection, **facts)
        bad = letters.NewDeadLetter("transcripts", offset, 0, "k", b"{}", errors)
        letters.bury(connection, [bad], at=NOON)
        return offset

    monkeypatch.setattr(letters, "replay", replay_while_the_engine_runs)
    assert chengxin("deadletters", "replay", "--all", "--topic", "transcripts").stdout == "已重放 5 条\n"
    assert len(world.letters()) == 6


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["replay"], InvalidInput, "二者选一"),
        (["replay", "1", "--all"], InvalidInput, "二者选一"),
        (["replay", "7"], NotFound, "没有找到死信：7"),
        (["show", "7"], NotFound, "没有找到死信：7"),
        (["list", "--topic", "gossip"], InvalidInput, "未知的主题"),
        (["replay", "--all", "--topic", "gossip"], InvalidInput, "未知的主题"),
    ],
)
def test_wrong_asking_is_told(chengxin: Chengxin, arguments: list[str], error: type[Exception], message: str) -> None:
    result = chengxin("deadletters", *arguments)
    assert isinstance(result.exception, error)
    assert message in str(result.exception)
