"""Splits the ``context`` of an input object into neighbouring texts. Shared by the command line, the API and the corpus."""

from __future__ import annotations

from typing import Any

from infra.errors import InvalidInput

SIDES = ("before", "after")
Texts = tuple[str, ...]


def split_context(context: Any, *, field: str = "context") -> tuple[Texts, Texts]:
    """Texts before and after, nearest first.

    ``context``: None, ``[before, after]`` (each a text, a list of texts or None) or ``{"before": …, "after": …}``.

    Raises:
        InvalidInput: another shape; names ``field``.
    """
    if context is None:
        return (), ()
    if isinstance(context, dict):
        unknown = set(context) - set(SIDES)
        if unknown:
            raise InvalidInput.one(field, sorted(unknown)[0], "context 只能有 before 和 after")
        before, after = context.get("before"), context.get("after")
    elif isinstance(context, (list, tuple)) and len(context) <= len(SIDES):
        before, after = (*context, None, None)[:2]
    else:
        raise InvalidInput.one(field, context, "应为 [之前的文本, 之后的文本]")
    return _texts(before, f"{field}.before"), _texts(after, f"{field}.after")


def _texts(value: Any, field: str) -> Texts:
    if value is None:
        return ()
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, (list, tuple)) or not all(isinstance(text, str) for text in texts):
        raise InvalidInput.one(field, value, "应为一段文本或文本的列表")
    return tuple(text for text in texts if text)
