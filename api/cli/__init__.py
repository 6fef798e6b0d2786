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
        typer.secho(f"{error.title}：{error}", fg=typer.colors.RED, err=True)
        sys.exit(EXIT_USAGE)
