"""From what was measured and what is assumed to a plan: processes, partitions, disks, cost. Run it: ``python -m infra.deploy.sizing``.

A number that was not measured makes whatever depends on it "待测"; nothing is guessed in its place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, TypeVar

import msgspec
import typer
import yaml
from msgspec import Meta, Struct

from infra.errors import ConfigurationError

FOLDER: Final = Path(__file__).parent
DOCUMENT: Final = FOLDER.parent.parent / "docs" / "sizing.md"
UNKNOWN: Final = "待测"
PARTITION_STEP: Final = 12
LEAST_PARTITIONS: Final = 24
GB: Final = 1e9
SECONDS_PER_HOUR: Final = 3600

T = TypeVar("T")
Positive = Annotated[float, Meta(gt=0)]
Share = Annotated[float, Meta(gt=0, lt=1)]


class Measurement(Struct, frozen=True, forbid_unknown_fields=True):
    """One measured number; ``value`` None: not yet measured."""

    what: str
    unit: str
    command: str
    value: Positive | None = None
    date: str | None = None
    machine: str | None = None


class Measured(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything the plan is computed from. The names are those of ``measurements.yaml``."""

    worker_events_per_second: Measurement
    worker_single_events_per_second: Measurement
    worker_cores: Measurement
    latency_p99_seconds: Measurement
    rebalance_seconds: Measurement
    kafka_bytes_per_event: Measurement
    index_documents_per_second: Measurement
    index_gigabytes_per_million: Measurement
    search_p95_milliseconds: Measurement
    database_flags_per_second: Measurement
    database_bytes_per_flag: Measurement


class Assumed(Struct, frozen=True, forbid_unknown_fields=True):
    """What is taken for granted; see the comments in ``scenarios.yaml``."""

    utterances_per_room_second: Positive
    peak_hours_per_day: Annotated[float, Meta(gt=0, le=24)]
    flag_share: Share
    utilisation: Share
    catch_up_outage_hours: Positive
    replication: Annotated[int, Meta(ge=1)]
    topic_days: Annotated[int, Meta(ge=1)]
    search_days: Annotated[int, Meta(ge=1)]
    search_copies: Annotated[int, Meta(ge=1)]
    shard_gigabytes: Positive
    free_share: Share
    flag_years: Positive
    server_cores: Annotated[int, Meta(ge=1)]


class Prices(Struct, frozen=True, forbid_unknown_fields=True):
    """Yuan a month for one core, one GB on SSD, one GB on hard disk."""

    core: Positive
    ssd_gigabyte: Positive
    hdd_gigabyte: Positive


class Scenario(Struct, frozen=True, forbid_unknown_fields=True):
    """A place, with how many rooms are on air at the same time at its peak."""

    name: str
    rooms: Annotated[int, Meta(ge=1)]


