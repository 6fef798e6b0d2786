"""``chengxin serve``: the web pages and the API, with the embedded engine or, on Kafka, the relay in the same process."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve")(serve)


def serve(
    host: Annotated[str, typer.Option(help="监听地址")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="监听端口", min=0, max=65535)] = 8000,
    proxy: Annotated[str, typer.Option(help="可信反向代理的地址，逗号分隔；其余来源的转发头一律不信")] = "127.0.0.1",
) -> None:
    """启动网页、接口与内置处理引擎；空数据库会自动建好。

    设了 CHENGXIN_BROKER_URL=kafka://… 时，事件写入 Kafka，由 `chengxin worker` 处理；处置决定与投诉由本进程送往 Kafka。

    词库或模型文件变了会自动换用，不必重启；新文件有错就继续用旧的，并在日志、/readyz 与 /metrics 说明。发 SIGHUP 立即重新读取。

    例：`chengxin serve --port 8000`
    """
    import signal

    import uvicorn

    from api.app import create_app
    from api.context import Services
    from api.engine import make_work
    from infra import migrate
    from infra.clock import SystemClock
    from infra.garbage import settle
    from infra.settings import load_settings
    from streams.indexing import bring_up

    settings = load_settings()
    services = Services(settings, SystemClock())
    # Everything that a setting can break is opened here, so that it ends in one line instead of the server's traceback.
    migrate.upgrade(services.database)
    bring_up(services.database, services.search)
    make_work(services)
    app = create_app(settings, services=services)
    if hasattr(signal, "SIGHUP"):  # not on Windows
        signal.signal(signal.SIGHUP, services.watcher.wake)
    settle()
    typer.echo(f"诚信直播：http://{host}:{port}  （按 Ctrl+C 停止）", err=True)
    uvicorn.run(
        app,
        host=host,
        port=port,
        forwarded_allow_ips=proxy,
        access_log=False,
        log_config=None,  # its warnings then go the way of all logs, and lose what must not be in them
        log_level="warning",
        server_header=False,
    )
