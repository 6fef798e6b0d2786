"""Local servers without a server: what is missing is said in one line, wrong files are refused, foreign processes left alone."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
import pytest

from infra.errors import ConfigurationError
from infra.local import LocalPostgres, ServerFailed, needs, process, software
from infra.local.process import Identity, ServerProcess

SLEEPER = [sys.executable, "-c", "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'], stdin=0)"]


def test_all_that_is_missing_is_said_in_one_line_with_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(needs, "_java_candidates", lambda: iter(()))
    monkeypatch.setattr(needs, "_postgres_candidates", lambda: iter(()))
    with pytest.raises(needs.MissingProgram) as raised:
        needs.require(needs.java, needs.maven, needs.postgres_programs, needs.java)
    assert str(raised.value) == (
        "本机没有 Java 17、Maven、PostgreSQL 14，请运行：sudo apt-get install -y openjdk-17-jre-headless maven postgresql"
    )


@pytest.mark.parametrize(
    ("says", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_391"', 1),
        ("postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)", 15),
        ("postgres (PostgreSQL) 18beta1", 18),
        ("nothing of the kind", 0),
    ],
)
def test_versions_are_read_from_what_programs_say(says: str, major: int, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho '{says}' >&2\n")
    program.chmod(0o755)
    assert needs._version_of(program, "-version") == major


def test_every_pinned_file_has_a_sha256() -> None:
    pinned = software.pinned()
    assert len(pinned.kafka.files) > 40
    digests = [*pinned.kafka.files.values(), pinned.elasticsearch.sha256]
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in digests)
    assert pinned.kafka.version == "4.1.0"
    assert pinned.elasticsearch.version in pinned.elasticsearch.artifact


def test_a_replaced_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jar").write_bytes(b"good")
    good = {"a.jar": hashlib.sha256(b"good").hexdigest()}
    software._verify(tmp_path, good)
    (tmp_path / "a.jar").write_bytes(b"evil")
    with pytest.raises(software.DownloadFailed, match=r"a\.jar .*未使用"):
        software._verify(tmp_path, good)


def test_a_file_too_many_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jar").write_bytes(b"good")
    with pytest.raises(software.DownloadFailed, match=r"a\.jar"):
        software._verify(tmp_path, {})


def test_a_pid_file_of_another_process_is_not_believed(tmp_path: Path) -> None:
    file = tmp_path / "server.pid"
    file.write_bytes(msgspec.json.encode(Identity(pid=os.getpid(), started=1, port=1)))
    assert ServerProcess.attach(file) is None
    file.write_text("nonsense")
    assert ServerProcess.attach(file) is None


def test_a_process_is_found_again_and_ended_with_its_children(tmp_path: Path) -> None:
    child = subprocess.Popen(SLEEPER, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    started = process._started(child.pid)
    assert started is not None
    file = tmp_path / "server.pid"
    file.write_bytes(msgspec.json.encode(Identity(pid=child.pid, started=started, port=1)))
    found = ServerProcess.attach(file)
    assert found is not None
    while len(found._family()) < 2:  # the child starts a child of its own
        assert child.poll() is None
    family = found._family()
    found.kill()
    assert child.wait(10) == -signal.SIGKILL
    assert [pid for pid in family if process._started(pid) is not None] == []
    assert not found.alive
    if child.stdin:
        child.stdin.close()


def test_a_folder_closed_to_others_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "plain_user", lambda: "nobody")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(ConfigurationError, match="chmod o\\+x"):
        process.require_reachable(closed / "data")


def test_a_server_that_does_not_run_can_be_stopped_but_not_paused(tmp_path: Path) -> None:
    server = LocalPostgres(tmp_path / "postgresql")
    assert not server.running
    server.stop()
    with pytest.raises(ServerFailed, match="没有在运行"):
        server.pause()
    with pytest.raises(ServerFailed, match="还没有启动过"):
        _ = server.url


def test_a_folder_that_is_not_there_yet_counts_as_open() -> None:
    assert process.is_reachable(Path(tempfile.gettempdir()) / "not-there" / "yet" / "any")
