"""Examines an installation without changing it: settings, files, database, broker, search; what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Iterator

from api.doctor import broker, database, machine, model, search
from api.doctor.finding import Finding, error, ok
from infra.clock import Clock
from infra.errors import ConfigurationError
from infra.settings import PREFIX, Settings, load_settings

__all__ = ["Finding", "examine", "from_environment"]


def from_environment(clock: Clock) -> list[Finding]:
    """Everything, beginning with the environment itself; wrong settings are all that can be said about them."""
    try:
        settings = load_settings()
    except ConfigurationError as wrong:
        return [error("settings", str(wrong), "改正这个环境变量后再运行 chengxin doctor（含义见 docs/settings.md）")]
    return list(examine(settings, clock))


def examine(settings: Settings, clock: Clock) -> Iterator[Finding]:
    """All checks in the order of what depends on what. None raises; none creates, migrates or repairs anything."""
    given = [PREFIX + name.upper() for name in sorted(settings.model_fields_set)]
    yield ok("settings", f"已设 {'、'.join(given)}" if given else "全部为默认值")
    for room in (machine, database, broker, search, model):
        yield from room.examine(settings, clock)
