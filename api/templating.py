"""Pages from Jinja2 templates: one environment, strict about missing names, escaping everything.

``python -m api.templating`` compiles every template.
"""

from __future__ import annotations

import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError, select_autoescape
from starlette.responses import HTMLResponse

from api.auth.accounts import ROLE_NAMES, Actor
from api.context import services
from api.wording import sureness
from classifiers.explain import article_name
from infra.clock import BEIJING

TEMPLATES: Final = Path(__file__).parent / "templates"
SEVERITIES: Final = {"S1": "轻微", "S2": "一般", "S3": "严重", "S4": "特别严重"}
STATUSES: Final = {
    "open": "待处理",
    "confirmed": "已确认",
    "dismissed": "不予认定",
    "corrected": "当场更正",
    "transferred": "已移送",
    "received": "待受理",
}
MACHINE_STATUSES: Final = {
    "violation": "疑似违规",
    "needs_evidence": "需商家举证",
    "corrected": "主播已更正",
    "exempt": "可豁免",
}
KINDS: Final = {"host": "主播", "room": "直播间", "seller": "商家", "operator": "运营机构", "platform": "平台"}
SPEAKERS: Final = {"host": "主播", "guest": "嘉宾", "comment": "评论", "overlay": "画面文字"}
ROLES: Final = {"seller": "商家", "operator": "直播间运营者", "host": "主播", "mcn": "MCN 机构", "platform": "平台"}
EXEMPTION_RESULTS: Final = {"yes": "适用", "no": "不适用", "needs_proof": "需举证"}


def beijing(moment: datetime, form: str = "%Y-%m-%d %H:%M") -> str:
    """A moment as people in Beijing read it."""
    return moment.astimezone(BEIJING).strftime(form)


def waiting(moment: datetime, now: datetime) -> str:
    """How long something has waited, in the largest unit that says enough."""
    minutes = max(0, int((now - moment).total_seconds() // 60))
    if minutes < 60:
        return f"{minutes} 分钟" if minutes else "不到 1 分钟"
    return f"{minutes // 60} 小时" if minutes < 48 * 60 else f"{minutes // 1440} 天"


def marked(text: str, spans: Any) -> list[tuple[str, bool]]:
    """A text cut into pieces, each with whether it lies inside one of the spans (``[start, end)``)."""
    pieces: list[tuple[str, bool]] = []
    position = 0
    for start, end in sorted(spans):
        if end <= position:
            continue
        begin = max(start, position)
        pieces += [(text[position:begin], False), (text[begin:end], True)]
        position = end
    pieces.append((text[position:], False))
    return [piece for piece in pieces if piece[0]]


def points(value: float) -> str:
    """``+5``, ``−80``, ``0``: with a true minus sign and no needless decimals."""
    return f"{value:+g}".replace("-", "−") if value else "0"


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "article": article_name,
        "beijing": beijing,
        "marked": marked,
        "moment": datetime.fromisoformat,
        "points": points,
        "sureness": sureness,
    }
    environment.globals |= {
        "SEVERITIES": SEVERITIES,
        "STATUSES": STATUSES,
        "MACHINE_STATUSES": MACHINE_STATUSES,
        "KINDS": KINDS,
        "SPEAKERS": SPEAKERS,
        "ROLES": ROLES,
        "ROLE_NAMES": ROLE_NAMES,
        "EXEMPTION_RESULTS": EXEMPTION_RESULTS,
    }
    return environment


ENVIRONMENT: Final = _environment()


def page(
    request: Request,
    template: str,
    *,
    actor: Actor | None,
    status: int = 200,
    now: datetime | None = None,
    **context: Any,
) -> HTMLResponse:
    """One page. Every template sees ``actor`` (or None), ``csrf``, ``path``, ``now`` and ``waiting(moment)``."""
    moment = now or services(request).clock.now()
    html = ENVIRONMENT.get_template(template).render(
        actor=actor,
        csrf=actor.csrf if actor else "",
        path=request.url.path,
        now=moment,
        waiting=lambda since: waiting(since, moment),
        **context,
    )
    # Pages show what the asker may see right now; a shared computer must not show them again from its cache.
    return HTMLResponse(html, status, {"Cache-Control": "no-store"} if actor else None)


def date_label(day: date) -> str:
    """``11月20日``."""
    return f"{day.month}月{day.day}日"


def check() -> list[str]:
    """Compile every template; the errors, one line each."""
    errors = []
    for name in ENVIRONMENT.list_templates():
        try:
            ENVIRONMENT.get_template(name)
        except TemplateError as error:
            errors.append(f"{name}:{getattr(error, 'lineno', '?')}: {error}")
    return errors


if __name__ == "__main__":
    found = check()
    for line in found:
        print(line, file=sys.stderr)  # noqa: T201
    sys.exit(1 if found else 0)
