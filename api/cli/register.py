"""The list of command modules, in the order in which ``chengxin --help`` shows them."""

from __future__ import annotations

from importlib import import_module

import typer

COMMANDS = (
    "check",
    "lexicon",
    "ingest",
    "serve",
    "worker",
    "demo",
    "score",
    "accounts",
    "reindex",
    "deadletters",
    "topics",
    "brands",
    "rotate_key",
    "migrate",
    "doctor",
)


def all_commands(app: typer.Typer) -> None:
    """Add every command to ``app``."""
    for name in COMMANDS:
        import_module(f"api.cli.{name}").register(app)
