"""Writes one Chinese sentence per finding: what was said, which rule, what would settle it. It adds no judgement."""

from __future__ import annotations

from collections.abc import Sequence

from classifiers.finding import ExemptionCheck, Status
from lexicons.schema import CitedRule, Code

LONGEST_QUOTE = 30
MAX_QUOTES = 3
DIGITS = "零一二三四五六七八九"


def explain(
    *,
    code: Code,
    status: Status,
    quotes: Sequence[str],
    rules: Sequence[CitedRule],
    checks: Sequence[ExemptionCheck],
    facts: str = "",
    note: str = "",
) -> str:
    """The sentence for a finding. ``quotes`` are the marked parts of the original text, ``rules`` the law of the day.

    ``facts`` takes the place of the quotes when the finding rests on a comparison, not on words alone; ``note`` ends the sentence.
    """
    subject = f"{facts}，" if facts else _said(quotes)
    return f"{subject}{_judged(code, status)}{_rule(rules)}；{_settled(code, status, checks)}{'；' + note if note else ''}。"


def _said(quotes: Sequence[str]) -> str:
    shown = [
        quote if len(quote) <= LONGEST_QUOTE else quote[: LONGEST_QUOTE - 1] + "…" for quote in quotes[:MAX_QUOTES]
    ]
    return "“" + "”“".join(" ".join(quote.split()) for quote in shown) + "”" if shown else "整句"


def _judged(code: Code, status: Status) -> str:
    verb = "需要证据才能排除" if status == "needs_evidence" else "涉嫌"
    return f"{verb}“{code.name}”"


def _rule(rules: Sequence[CitedRule]) -> str:
    if not rules:
        return ""
    first = rules[0]
    return f"，依据《{first.short}》{article_name(first.article)}：{first.text}"


def _settled(code: Code, status: Status, checks: Sequence[ExemptionCheck]) -> str:
    if status == "exempt":
        names = "、".join(check.name for check in checks if check.result == "yes")
        return f"但属于“{names}”，法律允许"
    if status == "corrected":
        return "主播已当场更正，记录保留，由执法人员核定"
    open_checks = [check.name for check in checks if check.result == "needs_proof"]
    if open_checks:
        return f"可能属于“{'、'.join(open_checks)}”，须由商家举证"
    return code.evidence or "由执法人员核实"


def article_name(article: str) -> str:
    """``9(3)`` → ``第九条第（三）项``, ``34.1`` → ``第三十四条第一款``; a number such as ``58-1`` is shown as it is."""
    whole, bracket, item = article.partition("(")
    number, dot, paragraph = whole.partition(".")
    shown = f"第{numeral(int(number))}条" if number.isdigit() else f"第{number}条"
    if dot:
        shown += f"第{numeral(int(paragraph)) if paragraph.isdigit() else paragraph}款"
    inner = item.rstrip(")")
    if not bracket:
        return shown
    return f"{shown}第（{numeral(int(inner)) if inner.isdigit() else inner}）项"


def numeral(number: int) -> str:
    """A number below 1000 in Chinese: 12 → 十二, 105 → 一百零五."""
    hundreds, rest = divmod(number, 100)
    tens, ones = divmod(rest, 10)
    text = f"{DIGITS[hundreds]}百" if hundreds else ""
    if tens:
        text += ("" if tens == 1 and not hundreds else DIGITS[tens]) + "十"
    elif hundreds and ones:
        text += "零"
    return text + (DIGITS[ones] if ones or not number else "")
