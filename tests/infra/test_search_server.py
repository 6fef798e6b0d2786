"""What the adapter says about servers it cannot work with, and what it sends again. No real server is needed."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import SecretStr, ValidationError

from infra.errors import ConfigurationError
from infra.search import SearchUnavailable, open_search
from infra.search.elastic.bulk import BulkSender
from infra.search.elastic.documents import Change
from infra.settings import Settings, load_settings

Answers = dict[str, tuple[int, Any]]


class Pretender(ThreadingHTTPServer):
    """Answers as it is told: path (without query) → status and JSON."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: Answers = {}
        self.product = "Elasticsearch"
        self.hold = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Pretender

    def do_GET(self) -> None:
        status, body = self.server.answers.get(self.path.split("?")[0], (404, {"error": "nothing here"}))
        if body is None:
            self.server.hold.wait(5)
        raw = json.dumps(body).encode()
        self.send_response(status)
        if self.server.product:
            self.send_header("X-Elastic-Product", self.server.product)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@pytest.fixture
def pretender() -> Iterator[Pretender]:
    server = Pretender()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.hold.set()
    server.shutdown()
    thread.join()
    server.server_close()


NODES = "/_nodes/_local/_none"


def version(number: str) -> tuple[int, Any]:
    return 200, {"nodes": {"n1": {"version": number}}}


def refused(settings: Settings) -> str:
    index = open_search(settings)
    try:
        with pytest.raises(ConfigurationError) as refusal:
            index.prepare()
    finally:
        index.close()
    message = str(refusal.value)
    assert "\n" not in message
    return message


def test_a_server_that_is_not_there_is_named_with_its_setting() -> None:
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        message = refused(Settings(search_url=url))
    assert message.startswith(f"CHENGXIN_SEARCH_URL={url}：连不上")
    assert "embedded://" in message


def test_a_server_that_does_not_answer_in_time_is_named(pretender: Pretender) -> None:
    pretender.answers = {NODES: (200, None)}
    message = refused(Settings(search_url=pretender.url, search_timeout=1))
    assert "1 秒内没有答复" in message
    assert "CHENGXIN_SEARCH_TIMEOUT" in message


@pytest.mark.parametrize("number", ["7.17.29", "6.8.0", "10.0.0"])
def test_a_wrong_version_is_named(pretender: Pretender, number: str) -> None:
    pretender.answers = {NODES: version(number)}
    message = refused(Settings(search_url=pretender.url))
    assert f"CHENGXIN_SEARCH_URL={pretender.url}：服务器版本是 {number}，需要 Elasticsearch 8.x" in message


@pytest.mark.parametrize("product", ["", "OpenSearch"])
def test_another_product_is_named(pretender: Pretender, product: str) -> None:
    pretender.answers, pretender.product = {NODES: version("2.19.0")}, product
    assert "不是 Elasticsearch 8" in refused(Settings(search_url=pretender.url))


@pytest.mark.parametrize(
    ("status", "key", "said"),
    [
        (401, None, "CHENGXIN_SEARCH_API_KEY 没有给出"),
        (401, "c2VjcmV0", "CHENGXIN_SEARCH_API_KEY 的值无效或已过期"),
        (403, "c2VjcmV0", "CHENGXIN_SEARCH_API_KEY 的权限不足"),
    ],
)
def test_wrong_credentials_are_named_and_never_shown(
    pretender: Pretender, status: int, key: str | None, said: str
) -> None:
    pretender.answers = {NODES: (status, {"error": {"type": "security_exception"}, "status": status})}
    settings = Settings(search_url=pretender.url, search_api_key=SecretStr(key) if key else None)
    message = refused(settings)
    assert said in message
    assert "c2VjcmV0" not in message + repr(settings)


