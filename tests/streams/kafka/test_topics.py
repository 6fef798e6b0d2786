"""Topics as data: the bundled file, what is wrong with others, and how a cluster differs from them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from infra.errors import ConfigurationError
from streams.events import TOPICS
from streams.kafka import topics
from streams.kafka.topics import DAY_MS, Found, TopicPlan, differences, load

THREE_YEARS = 3 * 365 + 1


def as_wanted(plan: TopicPlan) -> dict[str, Found]:
    return {
        name: Found(spec.partitions, plan.replication, spec.configs(plan.replication))
        for name, spec in plan.topics.items()
    }


def test_every_topic_and_its_dead_letters_are_in_the_bundled_file() -> None:
    assert set(load().topics) == {*TOPICS, *(f"{topic}.dlq" for topic in TOPICS)}


def test_what_only_a_topic_holds_is_kept_for_three_years() -> None:
    for name, spec in load().topics.items():
        if spec.kept_in == "topic":
            assert spec.retention_days is not None
            assert spec.retention_days >= THREE_YEARS, name
            assert int(spec.configs(3)["retention.ms"]) >= THREE_YEARS * DAY_MS


def test_a_cluster_as_wanted_differs_in_nothing() -> None:
    plan = load()
    assert differences(plan, as_wanted(plan)) == []


def test_each_difference_is_told_with_its_remedy() -> None:
    plan = load()
    found = as_wanted(plan)
    found["transcripts"] = Found(12, 3, plan.topics["transcripts"].configs(3))
    found["listings"] = Found(99, 3, plan.topics["listings"].configs(3))
    found["complaints"] = Found(6, 1, plan.topics["complaints"].configs(1))
    found["decisions"] = Found(6, 3, plan.topics["decisions"].configs(3) | {"retention.ms": "1000"})
    del found["decisions.dlq"]
    told = {(d.topic, d.kind): d.message for d in differences(plan, found)}
    assert set(told) == {
        ("transcripts", "grow"),
        ("listings", "too_many_partitions"),
        ("complaints", "replication"),
        ("decisions", "configure"),
        ("decisions.dlq", "create"),
    }
    assert "--grow" in told["transcripts", "grow"]
    assert "改为 99" in told["listings", "too_many_partitions"]
    assert "retention.ms 为 1000" in told["decisions", "configure"]


def test_one_copy_needs_no_second_one_to_write() -> None:
    assert load().topics["transcripts"].configs(1)["min.insync.replicas"] == "1"
    assert load().topics["transcripts"].configs(3)["min.insync.replicas"] == "2"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("version: 1\nreplication: 3\ntopics: {}", "transcripts"),
        ("version: 2\nreplication: 3\ntopics: {}", "version"),
        ("version: 1\nreplication: 0\ntopics: {}", "replication"),
        ("version: 1\nreplication: 3\ntopics: {a: {partitions: 0}}", "partitions"),
        ("version: 1\nreplication: 3\ntopics: {a: {partitions: 1, retension_days: 3}}", "retension_days"),
        ("version: 1\nreplication: 3\ntopics: {a: {partitions: 1}}", "retention_days"),
        ("version: 1\nreplication: 3\ntopics: {a: {partitions: 1, cleanup: compact, retention_days: 1}}", "compact"),
        ("[", "topics.yaml"),
        ("", "object"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(text: str, named: str, tmp_path: Path) -> None:
    file = tmp_path / "topics.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=named) as caught:
        load(file)
    assert str(file) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.yaml"):
        load(tmp_path / "nowhere.yaml")


def test_a_file_may_ask_for_more_topics(tmp_path: Path) -> None:
    plan = load()
    more = msgspec.structs.replace(
        plan, topics=plan.topics | {"state": topics.TopicSpec(partitions=2, cleanup="compact")}
    )
    file = tmp_path / "topics.yaml"
    file.write_bytes(msgspec.yaml.encode(more))
    assert load(file).topics["state"].configs(3)["cleanup.policy"] == "compact"


def test_a_dead_letters_topic_holds_whatever_its_topic_took_and_the_reasons() -> None:
    for name, spec in load().topics.items():
        least = topics.MAX_LETTER if name.endswith(".dlq") else topics.MAX_MESSAGE
        assert int(spec.configs(3)["max.message.bytes"]) >= least, name
