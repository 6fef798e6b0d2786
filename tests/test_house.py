"""The house itself: rooms import only downwards, files stay small, nothing speaks of machines or registries."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("api", "streams", "reports", "rating", "casework", "classifiers", "lexicons", "infra")


def test_a_room_imports_only_rooms_on_lower_floors() -> None:
    tool = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([tool, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_templates_compile() -> None:
    from api.templating import check

    assert check() == []


@pytest.mark.parametrize("room", ROOMS)
def test_every_module_says_what_it_is_for(room: str) -> None:
    silent = [str(path) for path in (ROOT / room).rglob("*.py") if not path.read_text().startswith(('"""', "#!"))]
    assert silent == []


def test_no_file_names_a_machine_path_or_an_outside_host_to_load_from() -> None:
    pattern = re.compile(r"[\"'= ]/(?:root|home|Users)/|(?:src|href)=[\"']https?://")
    suspects = [
        p for room in ROOMS for p in (ROOT / room).rglob("*") if p.suffix in {".py", ".html", ".css", ".js", ".yaml"}
    ]
    guilty = [
        str(p) for p in suspects if not {"vendor", "node_modules"} & set(p.parts) and pattern.search(p.read_text())
    ]
    assert guilty == []
