"""Runs the real ``chengxin worker`` or ``chengxin serve`` in a process of its own, so that a test can kill it.

Three things are not the real ones: the classifiers are light, so that a process starts at once; the clock runs from the noon
of the sample day on, and jumps when the test says so; and what a killed indexer held is free again after seconds, not minutes.
"""

from __future__ import annotations

import functools
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from classifiers.finding import Versions
from infra import clock
from infra.search import queue
from infra.settings import load_settings
from tests.conftest import NOON
from tests.factories import VERSIONS
from tests.streams.fakes import FakeDetector, fake_tools

CLOCK_FILE = "clock.json"


class Setting(msgspec.Struct, frozen=True):
    """When the clock stood at noon (seconds of the machine's clock), and how far it has jumped since (seconds)."""

    noon: float
    jump: float = 0.0


class JumpingClock:
    """A clock that a test sets from outside, through a file."""

    def __init__(self) -> None:
        self._file = load_settings().data_dir / CLOCK_FILE

    def now(self) -> datetime:
        setting = msgspec.json.decode(self._file.read_bytes(), type=Setting)
        return (NOON + timedelta(seconds=time.time() - setting.noon + setting.jump)).astimezone(UTC)


class LightDetector(FakeDetector):
    """What a process needs of a detector."""

    versions: Versions = VERSIONS

    def __init__(self) -> None:
        super().__init__()
        self.asked = _Nothing()


class _Nothing(list):
    """Keeps no record of what was asked: the process runs for long."""

    def __iadd__(self, _other: object) -> _Nothing:
        return self


def set_clock(folder: Path, setting: Setting) -> None:
    """Set the clock of all processes that work in a folder, at once."""
    fresh = folder / f"{CLOCK_FILE}.new"
    fresh.write_bytes(msgspec.json.encode(setting))
    fresh.replace(folder / CLOCK_FILE)


def main() -> None:
    command, port = sys.argv[1], int(sys.argv[2])
    clock.SystemClock = JumpingClock
    queue.HELD_FOR = timedelta(seconds=15)
    import api.context
    import api.worker
    from api.cli.serve import serve
    from api.cli.worker import worker

    api.context.Services = functools.partial(api.context.Services, make_detector=LightDetector)
    api.worker.standard_tools = lambda _detector, **_options: fake_tools(LightDetector())
    if command == "worker":
        worker(host=None, port=port, only=None)
    else:
        serve(host="127.0.0.1", port=port, proxy="127.0.0.1")


if __name__ == "__main__":
    main()
