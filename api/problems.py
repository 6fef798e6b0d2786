"""Errors as RFC 9457 problem documents for programs and as kind Chinese pages for people. Never a stack trace."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from infra.database import is_passing
from infra.encoding import json_bytes
from infra.errors import ChengxinError, Conflict, FieldError, InvalidInput, NotFound, TooBusy, Unavailable

DATABASE_RETRY_SECONDS = 5
MEDIA_TYPE = "application/problem+json"
TITLES = {
    400: "请求格式有误",
    401: "请先登录",
    403: "没有权限",
    404: "没有找到",
    405: "不支持这种请求方法",
    409: "与现状冲突",
    413: "内容过大",
    415: "不支持的内容类型",
    422: "输入有误",
    429: "请求过于频繁",
    500: "系统内部错误",
    503: "服务暂不可用",
}

log = structlog.get_logger()

PageRenderer = Callable[[Request, int, str, str], Response]


class Refused(HTTPException):
    """A refusal with a Chinese reason and, where they help, headers."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, detail, headers)


def install(app: FastAPI, render_page: PageRenderer) -> None:
    """Answer every error of ``app``: problem JSON under ``/api/``, otherwise a page made by ``render_page``."""

    def answer(
        request: Request, status: int, detail: str, errors: tuple[FieldError, ...] = (), headers: Any = None
    ) -> Response:
        if wants_json(request):
            return problem(request, status, detail, errors, headers)
        page = render_page(request, status, TITLES.get(status, HTTPStatus(status).phrase), detail)
        page.headers.update(headers or {})
        return page

    async def on_project_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, ChengxinError)
        errors = error.errors if isinstance(error, InvalidInput) else ()
        headers = {"Retry-After": str(error.retry_after)} if isinstance(error, Unavailable) else None
        return answer(request, status_of(error), str(error), errors, headers)

    async def on_validation_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        errors = tuple(_field_error(item) for item in error.errors())
        status = 400 if any(item["type"] == "json_invalid" for item in error.errors()) else 422
        return answer(request, status, str(InvalidInput(*errors)), errors)

    async def on_http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        detail = error.detail if isinstance(error, Refused) else TITLES.get(error.status_code, str(error.detail))
        return answer(request, error.status_code, detail, headers=error.headers)

    async def on_database_error(request: Request, error: Exception) -> Response:
        if not is_passing(error):
            return await on_anything_else(request, error)
        log.warning("database unavailable", route=request.url.path, error=" ".join(str(error).split())[:300])
        detail = "数据库暂时不可用，这次请求没有写入任何内容，请稍后重试。"
        return answer(request, 503, detail, headers={"Retry-After": str(DATABASE_RETRY_SECONDS)})

    async def on_anything_else(request: Request, error: Exception) -> Response:
        log.error("unhandled error", route=request.url.path, error=type(error).__name__, exc_info=error)
        return answer(request, 500, "已记录此错误，请稍后重试；若反复出现，请联系系统管理员。")

    app.add_exception_handler(ChengxinError, on_project_error)
    app.add_exception_handler(RequestValidationError, on_validation_error)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(SQLAlchemyError, on_database_error)
    app.add_exception_handler(Exception, on_anything_else)


def status_of(error: ChengxinError) -> int:
    """The HTTP status of a typed error."""
    if isinstance(error, InvalidInput):
        return 422
    if isinstance(error, NotFound):
        return 404
    if isinstance(error, TooBusy):
        return 429
    return 409 if isinstance(error, Conflict) else 503


def problem(
    request: Request,
    status: int,
    detail: str,
    errors: tuple[FieldError, ...] = (),
    headers: dict[str, str] | None = None,
) -> Response:
    """One RFC 9457 document."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": TITLES.get(status, HTTPStatus(status).phrase),
        "status": status,
        "detail": detail,
        "instance": request.url.path,
    }
    if errors:
        body["errors"] = [error.as_dict() for error in errors]
    return Response(json_bytes(body), status, headers, MEDIA_TYPE)


def wants_json(request: Request) -> bool:
    """Programs get JSON: everything under ``/api/`` and the health endpoints."""
    return request.url.path.startswith(("/api/", "/healthz", "/readyz", "/metrics"))


def _field_error(item: dict[str, Any]) -> FieldError:
    place = ".".join(str(part) for part in item["loc"] if part not in ("body", "query", "path", "header")) or "body"
    secret = any(word in place for word in ("contact", "password", "tracking_code"))
    return FieldError.of(place, "（不显示）" if secret else item.get("input"), _MESSAGES.get(item["type"], item["msg"]))


_MESSAGES = {
    "missing": "缺少此项",
    "json_invalid": "不是合法的 JSON",
    "string_type": "应为字符串",
    "string_unicode": "含有不成对的代理字符，无法编码",
    "string_too_long": "内容过长",
    "string_too_short": "内容过短",
    "list_type": "应为数组",
    "too_long": "条目过多",
    "model_attributes_type": "应为 JSON 对象",
    "dict_type": "应为 JSON 对象",
    "date_from_datetime_parsing": "应为日期，如 2026-11-20",
    "date_parsing": "应为日期，如 2026-11-20",
    "datetime_parsing": "应为带时区的时间，如 2026-11-20T12:00:00+08:00",
    "int_parsing": "应为整数",
    "greater_than_equal": "数值过小",
    "less_than_equal": "数值过大",
    "literal_error": "不在可选值之内",
    "extra_forbidden": "未知字段",
    "timezone_aware": "须带时区，如 2026-11-20T12:00:00+08:00",
    "datetime_from_date_parsing": "应为带时区的时间，如 2026-11-20T12:00:00+08:00",
}
