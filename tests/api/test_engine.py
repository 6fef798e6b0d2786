"""The engine inside the web process."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from api.context import Services
from api.engine import Engine
from infra.errors import ConfigurationError
from infra.settings import Settings


def test_a_broker_that_cannot_be_reached_stops_the_start(services: Services, settings: Settings) -> None:
    elsewhere = settings.model_copy(update={"broker_url": "kafka://127.0.0.1:1"})
    with pytest.raises(ConfigurationError, match="CHENGXIN_BROKER_URL"):
        Engine(replace(services, settings=elsewhere))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CHENGXIN_BROKER_URL", "kafka://127.0.0.1:1"),
        ("CHENGXIN_SEARCH_URL", "http://127.0.0.1:9200"),
        ("CHENGXIN_DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1/nothing"),
    ],
)
def test_serve_says_in_one_line_which_setting_it_cannot_work_with(tmp_path: Path, name: str, value: str) -> None:
    environment = os.environ | {"CHENGXIN_DATA_DIR": str(tmp_path), name: value}
    command = [Path(sys.executable).parent / "chengxin", "serve", "--port", "0"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert name in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
