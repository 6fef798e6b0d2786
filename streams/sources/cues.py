"""Subtitle cues (SRT and WebVTT) → utterances. The files carry words and times; room, host and start come from outside."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from infra.errors import FieldError, InvalidInput
from streams.events import check_field
from streams.sources.lines import Lines, TextLine
from streams.sources.source import Row, Source, Wanted, row_of

TOPIC: Final = "transcripts"
NEEDED: Final = ("platform", "room", "session", "host", "start")
SPEAKERS: Final = {"评论": "comment", "嘉宾": "guest", "贴片": "overlay", "画面": "overlay", "主播": "host"}
MAX_CUE: Final = 100_000
MAX_DIGITS: Final = 9

_CLOCK: Final = r"(?:(\d{1,4}):)?([0-5]?\d):([0-5]?\d)[,.](\d{1,3})"
_TIMING: Final = re.compile(rf"\s*{_CLOCK}\s*-->\s*{_CLOCK}(?:\s.*)?")
_PREFIX: Final = re.compile(rf"\s*({'|'.join(SPEAKERS)})\s*[：:]\s*")
_SRT_MARKUP: Final = re.compile(r"</?(?:b|i|u|s|font)\b[^<>]*>|\{\\[^{}]*\}", re.IGNORECASE)
_VTT_MARKUP: Final = re.compile(r"</?(?:b|i|u|c|v|lang|ruby|rt)\b[^<>]*>|<[\d:.]+>", re.IGNORECASE)
_VTT_BLOCKS: Final = ("WEBVTT", "NOTE", "STYLE", "REGION")


@dataclass(frozen=True, slots=True)
class Block:
    """Lines between two empty ones; ``line`` is the number of the first."""

    line: int
    lines: list[str]
    error: FieldError | None

    @property
    def raw(self) -> str:
        return "\n".join(self.lines)


def read(wanted: Wanted, *, vtt: bool) -> Source:
    """Open a subtitle file.

    Raises:
        InvalidInput: the room, the session, the host or the start of the session are not given.
    """
    missing = [name for name in NEEDED if not wanted.defaults.get(name)]
    if missing:
        raise InvalidInput(
            *(FieldError.of(f"--{name}", "", "字幕文件里没有这一项，请在命令行给出") for name in missing)
        )
    start = wanted.defaults["start"]
    if not isinstance(start, datetime) or start.tzinfo is None:
        raise InvalidInput.one("--start", str(start), "应为带时区的 ISO 8601 时间，例如 2026-11-20T20:00:00+08:00")
    if message := check_field(TOPIC, "start", start, now=wanted.now):
        raise InvalidInput.one("--start", start.isoformat(), message)
    lines = Lines(wanted.path)
    return Source(TOPIC, lines.encoding, _rows(wanted, start, lines, vtt=vtt), lines.position)


def _rows(wanted: Wanted, start: datetime, lines: Lines, *, vtt: bool) -> Iterator[Row]:
    last = 0
    for block in _blocks(lines):
        if vtt and block.lines[0].lstrip("\ufeff").startswith(_VTT_BLOCKS) and not _timing_at(block):
            continue
        number, row = _cue(wanted, start, block, last, vtt=vtt)
        last = max(last, number)
        yield row


def _blocks(lines: Iterable[TextLine]) -> Iterator[Block]:
    held: list[str] = []
    first, size, error = 0, 0, None
    for line in lines:
        if line.text.strip() or line.error:
            first = first if held else line.number
            held.append(line.text)
            size += len(line.text) + 1
            error = error or line.error
            if size < MAX_CUE:
                continue
            error = error or FieldError.of("cue", line.text, f"一条字幕超过 {MAX_CUE} 个字符，多半缺少空行")
        if held:
            yield Block(first, held, error)
            held, size, error = [], 0, None
    if held:
        yield Block(first, held, error)


def _timing_at(block: Block) -> int | None:
    """Where the line with the times is: the first one, or the second after a number or name; as 1 or 2."""
    return next((i + 1 for i, line in enumerate(block.lines[:2]) if _TIMING.fullmatch(line)), None)


def _cue(wanted: Wanted, start: datetime, block: Block, last: int, *, vtt: bool) -> tuple[int, Row]:
    """The cue's number and its row."""
    if block.error:
        return last, Row.wrong(block.line, block.raw, block.error)
    at = _timing_at(block)
    if at is None:
        error = FieldError.of("cue", block.raw, "缺少时间行，例如 00:00:01,000 --> 00:00:03,500")
        return last, Row.wrong(block.line, block.raw, error)
    number = _number(block.lines[0] if at == 2 else "", last)
    if number is None:
        # Numbers make the event ids: a repeated one would be taken for the same words sent twice, and be lost.
        error = FieldError.of("cue", block.lines[0].strip(), f"字幕序号应大于上一条的 {last}")
        return last, Row.wrong(block.line, block.raw, error)
    match = _TIMING.fullmatch(block.lines[at - 1])
    times = match.groups() if match else ()
    values = {
        "id": f"{wanted.defaults['session']}-{number:04d}",
        "start": (start + _offset(times[:4])).isoformat(),
        "end": (start + _offset(times[4:])).isoformat(),
        **_words(block.lines[at:], vtt=vtt),
    }
    return number, row_of(wanted, TOPIC, block.line, values, block.raw)


def _number(label: str, last: int) -> int | None:
    """The cue's own number; counted where the file gives none or a name. None: it goes backwards."""
    if not label.strip().isdecimal() or len(label.strip()) > MAX_DIGITS:
        return last + 1
    number = int(label)
    return number if number > last else None


def _offset(parts: tuple[str | None, ...]) -> timedelta:
    hours, minutes, seconds, fraction = (part or "0" for part in parts)
    return timedelta(
        hours=int(hours), minutes=int(minutes), seconds=int(seconds), milliseconds=int(fraction.ljust(3, "0"))
    )


def _words(lines: list[str], *, vtt: bool) -> dict[str, Any]:
    markup = _VTT_MARKUP if vtt else _SRT_MARKUP
    text = " ".join(markup.sub("", line).strip() for line in lines)
    text = html.unescape(text) if vtt else text
    prefix = _PREFIX.match(text)
    if prefix is None:
        return {"text": text}
    return {"text": text[prefix.end() :], "speaker": SPEAKERS[prefix.group(1)]}
