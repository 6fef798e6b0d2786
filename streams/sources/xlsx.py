"""Excel workbooks (XLSX): the first sheet, formulas read as the values they had. Refuses what unpacks to more than it should."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import openpyxl

from infra.errors import InvalidInput
from streams.sources import table
from streams.sources.source import Source, Wanted

MAX_UNPACKED: Final = 256 * 1024 * 1024
MAX_SHARED_STRINGS: Final = 64 * 1024 * 1024
MAX_PARTS: Final = 2000
MAX_COLUMNS: Final = 200
MAX_ROWS: Final = 1_048_576
SHARED_STRINGS: Final = "xl/sharedStrings.xml"


def read(wanted: Wanted) -> Source:
    """Open a workbook.

    Raises:
        InvalidInput: it is no workbook, unpacks to too much, or its header cannot be understood.
    """
    _check_size(wanted.path)
    numbered = enumerate(_cells(wanted.path), start=1)
    first = next(numbered, None)
    if first is None:
        raise InvalidInput.one("header", wanted.path.name, "第一个工作表是空的，第一行应为列名")
    header = table.read_header(wanted, first[1])
    size = wanted.path.stat().st_size
    return Source(header.topic, "xlsx", table.rows(wanted, header, numbered), lambda: size, header.ignored)


def _check_size(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError) as error:
        raise InvalidInput.one("file", path.name, f"不是有效的 XLSX 文件（{error}）") from error
    # The sizes are those the archive declares; zipfile never unpacks more than that.
    unpacked = sum(part.file_size for part in parts)
    strings = sum(part.file_size for part in parts if part.filename == SHARED_STRINGS)
    if unpacked > MAX_UNPACKED or strings > MAX_SHARED_STRINGS or len(parts) > MAX_PARTS:
        size = MAX_UNPACKED // 1024 // 1024
        raise InvalidInput.one("file", path.name, f"解压后有 {unpacked} 字节，上限 {size} MiB；请拆分或改用 CSV")


def _cells(path: Path) -> Iterator[Sequence[Any]]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and extensions, which do not concern us
            book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
            sheet = book.worksheets[0]
            sheet.reset_dimensions()  # the declared size may be wrong either way
        try:
            for number, cells in enumerate(sheet.iter_rows(values_only=True, max_col=MAX_COLUMNS), start=1):
                # A row may claim any number; the reader would make up all the empty rows before it.
                if number > MAX_ROWS:
                    raise InvalidInput.one("file", path.name, f"多于 {MAX_ROWS} 行；请拆分或改用 CSV")
                yield cells
        finally:
            book.close()
    except InvalidInput:
        raise
    except Exception as error:  # a broken workbook fails in openpyxl, zlib, zipfile or the XML parser in a dozen ways
        raise InvalidInput.one("file", path.name, f"无法读取工作表（{type(error).__name__}：{error}）") from error
