"""Fine ranges as comparable data, and which of two is lighter. It knows no law and no day.

Two texts are compared rung by rung as the courts compare criminal penalties: the higher maximum is heavier, with equal maxima
the higher minimum. A comparison is a hint for the officer, who also weighs what is not a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

Known = Literal["read", "secondary", "memory", "gap"]
Unit = Literal["yuan", "ad_fee", "illegal_gain", "turnover", "goods_value"]
Grade = Literal["ordinary", "serious", "worse"]
Weight = Literal["lighter", "heavier", "same", "unclear"]

UNIT_NAMES: dict[Unit, str] = {
    "yuan": "元",
    "ad_fee": "广告费用",
    "illegal_gain": "违法所得",
    "turnover": "违法经营额",
    "goods_value": "货值金额",
}
GRADE_NAMES: dict[Grade, str] = {"ordinary": "", "serious": "情节严重的，", "worse": "情节特别严重的，"}
TEN_THOUSAND = 10_000


class Fine(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One rung of an article's fines: ``least`` to ``most`` yuan, or so many times the sum named by ``of``.

    ``after_order``: only when an order to correct was not obeyed (or the case is serious); ``optional``: the law says "may";
    ``who``: only these roles (empty = whoever acted); ``closes``: the licence may be revoked besides;
    ``known``: how the numbers are known – read in the text, from a secondary source, from memory, or not found (``gap``).
    """

    of: Unit = "yuan"
    least: float = 0
    most: float = 0
    grade: Grade = "ordinary"
    when: str = ""
    who: tuple[str, ...] = ()
    after_order: bool = False
    optional: bool = False
    closes: bool = False
    known: Known = "read"

    @property
    def rung(self) -> tuple[str, ...]:
        """What a fine of another text must share to be compared with this one."""
        return (self.grade, self.of, *self.who)

    @property
    def weight(self) -> tuple[float, float, bool, bool]:
        """Sorts heavier fines behind lighter ones of the same rung."""
        return (self.most, self.least, not self.after_order, not self.optional)

    def shown(self) -> str:
        """The rung in Chinese: ``情节严重的，处100万元至200万元罚款``."""
        if self.known == "gap":
            return "幅度待核"
        order = "拒不改正的，" if self.after_order and self.grade == "ordinary" else ""
        verb = "可处" if self.optional else "处"
        when = f"{self.when}，" if self.when else ""
        closes = "，可以吊销营业执照" if self.closes else ""
        grade = "" if "严重情节" in self.when else GRADE_NAMES[self.grade]
        return f"{grade}{order}{when}{verb}{self._range()}罚款{closes}"

    def _range(self) -> str:
        if self.of == "yuan":
            low, high = _yuan(self.least), _yuan(self.most)
            if self.least == self.most:
                return high
            return f"{low}至{high}" if self.least else f"{high}以下"
        low, high = f"{self.least:g}", f"{self.most:g}"
        name = UNIT_NAMES[self.of]
        return f"{name}{low}至{high}倍" if self.least else f"{name}{high}倍以下"


def compare(earlier: Sequence[Fine], later: Sequence[Fine]) -> Weight:
    """Whether ``later`` is lighter or heavier than ``earlier``; ``unclear`` when the rungs differ, pull apart or are not known."""
    before = {fine.rung: fine for fine in earlier}
    after = {fine.rung: fine for fine in later}
    if not before or before.keys() != after.keys() or any(fine.known == "gap" for fine in (*earlier, *later)):
        return "unclear"
    signs = {_sign(before[rung], after[rung]) for rung in before} - {0}
    if not signs:
        return "same"
    if len(signs) > 1:
        return "unclear"
    return "lighter" if signs == {-1} else "heavier"


def _sign(before: Fine, after: Fine) -> int:
    return (after.weight > before.weight) - (after.weight < before.weight)


def _yuan(amount: float) -> str:
    return f"{amount / TEN_THOUSAND:g}万元" if amount >= TEN_THOUSAND else f"{amount:g}元"
