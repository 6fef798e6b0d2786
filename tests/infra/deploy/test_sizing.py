"""The plan follows from the measurements; the document holds exactly what the script computes; nothing is guessed."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from infra.deploy import sizing
from infra.deploy.sizing import UNKNOWN, Measured, Scenario
from infra.errors import ConfigurationError
from streams.kafka import topics

GIVEN = sizing.load_scenarios()
PROVINCE = Scenario("省", 8000)
VALUES = {
    "worker_events_per_second": 20_000,
    "worker_cores": 1,
    "kafka_bytes_per_event": 100,
    "index_documents_per_second": 5000,
    "index_gigabytes_per_million": 0.5,
    "database_flags_per_second": 2000,
    "database_bytes_per_flag": 4000,
}


def measured(**values: float) -> Measured:
    """The real file with these values, and no others, filled in."""
    raw: dict[str, Any] = yaml.safe_load((sizing.FOLDER / "measurements.yaml").read_text(encoding="utf-8"))["measured"]
    for name, entry in raw.items():
        entry |= {"value": values.get(name), "date": "2026-11-26", "machine": "2 核"}
    return msgspec.convert(raw, Measured)


def test_the_document_holds_what_the_script_computes() -> None:
    content = sizing.table(sizing.load_measurements(), GIVEN)
    text = sizing.DOCUMENT.read_text(encoding="utf-8")
    assert sizing.replaced(text, content) == text, "请运行 python -m infra.deploy.sizing --write"


def test_a_plan_follows_from_the_numbers() -> None:
    plan = sizing.plan(PROVINCE, measured(**VALUES), GIVEN)
    a = GIVEN.assumed
    assert plan.peak_per_second == pytest.approx(8000 * a.utterances_per_room_second)
    assert plan.per_day == pytest.approx(plan.peak_per_second * a.peak_hours_per_day * 3600)
    assert (plan.workers, plan.partitions) == (2, 24)
    assert plan.indexers == 2
    assert plan.topic_disk == pytest.approx(plan.per_day * 100 * a.topic_days * 3 / 1e9 / (1 - a.free_share))
    assert plan.database_share == pytest.approx(plan.peak_per_second * a.flag_share / 2000)
    assert plan.cost is not None
    assert plan.cost > 0


def test_more_rooms_never_need_less() -> None:
    numbers = measured(**VALUES)
    plans = [sizing.plan(Scenario("x", rooms), numbers, GIVEN) for rooms in (1, 100, 10_000, 1_000_000)]
    for small, large in itertools.pairwise(plans):
        for name in ("workers", "partitions", "indexers", "topic_disk", "index_disk", "shards", "cores", "cost"):
            assert getattr(small, name) <= getattr(large, name)
    assert all(plan.partitions % 12 == 0 and plan.partitions >= 2 * plan.workers for plan in plans if plan.workers)


def test_after_an_outage_it_catches_up() -> None:
    for scenario in GIVEN.scenarios:
        hours = sizing.plan(scenario, measured(**VALUES), GIVEN).catch_up_hours
        assert hours is not None
        assert 0 < hours <= GIVEN.assumed.catch_up_outage_hours / (1 / GIVEN.assumed.utilisation - 1) + 1e-9


@pytest.mark.parametrize("missing", VALUES)
def test_without_a_number_nothing_is_guessed(missing: str) -> None:
    numbers = measured(**{name: value for name, value in VALUES.items() if name != missing})
    plan = sizing.plan(PROVINCE, numbers, GIVEN)
    if missing != "database_flags_per_second":  # which tells only how busy the database will be
        assert plan.cost is None
    assert UNKNOWN in sizing.table(numbers, GIVEN)


def test_a_number_needs_its_date_and_machine(tmp_path: Path) -> None:
    raw = yaml.safe_load((sizing.FOLDER / "measurements.yaml").read_text(encoding="utf-8"))
    raw["measured"]["worker_cores"] |= {"value": 1, "date": None}
    path = tmp_path / "m.yaml"
    path.write_text(yaml.safe_dump(raw, allow_unicode=True))
    with pytest.raises(ConfigurationError, match="worker_cores"):
        sizing.load_measurements(path)


@pytest.mark.parametrize("change", [{"value": -1}, {"valu": 1}, {"value": "many"}])
def test_a_wrong_file_is_named(tmp_path: Path, change: dict[str, Any]) -> None:
    raw = yaml.safe_load((sizing.FOLDER / "measurements.yaml").read_text(encoding="utf-8"))
    raw["measured"]["worker_cores"] |= change
    path = tmp_path / "m.yaml"
    path.write_text(yaml.safe_dump(raw, allow_unicode=True))
    with pytest.raises(ConfigurationError, match=r"m\.yaml"):
        sizing.load_measurements(path)


def test_the_plan_for_a_province_fits_the_topics_that_are_set_up() -> None:
    plan = sizing.plan(PROVINCE, measured(**VALUES), GIVEN)
    spec = topics.load()
    assert plan.partitions is not None
    assert spec.topics["transcripts"].partitions >= plan.partitions
    assert GIVEN.assumed.topic_days == spec.topics["transcripts"].retention_days
    assert GIVEN.assumed.replication == spec.replication


def test_commands_named_are_benchmarks() -> None:
    numbers = sizing.load_measurements()
    for name in Measured.__struct_fields__:
        assert getattr(numbers, name).command.startswith("python -m benchmarks ")


def test_writing_twice_changes_nothing(tmp_path: Path) -> None:
    document = tmp_path / "sizing.md"
    document.write_text(f"before\n{sizing.BEGIN}\nold\n{sizing.END}\nafter\n", encoding="utf-8")
    assert sizing.write(document, "new\n")
    assert not sizing.write(document, "new\n")
    assert document.read_text(encoding="utf-8") == f"before\n{sizing.BEGIN}\n\nnew\n\n{sizing.END}\nafter\n"
    document.write_text("no marks", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="标记"):
        sizing.write(document, "x")
