"""The image's recipe: every file it copies is there, it runs as nobody special, and what it needs is let into the context."""

from __future__ import annotations

import http.server
import json
import re
import threading
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from infra.deploy.health import healthy

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "infra" / "deploy"
ROOMS = ("api", "streams", "reports", "rating", "casework", "classifiers", "lexicons", "infra", "samples")


def instructions() -> list[tuple[str, str]]:
    """``(INSTRUCTION, rest)`` of the Dockerfile, continuation lines joined, comments left out."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#")).replace("\\\n", " ").splitlines()
    return [(word, rest.strip()) for line in lines if line.strip() for word, _, rest in [line.partition(" ")]]


def ignored(path: str) -> bool:
    """Whether .dockerignore keeps a path out of the build context (the last matching line decides)."""
    out = False
    for line in (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        negated, pattern = pattern.startswith("!"), pattern.removeprefix("!").removeprefix("**/")
        parts = Path(path).parts
        prefixes = ["/".join(parts[: n + 1]) for n in range(len(parts))]
        names = [*prefixes, *parts] if line.lstrip("!").startswith("**/") else prefixes
        if any(fnmatch(name, pattern) for name in names):
            out = not negated
    return out


def copied() -> list[tuple[str, bool]]:
    """Each source of a COPY, and whether it comes from another stage."""
    found = []
    for word, rest in instructions():
        if word == "COPY":
            options = [part for part in rest.split() if part.startswith("--")]
            *sources, _target = [part for part in rest.split() if not part.startswith("--")]
            found += [(source, any(option.startswith("--from=") for option in options)) for source in sources]
    return found


def test_every_instruction_is_known_and_begins_with_a_base() -> None:
    known = {"ARG", "FROM", "ENV", "WORKDIR", "RUN", "COPY", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK"}
    words = [word for word, _ in instructions()]
    assert set(words) <= known | {"ENTRYPOINT", "CMD"}
    assert words[:2] == ["ARG", "FROM"]


def test_every_copied_file_exists_and_is_let_into_the_context() -> None:
    sources = [source for source, other_stage in copied() if not other_stage]
    assert sources
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert [source for source in sources if ignored(source)] == []


def test_every_room_is_in_the_image() -> None:
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    sources = {source for source, _ in copied()}
    assert {*packages["packages"], *ROOMS} <= sources


def test_stages_copied_from_come_before() -> None:
    made: list[str] = []
    for word, rest in instructions():
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            assert base.startswith("${") or base in made, base
            made.append(name)
        for stage in re.findall(r"--from=(\w+)", rest if word == "COPY" else ""):
            assert stage in made[:-1]
    assert made == ["build", "assets", "run"]


def test_it_runs_as_an_ordinary_user_with_a_health_check() -> None:
    last = instructions()[max(n for n, (word, _) in enumerate(instructions()) if word == "FROM") :]
    rest = dict(last)
    assert rest["USER"] == "10001:10001"
    assert "infra.deploy.health" in rest["HEALTHCHECK"]
    assert json.loads(rest["ENTRYPOINT"]) == ["chengxin"]
    assert json.loads(rest["CMD"])[0] == "serve"
    assert "PYTHONDONTWRITEBYTECODE=1" in rest["ENV"]


def test_the_model_is_trained_while_building_and_uv_is_the_pinned_one() -> None:
    runs = [rest for word, rest in instructions() if word == "RUN"]
    assert any("chengxin train" in run for run in runs)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (pinned,) = re.findall(r"UV_VERSION := (\S+)", makefile)
    assert any(f"uv=={pinned}" in run for run in runs)


@pytest.mark.parametrize(
    "path",
    [
        "data/secret.key",
        ".git/config",
        "infra/deploy/.env",
        "infra/root.key",
        "classifiers/model/weights.npz",
        "api/static/vendor/x.js",
        "api/__pycache__/app.pyc",
        ".venv/bin/python",
        "tests/conftest.py",
    ],
)
def test_nothing_secret_or_stale_gets_into_the_context(path: str) -> None:
    assert ignored(path)


def test_the_check_is_healthy_only_on_200() -> None:
    class Door(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/healthz" else 503)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    server = http.server.HTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    base = f"http://127.0.0.1:{server.server_port}"
    try:
        assert healthy(f"{base}/healthz")
        assert not healthy(f"{base}/readyz")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert not healthy(f"{base}/healthz")
