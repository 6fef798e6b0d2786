"""The rating standard: versioned data with effective dates, loaded and checked once. It holds the numbers; it computes no score."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from infra.errors import ConfigurationError

STANDARDS: Final = Path(__file__).parent / "standards"
SEVERITIES: Final = ("S1", "S2", "S3", "S4")
CORRECTED: Final = "corrected"


class Level(Struct, frozen=True, forbid_unknown_fields=True):
    """One of the levels: reached from ``min`` points on."""

    id: str
    band: str
    min: int


class Dimension(Struct, frozen=True, forbid_unknown_fields=True):
    """One part of the score; moves between 0 and ``points`` and begins at ``start``."""

    id: str
    name: str
    points: int
    start: int


class Deduction(Struct, frozen=True, forbid_unknown_fields=True):
    """What a confirmed finding costs, and for how many days."""

    points: int
    days: int


class Standard(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One version of the standard, in force from ``valid_from`` to ``valid_to`` (both included; None: open)."""

    id: str
    name: str
    valid_from: date = field(name="from")
    valid_to: date | None = field(name="to")
    levels: tuple[Level, ...]
    dimensions: tuple[Dimension, ...]
    code_dimensions: dict[str, str | tuple[str, ...]]
    deductions: dict[str, Deduction]
    operator_share: float
    corrected_points: int
    once_per: tuple[str, ...]
    restore: dict[str, str]

    @property
    def total(self) -> int:
        return sum(dimension.points for dimension in self.dimensions)

    def dimension_of(self, code: str) -> str:
        """Which dimension a violation code counts in."""
        for name, codes in self.code_dimensions.items():
            if name != "default" and code in codes:
                return name
        return str(self.code_dimensions["default"])

    def level_of(self, score: int) -> Level:
        """The level a score reaches."""
        return next(level for level in self.levels if score >= level.min)

    def until(self, severity: str, start: date) -> date:
        """The last day on which a deduction of this severity counts."""
        return start + timedelta(days=self.deductions[severity].days)


def standard_on(day: date) -> Standard:
    """The standard in force on a day; before the first one, the first one.

    Raises:
        ConfigurationError: no standard is in force.
    """
    standards = load_standards()
    for standard in reversed(standards):
        if standard.valid_from <= day and (standard.valid_to is None or day <= standard.valid_to):
            return standard
    if day < standards[0].valid_from:
        return standards[0]
    raise ConfigurationError(f"{day} 没有生效的评分标准，请在 rating/standards/ 中补充")


@cache
def load_standards(root: Path = STANDARDS) -> tuple[Standard, ...]:
    """All versions, oldest first.

    Raises:
        ConfigurationError: names the file and what is wrong with it.
    """
    found = [_load(path) for path in sorted(root.glob("*.yaml"))]
    if not found:
        raise ConfigurationError(f"{root} 中没有评分标准文件")
    return tuple(sorted(found, key=lambda standard: standard.valid_from))


def _load(path: Path) -> Standard:
    try:
        standard = msgspec.yaml.decode(path.read_bytes(), type=Standard)
    except msgspec.MsgspecError as error:
        raise ConfigurationError(f"评分标准 {path.name}：{error}") from error
    problem = _problem(standard)
    if problem:
        raise ConfigurationError(f"评分标准 {path.name}：{problem}")
    return standard


def _problem(standard: Standard) -> str | None:
    names = [dimension.id for dimension in standard.dimensions]
    minima = [level.min for level in standard.levels]
    checks: list[tuple[Any, str]] = [
        (standard.total == 1000, f"各维度满分合计应为 1000，现为 {standard.total}"),
        (len(set(names)) == len(names), "维度编号重复"),
        (all(0 <= d.start <= d.points for d in standard.dimensions), "起始分应在 0 与满分之间"),
        (minima == sorted(minima, reverse=True) and minima[-1] == 0, "等级应自高到低排列，最低一级的 min 应为 0"),
        (set(standard.deductions) == set(SEVERITIES), f"deductions 应恰好包含 {'、'.join(SEVERITIES)}"),
        (set(standard.restore) == {*SEVERITIES, CORRECTED}, "restore 应恰好包含各严重程度与 corrected"),
        (0 <= standard.operator_share <= 1, "operator_share 应在 0 与 1 之间"),
        (set(standard.code_dimensions) - {"default"} <= set(names), "code_dimensions 中有未知维度"),
        (standard.code_dimensions.get("default") in names, "code_dimensions.default 应为已有维度"),
    ]
    return next((message for passed, message in checks if not passed), None)
