"""Holds commands named in documents and deployment files against the command line as it is."""

from __future__ import annotations

from collections.abc import Sequence
from enum import EnumType
from functools import cache
from typing import Any

import typer


class NoSuchCommand(AssertionError):
    """A named command or option does not exist; the message says which."""


@cache
def command_line() -> Any:
    """The whole command line as click sees it."""
    from api.cli import app, register

    register.all_commands(app)
    return typer.main.get_command(app)


def check_command(words: Sequence[str]) -> None:
    """Raise ``NoSuchCommand`` unless ``chengxin words…`` names a command and its options take these values.

    Values of arguments may be placeholders; an option's value is checked only for being there.
    """
    found, rest = command_line(), list(words)
    path = ["chengxin"]
    while hasattr(found, "commands"):
        if rest and rest[0] in ("--help", "-h"):
            return
        if not rest or rest[0] not in found.commands:
            raise NoSuchCommand(f"{' '.join(path)}: no command {rest[:1]}, there are {sorted(found.commands)}")
        path.append(rest[0])
        found = found.commands[rest.pop(0)]
    options = {name: parameter for parameter in found.params for name in (*parameter.opts, *parameter.secondary_opts)}
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            continue
        name, given, _ = word.partition("=")
        if name in ("--help", "-h"):
            continue
        if name not in options:
            raise NoSuchCommand(f"{' '.join(path)}: no option {name}, there are {sorted(options)}")
        if not options[name].is_flag and not given:
            if not rest:
                raise NoSuchCommand(f"{' '.join(path)}: {name} needs a value")
            value = rest.pop(0)
            kind = options[name].type_descriptor.annotation
            if isinstance(kind, EnumType) and value not in (choices := [member.value for member in kind]):
                raise NoSuchCommand(f"{' '.join(path)}: {name} takes one of {choices}, not {value}")
