"""A server's operating-system process and its children: started as a plain user, signalled as one, found again by pid file.

It never touches a process it did not start: the pid file holds the start time, so that a reused pid is recognised.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from infra.errors import ChengxinError, ConfigurationError

PLAIN_USER: Final = "nobody"
LOG_LINES_SHOWN: Final = 5


class ServerFailed(ChengxinError):
    """A local server did not start or ended by itself; the message has the end of its log."""

    title = "本机服务未能启动"


class Identity(msgspec.Struct, frozen=True):
    """What the pid file holds: the process, when it started (clock ticks since boot) and the port it serves."""

    pid: int
    started: int
    port: int


def plain_user() -> str | None:
    """The user servers run as: None means the caller; as root a plain one, since two of the servers refuse root."""
    return PLAIN_USER if os.geteuid() == 0 else None


def give_to_plain_user(folder: Path) -> None:
    """Make the folder, and what is in it, the plain user's; refuse a place that user cannot reach.

    Raises:
        ConfigurationError: a folder above is closed to other users.
    """
    folder.mkdir(parents=True, exist_ok=True)
    user = plain_user()
    if user is None:
        return
    require_reachable(folder)
    entry = pwd.getpwnam(user)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)


def is_reachable(folder: Path) -> bool:
    """Whether the plain user can enter the folder."""
    return _closed_parent(folder) is None


def require_reachable(folder: Path) -> None:
    """Raises ConfigurationError when the plain user cannot enter the folder."""
    closed = _closed_parent(folder)
    if closed is not None:
        raise ConfigurationError(
            f"以 root 运行时服务由用户 {PLAIN_USER} 启动，而目录 {closed} 不许其他用户进入："
            f"请 chmod o+x {closed}，或把 CHENGXIN_DATA_DIR 设到别处"
        )


def _closed_parent(folder: Path) -> Path | None:
    if plain_user() is None:
        return None
    # What is not there yet is made by us, open.
    there = (parent for parent in reversed(folder.absolute().parents) if parent.exists())
    return next((parent for parent in there if not parent.stat().st_mode & 0o001), None)


def as_plain_user(folder: Path) -> dict[str, Any]:
    """Arguments of ``subprocess`` that run a preparing command in ``folder`` as the plain user."""
    user = plain_user()
    if user is None:
        return {"cwd": folder}
    return {"cwd": folder, "user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


class ServerProcess:
    """One process with its children. ``start`` it here, or ``attach`` to the one that a pid file names."""

    def __init__(self, identity: Identity, child: subprocess.Popen[bytes] | None = None) -> None:
        self.identity = identity
        self._child = child

    @classmethod
    def start(
        cls, command: Sequence[str | Path], *, folder: Path, log: Path, port: int, environment: Mapping[str, str]
    ) -> ServerProcess:
        """Run the command in the background in a session of its own; its output is appended to ``log``."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            child = subprocess.Popen(  # noqa: S603  the command is made by this package
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                start_new_session=True,
                **as_plain_user(folder),
            )
        return cls(Identity(child.pid, _started(child.pid) or 0, port), child)

    @classmethod
    def attach(cls, pid_file: Path) -> ServerProcess | None:
        """The process that the pid file names, if it still is the same one."""
        try:
            identity = msgspec.json.decode(pid_file.read_bytes(), type=Identity)
        except (FileNotFoundError, msgspec.DecodeError):
            return None
        return cls(identity) if _started(identity.pid) == identity.started else None

    @property
    def alive(self) -> bool:
        if self._child is not None and self._child.poll() is not None:
            return False
        return _started(self.identity.pid) == self.identity.started

    def signal_all(self, number: signal.Signals) -> list[int]:
        """Send the signal to the process and everything below it; returns the pids."""
        family = self._family()
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        return family

    def terminate(self, number: signal.Signals, *, patience: float) -> None:
        """Ask the process to end and wait; after ``patience`` seconds end it by force."""
        if not self.alive:
            return
        family = self._family()
        self.signal_all(signal.SIGCONT)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.identity.pid, number)
        if not self._gone(family, patience):
            self.kill()

    def kill(self) -> None:
        """SIGKILL to all of them at once, as when the machine loses power; waits until they are gone."""
        if self.alive:
            family = self.signal_all(signal.SIGKILL)
            self._gone(family, 30)

    def _family(self) -> list[int]:
        found, waiting = [], [self.identity.pid]
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                with contextlib.suppress(OSError):
                    waiting += [int(child) for child in children.read_text().split()]
        return found

    def _gone(self, family: list[int], patience: float) -> bool:
        until = time.monotonic() + patience
        while self.alive or any(_started(pid) is not None for pid in family[1:]):
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True


def _started(pid: int) -> int | None:
    """When the process started; None when there is none or only its exit status is left."""
    try:
        facts = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        # The first thread shows as a zombie while the others still end, and until then they hold the ports.
        ended = facts[0] == "X" or (facts[0] == "Z" and len(list(Path(f"/proc/{pid}/task").iterdir())) <= 1)
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if ended else int(facts[19])


def tail(log: Path) -> str:
    """The last lines of a log, in one line."""
    if not log.is_file():
        return "（没有日志）"
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return " | ".join(line[:300] for line in lines[-LOG_LINES_SHOWN:])
