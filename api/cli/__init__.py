"""The command line ``chengxin``. Each command group is a module; heavy imports stay inside the commands so that starting is quick."""

from __future__ import annotations

import os
import sys

import typer

from infra.errors import ChengxinError

EXIT_USAGE = 2

app = typer.Typer(
    name="chengxin",
    help="诚信直播：直播电商合规监测、投诉处理与诚信规范经营评分。",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command line; a typed error becomes one red line on stderr and exit code 2."""
    from api.cli import register

    # The arrays here are small: threads for linear algebra would only make every start slower.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    register.all_commands(app)
    try:
        app()
    except ChengxinError as error:
        _say(f"{error.title}：{error}")
    except Exception as error:
        line = _database_trouble(error)
        if line is None:
            raise
        _say(line)
    else:
        return
    sys.exit(EXIT_USAGE)


def _say(line: str) -> None:
    typer.secho(line, fg=typer.colors.RED, err=True)


def _database_trouble(error: Exception) -> str | None:
    """One line for a database that went away in the middle of a command, or has no tables yet; None for any other error."""
    if "sqlalchemy" not in sys.modules:  # a command without database does not load it for this
        return None
    from sqlalchemy.exc import DBAPIError

    from infra import postgresql
    from infra.database import is_passing, lacks_schema
    from infra.settings import load_settings

    if lacks_schema(error):
        return "数据库还没有建表，或比本程序旧：请先运行一次 chengxin serve（启动时自动建表与升级）"
    if not is_passing(error):
        return None
    url = load_settings().database
    if isinstance(error, DBAPIError) and not url.startswith("sqlite"):
        return f"数据库不可用：{postgresql.explain(url, error)}"
    return f"数据库暂时不可用，请稍后重试：{' '.join(str(error).split())[:300]}"
