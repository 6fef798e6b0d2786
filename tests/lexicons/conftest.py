"""A copy of the bundled lexicon that a test may change or spoil."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lexicons.files import ROOT, source_files


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    root = tmp_path / "lexicon"
    for file in source_files(ROOT):
        target = root / file.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    return root
