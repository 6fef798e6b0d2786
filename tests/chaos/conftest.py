"""Servers of the chaos tests' own: nobody else's are ever killed. Prints what was done and how long catching up took."""

from __future__ import annotations

import os
import secrets
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from infra.local.elasticsearch import LocalElasticsearch
from infra.local.kafka import LocalKafka
from infra.local.postgresql import LocalPostgres
from tests.chaos.world import Servers, World

FULL = os.environ.get("CHAOS") == "full"
SEED = int(os.environ.get("CHAOS_SEED") or secrets.randbelow(1_000_000))


@dataclass
class Tally:
    """What the suite has done so far."""

    kills: int = 0
    lines: list[str] = field(default_factory=list)

    def tell(self, line: str) -> None:
        print(line)
        self.lines.append(line)


TALLY = Tally()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The figures, after the results."""
    if TALLY.lines:
        terminalreporter.section("chaos")
        for line in TALLY.lines:
            terminalreporter.write_line(line)
        terminalreporter.write_line(f"kills: {TALLY.kills}; repeat with CHAOS_SEED={SEED}")


@pytest.fixture(scope="session")
def tally() -> Tally:
    return TALLY


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> Random:
    """Chances of the test's own, the same again for the same seed."""
    print(f"CHAOS_SEED={SEED}")
    return Random(f"{SEED}/{request.node.name}")


@pytest.fixture(scope="session")
def all_servers() -> Iterator[Servers]:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped then too
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chengxin-chaos-")))
        folder.chmod(0o755)
        servers = Servers(
            LocalKafka(folder / "kafka", heap="320m"),
            LocalElasticsearch(folder / "elasticsearch", heap="384m"),
            LocalPostgres(folder / "postgresql"),
        )
        for server in servers.all():
            stack.callback(server.kill)
        servers.ensure()
        yield servers


@pytest.fixture
def servers(all_servers: Servers) -> Servers:
    """The servers, all of them running."""
    all_servers.ensure()
    return all_servers


@pytest.fixture
def make_world(servers: Servers, tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes an installation; everything it started is gone afterwards."""
    with ExitStack() as stack:

        def make(**settings: object) -> World:
            world = World(tmp_path / "storm", servers, f"c{secrets.token_hex(4)}", **settings)
            stack.callback(world.close)
            return world

        yield make
