"""Typed errors shared by all rooms. An error names the field, the offending value and what to do; it never hides them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MAX_SHOWN_VALUE = 200


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field: its dotted path, the value as it was given (cut to 200 characters) and a Chinese message."""

    field: str
    value: str
    message: str

    @classmethod
    def of(cls, field: str, value: Any, message: str) -> FieldError:
        shown = value if isinstance(value, str) else repr(value)
        return cls(field, shown[:MAX_SHOWN_VALUE], message)

    def as_dict(self) -> dict[str, str]:
        return {"field": self.field, "value": self.value, "message": self.message}


class ChengxinError(Exception):
    """Base of all errors a user can cause or mend. ``str(error)`` is one Chinese line fit to be shown."""

    title = "操作未完成"


class InvalidInput(ChengxinError):
    """Input with one or more wrong fields."""

    title = "输入有误"

    def __init__(self, *errors: FieldError) -> None:
        super().__init__("；".join(f"{e.field}：{e.message}（收到：{e.value}）" for e in errors))
        self.errors = errors

    @classmethod
    def one(cls, field: str, value: Any, message: str) -> InvalidInput:
        return cls(FieldError.of(field, value, message))


class NotFound(ChengxinError):
    """The thing asked for does not exist or may not be seen by the asker."""

    title = "没有找到"

    def __init__(self, kind: str, identifier: str) -> None:
        super().__init__(f"没有找到{kind}：{identifier[:MAX_SHOWN_VALUE]}")
        self.kind = kind
        self.identifier = identifier


class Conflict(ChengxinError):
    """The act contradicts what has been done already."""

    title = "与现状冲突"


class ConfigurationError(ChengxinError):
    """A setting or data file is wrong; the process must not start with it."""

    title = "配置有误"


class Unavailable(ChengxinError):
    """Something this process works with is away for now; the same request may succeed ``retry_after`` seconds later."""

    title = "服务暂不可用"

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TooBusy(Unavailable):
    """More is asked for at once than can be held; nothing of it was begun."""

    title = "请求过于频繁"
