"""Reads a text file line by line, whatever its size, and finds out whether it is UTF-8 or GB18030. Never guesses a third."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from infra.errors import FieldError, InvalidInput
from streams.events import MAX_RECORD

Encoding = Literal["utf-8", "utf-8-sig", "gb18030"]
CHUNK: Final = 1024 * 1024
UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line without its end: decoded, or with the error that kept it from being decoded."""

    number: int
    text: str
    error: FieldError | None = None


def detect_encoding(path: Path) -> Encoding:
    """The encoding of a file, found by reading all of it.

    A file with a few broken lines is told by the lines that are whole: Chinese in GB18030 is hardly ever valid UTF-8.

    Raises:
        InvalidInput: the file is UTF-16.
    """
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith(UTF16):
        raise InvalidInput.one("file", path.name, "文件是 UTF-16 编码，请另存为 UTF-8")
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if _is_utf8(path):
        return "utf-8"
    # Asked first: GB18030 reads most UTF-8 without an error, as other characters, so its own "valid" says nothing here.
    return "utf-8" if _mostly_utf8(path) else "gb18030"


class Lines:
    """The lines of a file in its encoding. A line of more than ``MAX_RECORD`` bytes is an error and is not kept in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.encoding: Encoding = detect_encoding(path)
        self.consumed = 0

    def position(self) -> int:
        """How many bytes have been read."""
        return self.consumed

    def raw(self) -> Iterator[tuple[int, bytes | FieldError]]:
        """Line numbers and bytes without the line's end, or an error for a line that is too long."""
        with self.path.open("rb") as file:
            file.seek(len(codecs.BOM_UTF8) if self.encoding == "utf-8-sig" else 0)
            number = 0
            while line := file.readline(MAX_RECORD + 2):
                number += 1
                too_long = len(line.rstrip(b"\r\n")) > MAX_RECORD
                while too_long and line and not line.endswith(b"\n"):
                    line = file.readline(CHUNK)
                self.consumed = file.tell()
                if too_long:
                    yield number, FieldError.of("line", "", f"一行超过 {MAX_RECORD // CHUNK} MiB")
                else:
                    yield number, line.rstrip(b"\r\n")

    def __iter__(self) -> Iterator[TextLine]:
        for number, line in self.raw():
            if isinstance(line, FieldError):
                yield TextLine(number, "", line)
            else:
                yield self.decode(number, line)

    def decode(self, number: int, line: bytes) -> TextLine:
        """One line as text."""
        name = "gb18030" if self.encoding == "gb18030" else "utf-8"
        try:
            return TextLine(number, line.decode(name))
        except UnicodeDecodeError as error:
            shown = line.decode(name, "backslashreplace")
            message = f"不是有效的 {name.upper()} 文本（行内第 {error.start + 1} 字节）"
            return TextLine(number, shown, FieldError.of("line", shown, message))


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _mostly_utf8(path: Path) -> bool:
    whole = broken = 0
    with path.open("rb") as file:
        while line := file.readline(CHUNK):
            if line.isascii():
                continue
            try:
                line.decode("utf-8")
                whole += 1
            except UnicodeDecodeError:
                broken += 1
    return whole > broken
