"""Small builders of valid values, so that a test only names what it is about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from casework.flags import NewFlag
from classifiers.finding import Basis, Because, Finding, Versions

SPOKEN_AT = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
VERSIONS = Versions("lex-1", "model-1", "2026-11-20")


def finding(**changes: Any) -> Finding:
    """A medical claim about food, as the detector would find it."""
    values: dict[str, Any] = {
        "code": "MEDICAL",
        "name": "非医疗商品宣称治疗",
        "status": "violation",
        "confidence": 0.93,
        "severity": "S3",
        "spans": ((2, 6),),
        "because": (Because("frame", "MEDICAL.cure", "能治", 2.5),),
        "basis": (Basis("advertising-law", "17", "广告法第十七条"),),
        "exemptions": (),
        "liable": ("seller", "operator", "host"),
        "explanation": "说普通食品能治病。",
    }
    return Finding(**(values | changes))


def new_flag(**changes: Any) -> NewFlag:
    """A flag on a host of the invented platform ``yunjian``."""
    values: dict[str, Any] = {
        "event_id": "u-1",
        "source": "transcript",
        "platform": "yunjian",
        "subject": "host:yunjian:h1",
        "text": "这米能治糖尿病",
        "finding": finding(),
        "versions": VERSIONS,
        "spoken_at": SPOKEN_AT,
        "room": "room:yunjian:r1",
        "session": "s1",
        "host": "host:yunjian:h1",
        "operator": "operator:yunjian:o1",
    }
    return NewFlag(**(values | changes))
