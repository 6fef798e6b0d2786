"""When a worker counts as stuck: judged from looks at the broker, without one."""

from __future__ import annotations

from streams.kafka.standing import Standing
from streams.kafka.watchdog import Offsets, Stall

PLACE = ("transcripts", 0)


def standing(**changes: object) -> Standing:
    values = {"state": "running", "assigned": {"transcripts": {0}}, "beat": 0.0, "since": 0.0} | changes
    return Standing(**values)  # type: ignore[arg-type]


def look(end: int, committed: int) -> Offsets:
    return Offsets({PLACE: end, ("transcripts", 1): 900}, {PLACE: committed})


def judged(looks: list[tuple[float, int, int]], **changes: object) -> str | None:
    """The last verdict after looks of (second, end, committed)."""
    stall, verdict = Stall(60), None
    for now, end, committed in looks:
        verdict = stall.judge(now, standing(**({"beat": now} | changes)), look(end, committed))
    return verdict


def test_offsets_that_stand_still_while_lag_grows_end_the_worker() -> None:
    verdict = judged([(0, 10, 5), (30, 20, 5), (61, 30, 5)])
    assert verdict is not None
    assert "transcripts 分区 0 的偏移 5 已 61 秒没有前进，积压增至 25 条" in verdict


def test_offsets_that_move_however_slowly_do_not() -> None:
    assert judged([(0, 10, 5), (59, 200, 6), (118, 400, 7)]) is None


def test_a_topic_that_is_quiet_does_not() -> None:
    assert judged([(0, 10, 10), (500, 10, 10)]) is None
    assert judged([(0, 10, 9), (500, 10, 9)]) is None, "the last place may be a transaction's mark that nobody reads"


def test_records_left_lying_in_a_quiet_topic_end_the_worker_too_but_later() -> None:
    assert judged([(0, 10, 5), (119, 10, 5)]) is None
    verdict = judged([(0, 10, 5), (121, 10, 5)])
    assert verdict is not None
    assert "偏移 5 已 121 秒没有前进，还差 5 条" in verdict


def test_lag_of_somebody_elses_partition_does_not() -> None:
    assert judged([(0, 10, 5), (61, 30, 5)], assigned={"transcripts": {7}}) is None


def test_a_partition_that_came_back_begins_anew() -> None:
    stall = Stall(60)
    assert stall.judge(0, standing(), look(10, 5)) is None
    assert stall.judge(50, standing(beat=50.0, assigned={}), look(20, 5)) is None
    assert stall.judge(70, standing(beat=70.0), look(30, 5)) is None


def test_a_database_that_is_away_does_not() -> None:
    assert judged([(0, 10, 5), (61, 30, 5), (200, 60, 5)], state="retrying") is None


def test_an_event_loop_without_a_beat_ends_the_worker_even_when_the_broker_cannot_be_asked() -> None:
    verdict = Stall(60).judge(100, standing(beat=30.0), None)
    assert verdict == "事件循环已 70 秒没有动静"


def test_sharing_out_partitions_may_take_longer_but_not_for_ever() -> None:
    assert Stall(60).judge(299, standing(state="rebalancing", beat=299.0), None) is None
    verdict = Stall(60).judge(301, standing(state="rebalancing", beat=301.0), None)
    assert verdict == "分区分配 301 秒没有完成"


def test_lag_is_that_of_all_partitions() -> None:
    assert look(10, 4).lag("transcripts") == 906


def test_tables_that_are_read_on_are_waited_for_and_those_that_stop_are_a_stall() -> None:
    reading = standing(state="rebalancing", to_read=500, read_at=0.0, beat=61.0)
    assert Stall(60).judge(59, reading, None) is None
    assert "还差 500 条" in (Stall(60).judge(61, reading, None) or "")
    reading.reads_tables(499)
    assert reading.read_at > 0.0, "it goes on"
