"""``chengxin migrate``: says whether it is needed, does it once, refuses a database from the future."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

CHENGXIN = Path(sys.executable).parent / "chengxin"


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "CHENGXIN_DATA_DIR": str(folder)}
    return subprocess.run(
        [CHENGXIN, "migrate", *arguments], env=environment, capture_output=True, text=True, check=False
    )


def test_it_is_needed_once(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    assert run(folder, "--check").returncode == 1
    assert not folder.exists()  # looking makes nothing
    first, second = run(folder), run(folder)
    assert (first.returncode, "已升级" in first.stdout) == (0, True), first.stderr
    assert (second.returncode, "已是最新" in second.stdout) == (0, True)
    assert run(folder, "--check").returncode == 0


def test_an_older_database_names_what_it_lacks_and_a_newer_one_is_refused(tmp_path: Path) -> None:
    run(tmp_path)
    for version, status, said in (("0001", 1, "0002"), ("9999", 2, "9999")):
        with closing(sqlite3.connect(tmp_path / "chengxin.db")) as connection, connection:
            connection.execute("UPDATE alembic_version SET version_num = ?", [version])
        done = run(tmp_path, "--check")
        assert done.returncode == status
        assert said in done.stdout + done.stderr
        assert (done.stdout + done.stderr).count("\n") == 1
