"""The real application served on a free port, and a real Chromium to look at it with."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from api.app import create_app
from api.auth.accounts import add_account
from api.context import Services
from infra.clock import FixedClock
from infra.settings import Settings
from tests.browser.world import OFFICER, PASSWORD
from tests.fakes import OneClaimDetector

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 20.0
MISSING = "浏览器测试没有运行：这台机器上找不到 Chromium。安装：apt-get install chromium（Debian/Ubuntu），然后 make browser-tests"


@dataclass(frozen=True)
class Site:
    """A running application: where it listens, its services, its clock."""

    url: str
    services: Services
    clock: FixedClock

    def advance(self, seconds: float) -> None:
        """Let time pass for the application, for example until a decision can no longer be undone."""
        self.clock.advance(timedelta(seconds=seconds))

    def until(self, condition: Callable[[], Any]) -> Any:
        """Wait for the engine: the first true value of ``condition``."""
        deadline = time.monotonic() + PATIENCE
        while not (value := condition()):
            if time.monotonic() > deadline:
                raise AssertionError(f"did not come true within {PATIENCE} s")
            time.sleep(0.05)
        return value


@pytest.fixture(scope="session")
def chromium() -> str:
    """Chromium's path. Without one the tests are skipped loudly, or fail when REQUIRE_BROWSER=1."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is not None:
        return found
    if os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail(MISSING, pytrace=False)
    pytest.skip(MISSING)


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """One headless browser for a module; closed with it, because Playwright keeps an event loop running meanwhile."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        yield launched
        launched.close()


@pytest.fixture
def serve(tmp_path: Path, clock: FixedClock) -> Iterator[Callable[..., Site]]:
    """Starts the application; takes settings to change."""
    stops: list[Callable[[], None]] = []

    def start(**changes: Any) -> Site:
        settings = Settings(data_dir=tmp_path / f"data-{len(stops)}", **changes)
        services = Services(settings, clock, make_detector=OneClaimDetector)
        config = uvicorn.Config(
            create_app(settings, services=services), host="127.0.0.1", port=0, log_level="warning", access_log=False
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        stops.append(lambda: _stop(server, thread))
        while not server.started:
            assert thread.is_alive(), "the application did not start"
            time.sleep(0.01)
        with services.database.write() as connection:
            add_account(connection, name=OFFICER, role="officer", password=PASSWORD, at=clock.now())
        port = server.servers[0].sockets[0].getsockname()[1]
        return Site(f"http://127.0.0.1:{port}", services, clock)

    yield start
    for stop in stops:
        stop()


@pytest.fixture
def site(serve: Callable[..., Site]) -> Site:
    """The application with its usual settings."""
    return serve()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh browser profile on a desktop screen."""
    made = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say it again at the end, where it is seen."""
    skipped = terminalreporter.stats.get("skipped", [])
    if any(MISSING in str(report.longrepr) for report in skipped):
        terminalreporter.write_line(MISSING, yellow=True, bold=True)


def _stop(server: uvicorn.Server, thread: threading.Thread) -> None:
    server.should_exit = True
    thread.join(timeout=PATIENCE)
    assert not thread.is_alive(), "the application did not stop"
