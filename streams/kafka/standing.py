"""How a worker stands: written by its event loop, read by its health door and its watchdog. It decides nothing."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Literal

from infra.errors import ChengxinError
from streams.batches import Done

State = Literal["starting", "running", "rebalancing", "retrying", "stopped"]


class WorkerStopped(ChengxinError):
    """The worker cannot go on; the message says why."""

    title = "处理进程已停止"


@dataclass
class Standing:
    """How the worker stands, for its health page and its watchdog. Written by the loop, read by other threads."""

    state: State = "starting"
    reason: str = ""
    beat: float = field(default_factory=time.monotonic)
    since: float = field(default_factory=time.monotonic)
    to_read: int | None = None
    read_at: float = field(default_factory=time.monotonic)
    assigned: dict[str, set[int]] = field(default_factory=dict)
    done: Done = field(default_factory=Done)
    bad_share: float = 0.0

    def be(self, state: State, reason: str = "") -> None:
        """Note a change; the time it began is kept while the state stays."""
        if state != self.state:
            self.since = time.monotonic()
        self.state, self.reason = state, reason

    def reads_tables(self, to_read: int | None) -> None:
        """How many records of the changelogs are still to be read before work can begin; None: they are not being read."""
        if to_read != self.to_read:
            self.to_read, self.read_at = to_read, time.monotonic()
