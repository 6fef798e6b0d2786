"""A worker's own small door for the machines that look after it: ``/healthz``, ``/readyz`` and ``/metrics``. Nothing else is served."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from infra.errors import ConfigurationError
from infra.redaction import clean
from infra.telemetry import REGISTRY

JSON: Final = "application/json; charset=utf-8"

Check = Callable[[], Any]
"""Raises when the thing it looks at cannot be used."""


class HealthServer:
    """Answers from threads of its own, so that it tells even of a worker that is stuck.

    ``alive`` and ``ready`` are checks by name; ``facts`` adds what is worth knowing to ``/readyz``.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        alive: Mapping[str, Check],
        ready: Mapping[str, Check],
        facts: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        self._alive, self._ready, self._facts = alive, ready, facts
        try:
            self._server = ThreadingHTTPServer((host, port), self._handler())
        except OSError as error:
            raise ConfigurationError(
                f"CHENGXIN_WORKER_HOST={host}、CHENGXIN_WORKER_PORT={port}：无法监听（{error.strerror or error}），"
                f"请换一个端口，或设为 0 由系统选"
            ) from None
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)

    @property
    def address(self) -> str:
        """``host:port`` it listens on."""
        host, port = self._server.server_address[:2]
        return f"{host!s}:{port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Close the door."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Status, content type and body for a path."""
        match path.partition("?")[0]:
            case "/healthz":
                return _outcomes(self._alive, dict)
            case "/readyz":
                return _outcomes(self._ready, self._facts)
            case "/metrics":
                return HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(REGISTRY)
            case _:
                return HTTPStatus.NOT_FOUND, JSON, b'{"status":"not found"}'

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer = self.answer

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, kind, body = answer(self.path)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: Any) -> None:
                """Scrapes are not worth a line."""

        return Handler


def _outcomes(checks: Mapping[str, Check], facts: Callable[[], Mapping[str, Any]]) -> tuple[int, str, bytes]:
    result = {name: _outcome(check) for name, check in checks.items()}
    good = all(line == "ok" for line in result.values())
    answer = {"status": "ok" if good else "unavailable", "checks": result, **facts()}
    status = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
    return status, JSON, msgspec.json.encode(answer, enc_hook=str)


def _outcome(check: Check) -> str:
    try:
        check()
    except Exception as error:
        return clean(f"{type(error).__name__}: {error}")
    return "ok"