def test_a_certificate_nobody_signed_is_named(pretender: Pretender) -> None:
    message = refused(Settings(search_url=pretender.url.replace("http:", "https:")))  # answers without TLS at all
    assert "CHENGXIN_SEARCH_URL=https://" in message


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SEARCH_URL", "127.0.0.1:9200", "http"),
        ("SEARCH_URL", "http://a:9200,b:9200", "逗号"),
        ("SEARCH_URL", "https://elastic:secret@a:9200", "CHENGXIN_SEARCH_API_KEY"),
        ("SEARCH_CA_FILE", "/nowhere/ca.pem", "没有这个文件"),
        ("SEARCH_PREFIX", "Chengxin-1", "SEARCH_PREFIX"),
        ("SEARCH_SHARDS", "0", "SEARCH_SHARDS"),
    ],
)
def test_wrong_settings_are_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    monkeypatch.setenv(f"CHENGXIN_{name}", value)
    with pytest.raises(ConfigurationError, match=f"CHENGXIN_{name}") as refusal:
        load_settings()
    assert said in str(refusal.value)
    assert "secret" not in str(refusal.value)


def test_an_unknown_prefix_shape_is_no_setting() -> None:
    with pytest.raises(ValidationError):
        Settings(search_prefix="_x")


def test_a_certificate_file_is_made_absolute(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("x")
    found = Settings(search_ca_file=tmp_path / "ca.pem").search_ca_file
    assert found is not None
    assert found.is_absolute()


# ---- sending in bulk


class BulkServer:
    """Stands for the client: takes bulk requests and answers from a script, one function per request."""

    def __init__(self, *script: Callable[[str], dict[str, Any]]) -> None:
        self.script = list(script)
        self.asked: list[list[str]] = []

    def bulk(self, *, operations: bytes, **_more: object) -> dict[str, Any]:
        ids = [json.loads(line)["index"]["_id"] for line in operations.split(b"\n")[::2] if line]
        self.asked.append(ids)
        answer = self.script.pop(0)
        items = [{"index": answer(identifier)} for identifier in ids]
        return {"errors": any("error" in item["index"] for item in items), "items": items}


def good(_id: str) -> dict[str, Any]:
    return {"status": 200}


def failing(*ids: str, status: int, kind: str = "es_rejected_execution_exception") -> Callable[[str], dict[str, Any]]:
    error = {"status": status, "error": {"type": kind, "reason": "because"}}
    return lambda identifier: error if identifier in ids else good(identifier)


def send(server: BulkServer, *ids: str) -> list[float]:
    """Send documents with these ids; returns the pauses made."""
    pauses: list[float] = []
    sender = BulkSender(server, sleep=pauses.append)  # type: ignore[arg-type]
    try:
        sender.send([Change("flag", identifier, 1, b"{}") for identifier in ids], lambda kind: [f"x-{kind}"])
    finally:
        sender.close()
    return pauses


def test_only_what_failed_is_sent_again() -> None:
    server = BulkServer(failing("b", "d", status=429), failing("d", status=503), good)
    assert len(send(server, "a", "b", "c", "d")) == 2
    assert server.asked == [["a", "b", "c", "d"], ["b", "d"], ["d"]]


def test_a_server_that_stays_busy_is_left_alone_after_a_few_tries() -> None:
    server = BulkServer(*[failing("a", status=429)] * 5)
    with pytest.raises(SearchUnavailable, match="一直繁忙，还有 1 份"):
        send(server, "a")
    assert server.script == []


def test_an_older_version_is_passed_over() -> None:
    server = BulkServer(failing("a", status=409, kind="version_conflict_engine_exception"))
    assert send(server, "a", "b") == []


def test_a_document_that_is_never_taken_is_told_and_holds_up_no_other() -> None:
    server = BulkServer(failing("a", status=400, kind="document_parsing_exception"))
    with structlog.testing.capture_logs() as logs:
        send(server, "a", "b")
    assert [(line["id"], line["reason"]) for line in logs] == [("a", "because")]


def test_a_full_disk_is_no_fault_of_the_document() -> None:
    server = BulkServer(failing("a", status=403, kind="cluster_block_exception"))
    with pytest.raises(SearchUnavailable, match="只读"):
        send(server, "a", "b")