class Scenarios(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of ``scenarios.yaml``."""

    assumed: Assumed
    prices: Prices
    scenarios: list[Scenario]


class _Measurements(Struct, frozen=True, forbid_unknown_fields=True):
    measured: Measured


@dataclass(frozen=True, slots=True)
class Plan:
    """What a scenario needs; None where a measurement is missing. Disks are in GB and include copies and free room."""

    scenario: Scenario
    peak_per_second: float
    per_day: float
    workers: int | None
    partitions: int | None
    catch_up_hours: float | None
    topic_disk: float | None
    indexers: int | None
    index_disk: float | None
    shards: int | None
    search_nodes: int | None
    flags_per_day: float
    database_share: float | None
    database_disk: float | None
    cores: float | None
    cost: float | None


def load_measurements(path: Path = FOLDER / "measurements.yaml") -> Measured:
    """Raises ConfigurationError naming the file and what is wrong, also for a number without date or machine."""
    measured = _load(path, _Measurements).measured
    for name in Measured.__struct_fields__:
        one: Measurement = getattr(measured, name)
        if one.value is not None and not (one.date and one.machine):
            raise ConfigurationError(f"{path}：{name} 有数值却没有写 date 与 machine")
    return measured


def load_scenarios(path: Path = FOLDER / "scenarios.yaml") -> Scenarios:
    """Raises ConfigurationError naming the file and what is wrong."""
    return _load(path, Scenarios)


def _load(path: Path, kind: type[T]) -> T:
    try:
        return msgspec.convert(yaml.safe_load(path.read_bytes()), kind)
    except (OSError, yaml.YAMLError, msgspec.MsgspecError) as error:
        raise ConfigurationError(f"{path}：{error}") from None


def plan(scenario: Scenario, measured: Measured, given: Scenarios) -> Plan:
    """Compute one scenario."""
    a, value = given.assumed, _values(measured)
    peak = scenario.rooms * a.utterances_per_room_second
    per_day = peak * a.peak_hours_per_day * SECONDS_PER_HOUR
    flags = per_day * a.flag_share
    per_worker, index_rate = value("worker_events_per_second"), value("index_documents_per_second")
    workers = _processes(peak, per_worker, a.utilisation, least=2)
    indexers = _processes(peak, index_rate, a.utilisation, least=1)
    topic_disk = _disk(value("kafka_bytes_per_event"), per_day * a.topic_days * a.replication / GB, a)
    primary = _times(value("index_gigabytes_per_million"), per_day * a.search_days / 1e6)
    index_disk = _disk(primary, a.search_copies, a)
    database_disk = _disk(value("database_bytes_per_flag"), flags * 365 * a.flag_years / GB, a)
    search_nodes = None if index_disk is None else max(3, math.ceil(index_disk / 2000))
    cores = None
    worker_cores = value("worker_cores")
    if workers is not None and indexers is not None and search_nodes is not None and worker_cores is not None:
        servers = 3 + search_nodes + 2  # Kafka, Elasticsearch, PostgreSQL with its standby
        cores = workers * worker_cores + indexers + 2 * 2 + servers * a.server_cores
    return Plan(
        scenario=scenario,
        peak_per_second=peak,
        per_day=per_day,
        workers=workers,
        partitions=None if workers is None else _partitions(workers),
        catch_up_hours=None if workers is None or per_worker is None else _catch_up(workers * per_worker, peak, a),
        topic_disk=topic_disk,
        indexers=indexers,
        index_disk=index_disk,
        shards=None if primary is None else max(1, math.ceil(primary / a.shard_gigabytes)),
        search_nodes=search_nodes,
        flags_per_day=flags,
        database_share=_share(peak * a.flag_share, value("database_flags_per_second")),
        database_disk=database_disk,
        cores=cores,
        cost=_cost(given.prices, cores, topic_disk, index_disk, database_disk),
    )


def _values(measured: Measured) -> Callable[[str], float | None]:
    def value(name: str) -> float | None:
        one: Measurement = getattr(measured, name)
        return one.value

    return value


def _processes(peak: float, rate: float | None, utilisation: float, *, least: int) -> int | None:
    return None if rate is None else max(least, math.ceil(peak / (rate * utilisation)))


def _partitions(workers: int) -> int:
    """Twice the workers, so that they can double without moving keys."""
    return max(LEAST_PARTITIONS, math.ceil(2 * workers / PARTITION_STEP) * PARTITION_STEP)


def _catch_up(capacity: float, peak: float, a: Assumed) -> float:
    """Hours until the backlog of an outage at the peak is gone, while the peak goes on."""
    return a.catch_up_outage_hours * peak / (capacity - peak)


def _times(one: float | None, factor: float) -> float | None:
    return None if one is None else one * factor


def _disk(one: float | None, factor: float, a: Assumed) -> float | None:
    return None if one is None else one * factor / (1 - a.free_share)


def _share(need: float, rate: float | None) -> float | None:
    return None if rate is None else need / rate


def _cost(
    prices: Prices, cores: float | None, topics: float | None, index: float | None, database: float | None
) -> float | None:
    if cores is None or topics is None or index is None or database is None:
        return None
    return cores * prices.core + topics * prices.hdd_gigabyte + (index + database) * prices.ssd_gigabyte


def table(measured: Measured, given: Scenarios) -> str:
    """The measurements and the plans as Markdown, as they stand in docs/sizing.md."""
    lines = ["### 测得", "", "| 什么 | 数值 | 命令 | 日期与机器 |", "|---|---|---|---|"]
    for name in Measured.__struct_fields__:
        one: Measurement = getattr(measured, name)
        number = UNKNOWN if one.value is None else f"{_number(one.value)} {one.unit}"
        where = "" if one.value is None else f"{one.date}，{one.machine}"
        lines.append(f"| {one.what} | {number} | `{one.command}` | {where} |")
    plans = [plan(scenario, measured, given) for scenario in given.scenarios]
    lines += ["", "### 规划", ""]
    lines.append("| | " + " | ".join(p.scenario.name for p in plans) + " |")
    lines.append("|---|" + "---|" * len(plans))
    for label, show in _ROWS:
        lines.append(f"| {label} | " + " | ".join(show(p) for p in plans) + " |")
    return "\n".join(lines) + "\n"


def write(document: Path, content: str) -> bool:
    """Put the tables between the document's marks; True when that changed it.

    Raises:
        ConfigurationError: the marks are not there.
    """
    old = document.read_text(encoding="utf-8")
    new = replaced(old, content)
    document.write_text(new, encoding="utf-8")
    return new != old


def replaced(text: str, content: str) -> str:
    """The text with what is between the marks exchanged."""
    begin, _, rest = text.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ConfigurationError(f"{DOCUMENT}：缺少标记 {BEGIN} 与 {END}")
    return f"{begin}{BEGIN}\n\n{content}\n{END}{after}"


BEGIN: Final = "<!-- sizing:begin -->"
END: Final = "<!-- sizing:end -->"


def _number(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _gigabytes(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    return f"{value / 1000:,.1f} TB" if value >= 1000 else f"{_number(value)} GB"


def _percent(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.2%}"


_ROWS: Final[tuple[tuple[str, Callable[[Plan], str]], ...]] = (
    ("高峰同时在播的直播间（假设）", lambda p: _number(p.scenario.rooms)),
    ("高峰每秒话语", lambda p: _number(p.peak_per_second)),
    ("每天话语", lambda p: f"{p.per_day / 1e6:,.1f} 百万"),
    ("处理进程", lambda p: _number(p.workers)),
    ("transcripts 分区", lambda p: _number(p.partitions)),
    (
        "高峰停机后追平（停机时长见假设）",
        lambda p: UNKNOWN if p.catch_up_hours is None else f"{p.catch_up_hours:.1f} 小时",
    ),
    ("Kafka 磁盘（三年，含副本与余量）", lambda p: _gigabytes(p.topic_disk)),
    ("索引进程", lambda p: _number(p.indexers)),
    ("搜索磁盘（含副本与余量）", lambda p: _gigabytes(p.index_disk)),
    ("话语索引主分片", lambda p: _number(p.shards)),
    ("Elasticsearch 节点", lambda p: _number(p.search_nodes)),
    ("每天线索", lambda p: _number(p.flags_per_day)),
    ("高峰占数据库写入能力", lambda p: _percent(p.database_share)),
    ("数据库磁盘（线索，含余量）", lambda p: _gigabytes(p.database_disk)),
    ("核（含服务器）", lambda p: _number(p.cores)),
    ("费用（元/月）", lambda p: _number(p.cost)),
)


def main(
    write_document: Annotated[bool, typer.Option("--write", help="把表写进 docs/sizing.md")] = False,
    measurements: Annotated[Path, typer.Option(help="实测数字")] = FOLDER / "measurements.yaml",
    scenarios: Annotated[Path, typer.Option(help="假设与场景")] = FOLDER / "scenarios.yaml",
) -> None:
    """由实测数字和假设算出容量规划。

    例：`python -m infra.deploy.sizing --write`
    """
    try:
        content = table(load_measurements(measurements), load_scenarios(scenarios))
        if write_document:
            write(DOCUMENT, content)
    except ConfigurationError as error:
        typer.secho(f"{error.title}：{error}", fg="red", err=True)
        raise typer.Exit(2) from None
    typer.echo(content)


if __name__ == "__main__":
    typer.run(main)
