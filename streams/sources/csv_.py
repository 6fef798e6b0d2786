"""Comma- or tab-separated tables of listings and complaints."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any, Final

from infra.errors import FieldError, InvalidInput
from streams.sources import table
from streams.sources.lines import Lines
from streams.sources.source import Row, Source, Wanted

MAX_CELL: Final = 1_000_000
TAB: Final = "\t"


def read(wanted: Wanted) -> Source:
    """Open a CSV or TSV file. Raises ``InvalidInput`` when its header is missing or cannot be understood."""
    lines = Lines(wanted.path)
    reading = _Reading(lines)
    cells = reading.header()
    if not cells:
        raise InvalidInput.one("header", wanted.path.name, "文件是空的，第一行应为列名")
    header = table.read_header(wanted, cells)
    return Source(header.topic, lines.encoding, _rows(wanted, header, reading), lines.position, header.ignored)


def _rows(wanted: Wanted, header: table.Header, reading: _Reading) -> Iterator[Row]:
    for number, cells in reading:
        if isinstance(cells, FieldError):
            yield Row.wrong(number, cells.value, cells)
        elif len(cells) > len(header.fields) and any(cell.strip() for cell in cells[len(header.fields) :]):
            error = FieldError.of("row", ",".join(cells), f"有 {len(cells)} 列，比列名多；含逗号的内容请加引号")
            yield Row.wrong(number, ",".join(cells), error)
        else:
            yield from table.rows(wanted, header, [(number, cells)])


class _Reading:
    """Rows with the number of their first line, errors in between; a row broken by its encoding is told, not guessed."""

    def __init__(self, lines: Lines) -> None:
        self._lines = iter(lines)
        self._error: FieldError | None = None
        self._last = 0
        self._reader: Any = None

    def header(self) -> list[str]:
        """The first row; its separator is used for the whole file."""
        first = next(self._texts(), "")
        delimiter = TAB if TAB in first else ","
        csv.field_size_limit(MAX_CELL)
        cells = next(csv.reader([first], delimiter=delimiter), [])
        self._reader = csv.reader(self._texts(), delimiter=delimiter)
        return cells

    def __iter__(self) -> Iterator[tuple[int, list[str] | FieldError]]:
        while True:
            begin = self._last + 1
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield begin, FieldError.of("row", "", f"无法按 CSV 解析（{error}），多半是引号没有成对")
                continue
            broken, self._error = self._error, None
            yield begin, broken or cells

    def _texts(self) -> Iterator[str]:
        for line in self._lines:
            self._last = line.number
            self._error = self._error or line.error
            yield line.text + "\n"
