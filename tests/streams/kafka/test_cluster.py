"""``chengxin topics`` and the check at the start, on a real Kafka."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from api.cli import app, register
from infra.errors import ConfigurationError
from streams.kafka import cluster, topics
from streams.kafka.connection import Connection
from tests.streams.kafka.conftest import small

pytestmark = pytest.mark.services

register.all_commands(app)


@pytest.fixture
def plan_file(tmp_path: Path) -> Path:
    file = tmp_path / "topics.yaml"
    file.write_bytes(msgspec.yaml.encode(small(topics.load())))
    return file


@pytest.fixture
def run(empty_kafka: Connection, kafka_url: str, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("CHENGXIN_BROKER_URL", kafka_url)
    monkeypatch.setenv("CHENGXIN_BROKER_PREFIX", empty_kafka.prefix)
    return CliRunner()


def test_the_version_and_number_of_brokers_are_found(empty_kafka: Connection) -> None:
    found = empty_kafka.check()
    assert found.version >= (2, 5)
    assert found.brokers >= 1


def test_applied_twice_nothing_more_is_done(run: CliRunner, plan_file: Path) -> None:
    before = run.invoke(app, ["topics", "check", "--file", str(plan_file)])
    first = run.invoke(app, ["topics", "apply", "--file", str(plan_file)])
    second = run.invoke(app, ["topics", "apply", "--file", str(plan_file)])
    after = run.invoke(app, ["topics", "check", "--file", str(plan_file)])
    assert [result.exit_code for result in (before, first, second, after)] == [1, 0, 0, 0]
    assert before.output.count("不存在") == first.output.count("建立") == 8
    assert second.output == after.output == "8 个主题与文件一致\n"


def test_a_changed_setting_is_found_and_mended(run: CliRunner, plan_file: Path, kafka: Connection) -> None:
    plan = topics.load(plan_file)
    longer = msgspec.structs.replace(plan.topics["complaints"], retention_days=60)
    plan_file.write_bytes(
        msgspec.yaml.encode(msgspec.structs.replace(plan, topics={**plan.topics, "complaints": longer}))
    )
    check = run.invoke(app, ["topics", "check", "--file", str(plan_file)])
    assert check.exit_code == 1
    assert f"{kafka.prefix}complaints：retention.ms" in check.output
    assert run.invoke(app, ["topics", "apply", "--file", str(plan_file)]).exit_code == 0
    assert run.invoke(app, ["topics", "check", "--file", str(plan_file)]).exit_code == 0


def test_partitions_grow_only_when_told_to_and_never_shrink(run: CliRunner, plan_file: Path, kafka: Connection) -> None:
    plan = topics.load(plan_file)

    def want(partitions: int) -> None:
        spec = msgspec.structs.replace(plan.topics["listings"], partitions=partitions)
        plan_file.write_bytes(
            msgspec.yaml.encode(msgspec.structs.replace(plan, topics={**plan.topics, "listings": spec}))
        )

    want(5)
    refused = run.invoke(app, ["topics", "apply", "--file", str(plan_file)])
    assert refused.exit_code == 1
    assert "--grow" in refused.output
    assert run.invoke(app, ["topics", "apply", "--grow", "--file", str(plan_file)]).exit_code == 0
    want(2)
    left = run.invoke(app, ["topics", "apply", "--grow", "--file", str(plan_file)])
    assert left.exit_code == 1
    assert "分区不能减少" in left.output
    with cluster.administration(kafka) as admin:
        assert cluster.find(admin, kafka, ["listings"])["listings"].partitions == 5


def test_more_copies_than_brokers_are_refused_with_the_option_that_helps(run: CliRunner, plan_file: Path) -> None:
    result = run.invoke(app, ["topics", "apply", "--replication", "9", "--file", str(plan_file)])
    assert isinstance(result.exception, cluster.TopicsRefused)
    assert "--replication 1" in str(result.exception)


def test_a_process_does_not_start_without_its_topics(empty_kafka: Connection) -> None:
    with pytest.raises(ConfigurationError, match="chengxin topics apply") as caught:
        cluster.require_topics(empty_kafka)
    assert f"{empty_kafka.prefix}transcripts" in str(caught.value)


def test_with_its_topics_it_does(kafka: Connection) -> None:
    cluster.require_topics(kafka)
