"""Triage of complaints: hints for officers, personal data masked, nobody refused."""

from __future__ import annotations

import msgspec
import pytest

from classifiers.triage import triage


def one(text: str):
    return triage([text])[0]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("我买的羊毛衫掉色，客服不理，要求退款", "complaint"),
        ("举报这个直播间虚假宣传，请查处", "report"),
        ("今天天气很好", None),
    ],
)
def test_complaint_or_report(text: str, kind: str | None) -> None:
    assert one(text).kind == kind


def test_personal_data_is_masked() -> None:
    text = "我叫王小明，电话13912345678，身份证230103199001011234，卡号6222020200112233445，要求退款"
    masked = one(text).masked
    for secret in ("13912345678", "230103199001011234", "6222020200112233445"):
        assert secret not in masked
    assert "要求退款" in masked


def test_amounts_urgency_and_code_are_hinted() -> None:
    found = one("吃了他家的菌子全家食物中毒住院，花了三百八十元，直播间还在直播")
    assert found.urgent
    assert found.code == "QUALITY"
    assert "380" in found.amounts


def test_triage_never_speaks_of_refusing() -> None:
    for text in ("", "退钱", "职业打假人来了，退一赔十", "好评，很满意"):
        said = msgspec.json.encode(one(text)).decode()
        assert "不予受理" not in said
        assert "驳回" not in said
