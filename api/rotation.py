"""Moves everything sealed with the root secret over to a new one, step by step; killed anywhere, it is simply run again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete

from api import idempotency
from api.auth.tables import sessions
from api.context import Services
from infra import audit, rotation, vault
from infra.errors import Conflict
from infra.secrets import key_ring, previous_path

BATCH: Final = 200
ACTOR: Final = "cli"


@dataclass(frozen=True, slots=True)
class Rotated:
    """What one run did. ``started``: it made the new key (otherwise it went on with an exchange begun before)."""

    started: bool
    resealed: int
    unreadable: tuple[str, ...]
    sessions_ended: int


def rotate(
    services: Services, *, end_sessions: bool = False, progress: Callable[[int], None] = lambda _count: None
) -> Rotated:
    """Put a new key in place, unless one is half-way in, and seal everything anew with it. The old key stays at hand.

    Raises:
        Conflict: another run is at work. ConfigurationError: the key files cannot be read or written.
    """
    with rotation.alone(services.settings):
        started = rotation.exchange(services.settings)
        return _carry_over(services, started=started, end_sessions=end_sessions, progress=progress)


def finish(services: Services) -> Rotated:
    """Seal anew what was still sealed with the old key meanwhile, make sure nothing is left, and delete the old key.

    Raises:
        Conflict: no exchange is under way, the exchange of files is not complete, or records are left that need the old
            key. ConfigurationError: the old key's file cannot be deleted.
    """
    settings = services.settings
    with rotation.alone(settings):
        if not previous_path(settings).exists():
            raise Conflict("没有正在进行的密钥更换；要更换密钥请运行 chengxin rotate-key")
        if len(key_ring(settings)) == 1:
            raise Conflict("新密钥还没有就位（上次运行被中断），请先重新运行 chengxin rotate-key")
        done = _carry_over(services, started=False, end_sessions=False, progress=lambda _count: None)
        with services.database.read() as connection:
            left = {id: n for id, n in vault.keys_in_use(connection).items() if id != services.vault.key_id}
        if left:
            raise Conflict(
                f"还有 {sum(left.values())} 条记录未换到新密钥（无法解密：{'、'.join(done.unreadable) or '无'}），旧密钥保留"
            )
        rotation.drop_previous(settings)
        _note(services, "key.finish", {"resealed": done.resealed})
        return done


def _carry_over(services: Services, *, started: bool, end_sessions: bool, progress: Callable[[int], None]) -> Rotated:
    count, after = 0, ""
    unreadable: list[str] = []
    while True:
        with services.database.write() as connection:
            step = services.vault.reseal(connection, after=after, limit=BATCH)
        count += step.count
        unreadable += step.unreadable
        if step.last is None:
            break
        after = step.last
        progress(count)
    with services.database.write() as connection:
        idempotency.reseal(connection, services.settings)
        ended = connection.execute(delete(sessions)).rowcount if end_sessions else 0
    done = Rotated(started, count, tuple(unreadable), ended)
    _note(services, "key.rotate", {"started": started, "resealed": count, "unreadable": len(unreadable)})
    return done


def _note(services: Services, action: str, detail: dict[str, int]) -> None:
    key_id = services.vault.key_id
    with services.database.write() as connection:
        audit.record(
            connection, actor=ACTOR, action=action, target=f"root-key:{key_id}", detail=detail, at=services.clock.now()
        )
