"""``python -m infra.local up|down|test|status``: what ``make services-…`` runs."""

from __future__ import annotations

import sys

import typer

from infra.errors import ChengxinError
from infra.local.commands import app

if __name__ == "__main__":
    try:
        app(prog_name="python -m infra.local")
    except ChengxinError as error:
        typer.secho(f"{error.title}：{error}", fg=typer.colors.RED, err=True)
        sys.exit(2)
