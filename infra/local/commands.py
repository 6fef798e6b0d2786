"""The commands of local servers: bring them up, say where they are, take them down, run the tests that need them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from infra.local import needs, software
from infra.local.elasticsearch import LocalElasticsearch
from infra.local.kafka import LocalKafka
from infra.local.postgresql import LocalPostgres
from infra.local.server import LocalServer

SETTINGS: Final = {
    "Kafka": ("CHENGXIN_BROKER_URL", "TEST_BROKER_URL", "kafka://"),
    "Elasticsearch": ("CHENGXIN_SEARCH_URL", "TEST_SEARCH_URL", "http"),
    "PostgreSQL": ("CHENGXIN_DATABASE_URL", "TEST_DATABASE_URL", "postgresql+psycopg://"),
}
# On PostgreSQL the rooms that store things are tested once more, whole.
ROOMS_WITH_DATABASE: Final = ("tests/rating", "tests/casework", "tests/streams", "tests/infra", "tests/api")

app = typer.Typer(help="本机的 Kafka、Elasticsearch 与 PostgreSQL（不用容器）。", no_args_is_help=True)


@app.command()
def up() -> None:
    """启动三个服务并打印要导出的环境变量；已在运行的不动，环境变量里已给出地址的用给出的。

    例：`eval "$(python -m infra.local up)"`
    """
    _check_needs()
    lines = []
    for server in _servers(_folder()):
        setting, _, scheme = SETTINGS[server.name]
        given = os.environ.get(setting, "")
        if given.startswith(scheme):
            typer.echo(f"{server.name}：用 {setting} 给出的服务", err=True)
            lines.append(f"export {setting}={given}")
            continue
        fresh = not server.running
        server.start()
        server.wait_ready()
        typer.echo(f"{server.name}：{'已启动' if fresh else '已在运行'}，日志 {server.log}", err=True)
        lines.append(f"export {setting}={server.url}")
    typer.echo("\n".join(lines))


@app.command()
def down() -> None:
    """停止由 up 启动的服务；别的进程一概不动，数据保留。

    例：`python -m infra.local down`
    """
    for server in reversed(_servers(_folder())):
        was_running = server.running
        server.stop()
        typer.echo(f"{server.name}：{'已停止' if was_running else '没有在运行'}", err=True)


@app.command()
def status() -> None:
    """逐个报告服务是否在运行、在哪里；有一个不能用就以 1 退出。

    例：`python -m infra.local status`
    """
    healthy = True
    for server in _servers(_folder()):
        state = "没有在运行"
        if server.running:
            try:
                server.check()
                state = f"正常 {server.url}"
            except Exception as error:  # any client's error means the same here
                state = f"无应答 {str(error)[:200]}"
        healthy &= state.startswith("正常")
        typer.echo(f"{server.name}：{state}")
    raise typer.Exit(0 if healthy else 1)


@app.command("test", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run_tests(
    context: typer.Context,
    rooms: Annotated[bool, typer.Option(help="之后再让有数据库的各房间测试整个跑在 PostgreSQL 上")] = True,
    chaos: Annotated[bool, typer.Option(help="最后在负载下反复杀进程、停服务（短的一套，十几次）")] = True,
) -> None:
    """启动临时服务，运行需要它们的测试（其余参数交给 pytest，那时只做这一步），然后停止并删除。

    例：`python -m infra.local test --no-rooms tests/streams -x`
    """
    _check_needs()
    pytest = [sys.executable, "-m", "pytest"]
    with _temporary_servers() as environment:
        typer.echo("需要真实服务的测试……", err=True)
        code = subprocess.call([*pytest, "-m", "services", *context.args], env=environment)  # noqa: S603
        if rooms and not context.args:
            typer.echo("各房间在 PostgreSQL 上……", err=True)
            parallel = ["-n", "auto", "--dist", "loadfile"]
            again = subprocess.call(  # noqa: S603
                [*pytest, *parallel, "-m", "not services and not browser", *ROOMS_WITH_DATABASE], env=environment
            )
            code = code or again
    if chaos and not context.args:
        typer.echo("在负载下反复杀进程、停服务……", err=True)
        last = subprocess.call([*pytest, "-m", "chaos", "tests/chaos"], env=os.environ | {"CHAOS": "quick"})  # noqa: S603
        code = code or last
    raise typer.Exit(code)


@contextmanager
def _temporary_servers() -> Iterator[dict[str, str]]:
    """Three servers that live for one test run; gives the environment that tells the tests where they are."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers below are stopped then too
    environment = dict(os.environ)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chengxin-services-")))
        folder.chmod(0o755)
        kept = software.reachable_folder(_folder() / "software", folder / "software")
        environment[software.FOLDER_VARIABLE] = os.environ[software.FOLDER_VARIABLE] = str(kept)
        for server in _servers(folder, durable=False):
            _, variable, _ = SETTINGS[server.name]
            if variable not in os.environ:
                stack.enter_context(server)
                environment[variable] = server.url
        yield environment


def _servers(folder: Path, *, durable: bool = True) -> list[LocalServer]:
    return [
        LocalPostgres(folder / "postgresql", durable=durable),
        LocalKafka(folder / "kafka"),
        LocalElasticsearch(folder / "elasticsearch"),
    ]


def _check_needs() -> None:
    wanted = [needs.java, needs.maven]
    if not any(os.environ.get(v, "").startswith("postgresql") for v in ("CHENGXIN_DATABASE_URL", "TEST_DATABASE_URL")):
        wanted.append(needs.postgres_programs)
    needs.require(*wanted)


def _folder() -> Path:
    return Path(os.environ.get("CHENGXIN_DATA_DIR") or "data").absolute() / "services"
