"""``/readyz`` is open to anybody: what it quotes of an error holds no password."""

from __future__ import annotations

from typing import NoReturn

import pytest
from fastapi.testclient import TestClient

from api.context import Services


def test_an_error_is_told_without_its_password(
    public: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> NoReturn:
        raise RuntimeError("no route to https://elastic:hunter2@search:9200")

    monkeypatch.setattr(services.search, "ping", broken)
    answer = public.get("/readyz").json()
    assert answer["checks"]["search"].startswith("RuntimeError: no route to https://elastic:")
    assert "hunter2" not in str(answer)
