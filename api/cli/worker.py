"""``chengxin worker``: the Faust worker on Kafka."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("worker")(worker)


class Only(StrEnum):
    """The parts of a worker that can run alone."""

    EVENTS = "events"
    SEARCH = "search"


def worker(
    host: Annotated[str | None, typer.Option(help="健康检查与指标的监听地址，默认 CHENGXIN_WORKER_HOST")] = None,
    port: Annotated[
        int | None, typer.Option(help="健康检查与指标的端口，默认 CHENGXIN_WORKER_PORT；0 由系统选", min=0, max=65535)
    ] = None,
    only: Annotated[
        Only | None, typer.Option(help="只做一部分：events 处理事件，search 更新搜索索引；繁忙时分成不同进程")
    ] = None,
) -> None:
    """从 Kafka 取事件，识别并写入线索；可同时启动多个，自动分担分区。

    /healthz、/readyz、/metrics 在自己的端口上。词库或模型文件变了会自动换用，不必重启；发 SIGHUP 立即重新读取。
    死信比例超限、处理停滞时以非零状态退出，请交给 systemd、Kubernetes 等重新启动。

    例：`CHENGXIN_BROKER_URL=kafka://127.0.0.1:9092 chengxin worker --port 9101`
    """
    import signal

    from api.context import Services
    from api.worker import WorkerProcess
    from infra import migrate, tracing
    from infra.clock import SystemClock
    from infra.settings import load_settings
    from infra.telemetry import configure_logging

    settings = load_settings()
    given = {"worker_host": host, "worker_port": port}
    settings = settings.model_copy(update={name: value for name, value in given.items() if value is not None})
    configure_logging(settings.log_format)
    tracing.configure("chengxin-worker")
    services = Services(settings, SystemClock())
    # The database comes first: what reads it while starting must find its tables.
    migrate.upgrade(services.database)
    process = WorkerProcess(services, events=only is not Only.SEARCH, search=only is not Only.EVENTS)
    for name in ("SIGTERM", "SIGINT"):
        signal.signal(getattr(signal, name), process.stop)
    if hasattr(signal, "SIGHUP"):  # not on Windows
        signal.signal(signal.SIGHUP, services.watcher.wake)
    typer.echo(f"诚信直播 worker：健康检查与指标在 http://{process.health.address}  （按 Ctrl+C 停止）", err=True)
    try:
        process.run()
    finally:
        tracing.shut_down()
