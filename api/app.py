"""Puts the doors together: one FastAPI application with its services, routes, pages and error answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from api import health, pages, problems, v1
from api.bodies import Bodies
from api.context import Services
from api.engine import Engine
from api.guard import RateLimits
from api.middleware import Envelope
from infra import migrate, tracing
from infra.clock import Clock, SystemClock
from infra.settings import Settings
from infra.telemetry import configure_logging

STATIC: Final = Path(__file__).parent / "static"


def create_app(
    settings: Settings, *, clock: Clock | None = None, run_engine: bool = True, services: Services | None = None
) -> FastAPI:
    """The application. ``run_engine=False`` leaves the log unpolled (several web processes, or tests)."""
    own = services or Services(settings, clock or SystemClock())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        configure_logging(settings.log_format)
        tracing.configure("chengxin-api")
        migrate.upgrade(own.database)
        app.state.engine = Engine(own) if run_engine else None
        if app.state.engine:
            app.state.engine.start()
        own.watcher.start()
        yield
        own.watcher.stop()
        if app.state.engine:
            app.state.engine.stop()
        own.close()
        tracing.shut_down()

    app = FastAPI(
        title="诚信直播 API",
        version="1",
        description="错误以 RFC 9457 `application/problem+json` 返回；列表形如 `{items, next}`；修改类请求可带 `Idempotency-Key`。",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    app.state.services = own
    app.state.rate_limits = RateLimits()
    app.state.bodies = Bodies()
    app.state.engine = None
    app.add_middleware(Envelope)
    app.include_router(health.router)
    app.include_router(v1.router)
    app.include_router(pages.router)
    # Only static files are compressed: a compressed page that repeats what was typed would leak its form token (BREACH).
    app.mount("/static", GZipMiddleware(Files(directory=STATIC)), name="static")
    app.add_api_route("/api/docs", _docs, include_in_schema=False, response_class=HTMLResponse)
    problems.install(app, pages.render_error)
    return app


class Files(StaticFiles):
    """Static files that a browser keeps for an hour without asking again."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers.setdefault("Cache-Control", "public, max-age=3600")
        return response


def _docs() -> Any:
    """Swagger UI from our own files, so that it works without the internet."""
    vendor = "/static/vendor/swagger-ui"
    page = get_swagger_ui_html(
        openapi_url="/api/openapi.json",
        title="诚信直播 API",
        swagger_js_url=f"{vendor}/swagger-ui-bundle.js",
        swagger_css_url=f"{vendor}/swagger-ui.css",
        swagger_favicon_url="/static/favicon.svg",
    )
    # Swagger UI starts itself with an inline script, which the page's policy must allow here and nowhere else.
    page.headers["Content-Security-Policy"] = (
        "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
    )
    return page
