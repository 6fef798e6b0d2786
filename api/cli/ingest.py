"""``chengxin ingest``: files into the log, with progress, and with a reject file for what cannot be used."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from infra.settings import Settings
    from streams.ingest import IngestReport, Reading

REJECTED: Final = 1


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("ingest")(ingest)


Rows = Annotated[
    list[Path], typer.Argument(metavar="文件…", help="JSONL、NDJSON、SRT、VTT、CSV、TSV 或 XLSX 文件，可给多个")
]
SUBTITLES: Final = "字幕必填"
FILES: Final = "文件里没有的字段"


def ingest(
    files: Rows,
    *,
    topic: Annotated[
        str | None,
        typer.Option(
            metavar="主题", help="transcripts（话语）、listings（商品）或 complaints（投诉举报）；默认按内容判断"
        ),
    ] = None,
    rejects: Annotated[
        Path | None, typer.Option(metavar="文件", help="拒收明细写到哪里；默认在数据目录的 rejects/ 下")
    ] = None,
    platform: Annotated[
        str | None, typer.Option(metavar="编号", rich_help_panel=FILES, help=f"平台编号（{SUBTITLES}）")
    ] = None,
    room: Annotated[
        str | None, typer.Option(metavar="编号", rich_help_panel=FILES, help=f"直播间编号（{SUBTITLES}）")
    ] = None,
    session: Annotated[
        str | None,
        typer.Option(metavar="编号", rich_help_panel=FILES, help=f"场次编号，每个字幕文件各不相同（{SUBTITLES}）"),
    ] = None,
    host: Annotated[
        str | None, typer.Option(metavar="编号", rich_help_panel=FILES, help=f"主播编号（{SUBTITLES}）")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="时间", rich_help_panel=FILES, help=f"开播时间，如 2026-11-20T20:00:00+08:00（{SUBTITLES}）"
        ),
    ] = None,
    operator: Annotated[
        str | None, typer.Option(metavar="编号", rich_help_panel=FILES, help="直播间运营者编号")
    ] = None,
    category: Annotated[
        str | None, typer.Option(metavar="类目", rich_help_panel=FILES, help="商品类目，如 food")
    ] = None,
    wait: Annotated[
        int, typer.Option(metavar="秒", min=0, help="Kafka 连不上时，每一批最多等待多久；期间自动重试")
    ] = 300,
) -> None:
    """把话语、商品、投诉举报的文件送入处理队列（内置日志，或 CHENGXIN_BROKER_URL 指定的 Kafka）。

    编码为 UTF-8（有无 BOM 均可）或 GB18030，自动判断。一行有误只拒收这一行，明细写明文件、行号、错在哪里和原文。
    重复导入同一文件不会产生重复线索。

    退出码：0 全部接收，1 有拒收，2 用法或文件有误。

    例：`chengxin ingest 商品.xlsx 投诉.csv`

    例：`chengxin ingest 1120.srt --platform yunjian --room r1 --session s1120 --host h1 --start 2026-11-20T20:00:00+08:00`
    """
    from api.context import Services
    from infra import broker, migrate
    from infra.clock import SystemClock
    from infra.settings import load_settings
    from streams.ingest import ingest as take_in
    from streams.ingest import patient, publisher_sink

    settings, clock = load_settings(), SystemClock()
    now = clock.now()
    given: dict[str, Any] = {"platform": platform, "room": room, "session": session, "host": host}
    given |= {"operator": operator, "category": category, "start": _moment(start) if start is not None else None}
    defaults = _checked({name: value for name, value in given.items() if value is not None}, topic, now)
    reject_file = rejects or settings.data_dir / "rejects" / f"{now:%Y%m%d-%H%M%S-%f}.jsonl"
    services = Services(settings, clock)
    migrate.upgrade(services.database)
    if broker.is_kafka(settings.broker_url):
        _use_kafka(settings)
    try:
        with _progress() as bar:
            sink = publisher_sink(services.publisher, services.database, clock)
            report = take_in(
                files,
                sink=patient(sink, seconds=wait, say=bar.console.print),
                reject_file=reject_file,
                now=now,
                topic=topic,
                defaults=defaults,
                progress=_Shown(bar).show,
            )
    finally:
        services.close()
    _print(report)
    if report.rejected:
        raise typer.Exit(REJECTED)


def _checked(given: dict[str, Any], topic: str | None, now: datetime) -> dict[str, Any]:
    """The options as they are; a wrong one is named here once, rather than with every row of the files.

    Raises:
        InvalidInput: names every wrong option and its value.
    """
    from infra.errors import FieldError, InvalidInput
    from streams.events import check_field
    from streams.sources.source import INGESTED

    errors = []
    if topic is not None and topic not in INGESTED:
        errors.append(FieldError.of("--topic", topic, f"应为 {'、'.join(INGESTED)} 之一"))
    for name, value in given.items():
        if message := check_field("transcripts", name, value, now=now):
            errors.append(FieldError.of(f"--{name}", str(value), message))
    if errors:
        raise InvalidInput(*errors)
    return given


def _moment(text: str) -> datetime:
    from infra.errors import InvalidInput

    hint = "应为带时区的 ISO 8601 时间，例如 2026-11-20T20:00:00+08:00"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput.one("--start", text, hint) from None
    if moment.tzinfo is None:
        raise InvalidInput.one("--start", text, hint)
    return moment


def _use_kafka(settings: Settings) -> None:
    import secrets

    from structlog.contextvars import bind_contextvars

    from infra.telemetry import configure_logging
    from streams.kafka.cluster import require_topics
    from streams.kafka.connection import Connection

    configure_logging(settings.log_format)
    require_topics(Connection.from_settings(settings))
    bind_contextvars(request_id=f"ingest-{secrets.token_hex(4)}")  # goes with the records, to find in the worker's log


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TextColumn("{task.fields[counts]}"))
    return Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True))


class _Shown:
    """One bar per file, from when it is read."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._tasks: dict[Path, TaskID] = {}

    def show(self, reading: Reading) -> None:
        if reading.path not in self._tasks:
            self._tasks[reading.path] = self._bar.add_task(reading.path.name, total=reading.size, counts="")
        counts = f"接收 {reading.accepted} 拒收 {reading.rejected}"
        self._bar.update(self._tasks[reading.path], completed=reading.position, counts=counts)


def _print(report: IngestReport) -> None:
    for file in report.files:
        line = f"{file.path.name}：{file.topic}，{file.encoding}，接收 {file.accepted} 条，拒收 {file.rejected} 条"
        typer.echo(f"{line}，未用到的列：{'、'.join(file.ignored)}" if file.ignored else line)
    typer.echo(f"共接收 {report.accepted} 条，拒收 {report.rejected} 条")
    if report.reject_file is not None:
        typer.echo(f"拒收明细：{report.reject_file}")
