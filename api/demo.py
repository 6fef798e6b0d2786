"""The sample day, end to end: load, run through the pipeline, let the sample officer decide, see what came of it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, select

from api.auth.accounts import ROLES, add_account
from api.auth.tables import accounts
from api.context import Services
from api.engine import make_runner
from casework import review
from casework.tables import flags
from infra import migrate
from infra.errors import Conflict
from streams.indexing import bring_up
from streams.sampleday import SAMPLE_DAY, load_sample_day

PASSWORDS: Final = "demo-accounts.json"
DEMO_PREFIX: Final = "demo-"
DEMO_PLATFORM: Final = "yunjian"

Progress = Callable[[str], None]


class SampleDecision(Struct, frozen=True, forbid_unknown_fields=True):
    """What the sample officer thinks of one finding."""

    event: str
    code: str
    outcome: Literal["confirmed", "dismissed", "corrected", "transferred"]
    note: str
    severity: Literal["S1", "S2", "S3", "S4"] | None = None


class SampleDecisions(Struct, frozen=True, forbid_unknown_fields=True):
    """The file ``decisions.yaml`` of the sample day."""

    officer: str
    decisions: tuple[SampleDecision, ...]


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What running the sample day came to. ``unmatched``: decisions whose finding the detector did not make."""

    fresh: bool
    decided: int
    unmatched: tuple[SampleDecision, ...]


def run(services: Services, *, say: Progress) -> DemoResult:
    """Load the sample day once and carry it through; running it again finds everything done.

    Raises:
        Conflict: the database is in real use.
    """
    migrate.upgrade(services.database)
    bring_up(services.database, services.search)
    with services.database.read() as connection:
        _refuse_real_database(connection)
    say("装入样例日……")
    loaded = load_sample_day(services.database, clock=services.clock)
    runner = make_runner(services)
    say("识别、立线索、建索引……")
    runner.run_until_idle()
    say("样例执法员逐条处置……")
    sample = msgspec.yaml.decode((SAMPLE_DAY / "decisions.yaml").read_bytes(), type=SampleDecisions)
    with services.database.write() as connection:
        unmatched = tuple(d for d in sample.decisions if not _decide(connection, services, sample.officer, d))
    runner.run_until_idle()
    return DemoResult(loaded > 0, len(sample.decisions) - len(unmatched), unmatched)


def demo_accounts(services: Services) -> dict[str, str]:
    """Account names and passwords of the demo database, made up at random on the first call and kept beside it."""
    path = services.settings.data_dir / PASSWORDS
    if path.exists():
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    passwords = {DEMO_PREFIX + role: secrets.token_urlsafe(9) for role in ROLES}
    with services.database.write() as connection:
        for name, password in passwords.items():
            role = name.removeprefix(DEMO_PREFIX)
            platform = DEMO_PLATFORM if role == "platform" else None
            at = services.clock.now()
            add_account(connection, name=name, role=role, password=password, at=at, platform=platform)
        _write_private(path, msgspec.json.encode(passwords))
    return passwords


def _decide(connection: Connection, services: Services, officer: str, decision: SampleDecision) -> bool:
    flag = _flag_of(connection, decision)
    if flag is None:
        return False
    try:
        review.decide_flag(
            connection,
            id=flag,
            outcome=decision.outcome,
            officer=officer,
            note=decision.note,
            code=decision.code,
            severity=decision.severity,
            at=services.clock.now(),
        )
    except Conflict:
        return True  # somebody trying the demo has decided otherwise, which stands
    return True


def _flag_of(connection: Connection, decision: SampleDecision) -> str | None:
    """The flag raised with this code, else any flag on the same words: an officer may name another code."""
    query = select(flags.c.id, flags.c.code).where(flags.c.event_id == decision.event)
    found = {row.code: str(row.id) for row in connection.execute(query)}
    return found.get(decision.code) or next(iter(found.values()), None)


def _refuse_real_database(connection: Connection) -> None:
    names: Iterable[str] = connection.execute(select(accounts.c.name)).scalars()
    real = [name for name in names if not name.startswith(DEMO_PREFIX)]
    if real:
        raise Conflict(
            f"这个数据库里已有正式账号（{real[0]} 等），样例日不能装入；请用 CHENGXIN_DATA_DIR 指定另一个数据目录"
        )


def _write_private(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
