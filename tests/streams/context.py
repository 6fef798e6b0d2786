"""What is kept around flags, line by line: which lines lie in one row depends on how the batches were cut, and on nothing else."""

from __future__ import annotations

from sqlalchemy import Connection, select

from casework.tables import flag_contexts


def lines_around_flags(connection: Connection) -> list[str]:
    """One text for every line of every flag, as officers see them, sorted."""
    pieces = connection.execute(select(flag_contexts.c.flag, flag_contexts.c.lines))
    return sorted({repr((flag, *line)) for flag, piece in pieces for line in piece})
