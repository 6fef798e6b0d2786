"""``chengxin topics``: set Kafka's topics up as ``topics.yaml`` wants them, and say how they differ."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from streams.kafka.connection import Connection
    from streams.kafka.topics import TopicPlan

DIFFERENT = 1

commands = typer.Typer(
    help="Kafka 主题：照 infra/deploy/topics.yaml 建立、调整与核对。\n\n例：`chengxin topics apply --replication 1`",
    no_args_is_help=True,
)

File = Annotated[Path | None, typer.Option(metavar="文件", help="自己的主题文件；默认用自带的 topics.yaml")]
Replication = Annotated[
    int | None, typer.Option(metavar="份数", min=1, max=9, help="副本数，代替文件里的；单台 Kafka 用 1")
]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(commands, name="topics")


@commands.command("apply")
def apply(
    file: File = None,
    replication: Replication = None,
    grow: Annotated[bool, typer.Option("--grow", help="分区不足时增加；会改变键所在的分区，请先停 worker")] = False,
) -> None:
    """建立缺少的主题，改正保存期等设置；可重复执行，分区从不减少，数据从不删除。

    退出码：0 已与文件一致，1 还有需要手工处理的差别，2 用法、文件或连接有误。

    例：`CHENGXIN_BROKER_URL=kafka://127.0.0.1:9092 chengxin topics apply --replication 1`
    """
    from streams.kafka import cluster
    from streams.kafka.topics import differences

    connection, plan = _prepare(file)
    copies = replication or plan.replication
    with cluster.administration(connection) as admin:
        for line in cluster.apply(admin, connection, plan, replication=copies, grow=grow):
            typer.echo(line)
        left = differences(plan, cluster.find(admin, connection, list(plan.topics)), replication=copies)
    for difference in left:
        typer.echo(f"未处理：{connection.topic(difference.topic)} {difference.message}", err=True)
    if left:
        raise typer.Exit(DIFFERENT)
    typer.echo(f"{len(plan.topics)} 个主题与文件一致")


@commands.command("check")
def check(file: File = None, replication: Replication = None) -> None:
    """核对主题，逐项说明差别和改正办法；什么都不改。

    退出码：0 一致，1 有差别，2 用法、文件或连接有误。

    例：`chengxin topics check`
    """
    from streams.kafka import cluster
    from streams.kafka.topics import differences

    connection, plan = _prepare(file)
    with cluster.administration(connection) as admin:
        found = cluster.find(admin, connection, list(plan.topics))
    different = differences(plan, found, replication=replication)
    for difference in different:
        typer.echo(f"{connection.topic(difference.topic)}：{difference.message}")
    if different:
        raise typer.Exit(DIFFERENT)
    typer.echo(f"{len(plan.topics)} 个主题与文件一致")


def _prepare(file: Path | None) -> tuple[Connection, TopicPlan]:
    from infra.settings import load_settings
    from streams.kafka import topics
    from streams.kafka.connection import Connection

    return Connection.from_settings(load_settings()), topics.load(file or topics.BUNDLED)
