"""The web process tells what it checks with, and goes on when a newer lexicon cannot be loaded."""

from __future__ import annotations

from fastapi.testclient import TestClient

from api.app import create_app
from api.context import Services
from infra.clock import FixedClock
from infra.errors import ConfigurationError
from infra.settings import Settings
from tests.fakes import OneClaimDetector


class Loads:
    """Makes a detector; refuses while ``broken``."""

    broken = False

    def __call__(self) -> OneClaimDetector:
        if self.broken:
            raise ConfigurationError("词库 codes.yaml 第 3 行：写法有误")
        return OneClaimDetector()


def test_readiness_tells_versions_and_a_failed_reload_without_going_down(settings: Settings, clock: FixedClock) -> None:
    loads = Loads()
    services = Services(settings, clock, make_detector=loads)
    with TestClient(create_app(settings, services=services, run_engine=False)) as client:
        told = client.get("/readyz").json()
        assert told["detector"]["versions"]["lexicon"] == "lex-1"
        assert told["detector"]["reload"] == "ok"
        loads.broken = True
        services.detector.refresh(force=True)
        answer = client.get("/readyz")
        assert answer.status_code == 200
        assert "codes.yaml" in answer.json()["detector"]["reload"]
        assert "chengxin_detector_outdated 1.0" in client.get("/metrics").text
        loads.broken = False
        services.detector.refresh(force=True)
        assert client.get("/readyz").json()["detector"]["reload"] == "ok"
        assert "chengxin_detector_outdated 0.0" in client.get("/metrics").text
