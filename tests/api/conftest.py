"""An application on a fresh database with a detector that knows one claim, and clients with each role's key."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.app import create_app
from api.auth.accounts import ROLES, add_account, add_key
from api.context import Services
from api.engine import make_runner
from infra.clock import FixedClock
from infra.settings import Settings
from tests.fakes import OneClaimDetector

PASSWORD = "correct-horse-battery"
Run = Callable[[], None]


@pytest.fixture
def services(settings: Settings, clock: FixedClock) -> Iterator[Services]:
    made = Services(settings, clock, make_detector=OneClaimDetector)
    yield made
    made.close()


@pytest.fixture
def app(settings: Settings, services: Services) -> FastAPI:
    return create_app(settings, services=services, run_engine=False)


@pytest.fixture
def public(app: FastAPI) -> Iterator[TestClient]:
    """Somebody without key or session."""
    with TestClient(app, raise_server_exceptions=False, follow_redirects=False) as client:
        yield client


@pytest.fixture
def keys(public: TestClient, services: Services) -> dict[str, str]:
    """An API key for each role."""
    with services.database.write() as connection:
        return {
            role: add_key(connection, name=f"test-{role}", role=role, at=services.clock.now(), platform="yunjian")
            for role in ROLES
        }


@pytest.fixture
def as_role(app: FastAPI, keys: dict[str, str]) -> Callable[[str], TestClient]:
    """A client that sends the key of a role."""

    def make(role: str) -> TestClient:
        client = TestClient(app, raise_server_exceptions=False, follow_redirects=False)
        client.headers["Authorization"] = f"Bearer {keys[role]}"
        return client

    return make


@pytest.fixture
def officer(as_role: Callable[[str], TestClient]) -> TestClient:
    return as_role("officer")


@pytest.fixture
def gateway(as_role: Callable[[str], TestClient]) -> TestClient:
    return as_role("gateway")


@pytest.fixture
def account(public: TestClient, services: Services) -> str:
    """An officer's account with password ``PASSWORD``."""
    with services.database.write() as connection:
        add_account(connection, name="wang.min", role="officer", password=PASSWORD, at=services.clock.now())
    return "wang.min"


@pytest.fixture
def run(services: Services) -> Run:
    """Work off everything that is on the log."""
    runner = make_runner(services)
    return lambda: runner.run_until_idle() and None
