"""What the README promises: its links lead somewhere, its make targets exist, its one-line example finds what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from infra.settings import PREFIX, Settings

ROOT = Path(__file__).parent.parent
PAGES = ["README.md", "CONTRIBUTING.md", *(str(p.relative_to(ROOT)) for p in (ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files_that_exist(page: str) -> None:
    source = ROOT / page
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", source.read_text(encoding="utf-8"))
    assert [target for target in targets if not (source.parent / target).exists()] == []


def test_named_make_targets_and_commands_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z -]+):", makefile, flags=re.MULTILINE))
    known = {name for line in targets for name in line.split()}
    text = "".join((ROOT / page).read_text(encoding="utf-8") for page in PAGES)
    assert set(re.findall(r"`make ([a-z-]+)", text)) <= known


def test_every_setting_is_explained_and_every_explained_setting_exists() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8").split("\n## ")[0]
    assert set(re.findall(rf"`({PREFIX}[A-Z_]+)`", page)) == {PREFIX + name.upper() for name in Settings.model_fields}


def test_the_example_of_the_readme_finds_a_medical_claim() -> None:
    example = re.search(
        r"echo '([^']+)' \| \.venv/bin/chengxin check", (ROOT / "README.md").read_text(encoding="utf-8")
    )
    assert example
    command = [str(Path(sys.executable).parent / "chengxin"), "check"]
    done = subprocess.run(command, input=example[1], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 1, done.stderr
    assert "MEDICAL" in done.stdout
