"""Similar complaints are shown together, each stays a case of its own; the days a complaint names count from its arrival."""

from __future__ import annotations

from casework import complaints, similar
from casework.complaints import ComplaintFacts
from infra.clock import FixedClock
from infra.database import Database

STORY = "在直播间买的十公斤大米有虫，客服让我拍照拍了三回，每回换一个人问同样的话，昨天要求退款被拒"


def receive(database: Database, clock: FixedClock, id: str, text: str) -> None:
    with database.write() as connection:
        facts = ComplaintFacts(id=id, kind="complaint", platform="yunjian", text=text)
        complaints.receive(connection, event=facts, triage={"days": []}, at=clock.now())


def test_complaints_that_tell_nearly_the_same_are_found_and_none_is_closed(
    database: Database, clock: FixedClock
) -> None:
    receive(database, clock, "a", STORY)
    receive(database, clock, "b", STORY.replace("三回", "三次").replace("十公斤", "5公斤"))
    receive(database, clock, "c", "买的蜂蜜检测出果葡糖浆，客服不理，要求退一赔三")
    receive(database, clock, "b", STORY)
    with database.read() as connection:
        cases = complaints.queue(connection).items
        found = similar.similar(connection, texts={case.id: case.text for case in cases})
    assert {id: [one.id for one in others] for id, others in found.items()} == {"a": ["b"], "b": ["a"]}
    assert {case.status for case in cases} == {"received"}


def test_short_texts_and_nothing_are_like_nothing(database: Database, clock: FixedClock) -> None:
    receive(database, clock, "a", "退钱")
    receive(database, clock, "b", "退钱")
    with database.read() as connection:
        assert similar.similar(connection, texts={"a": "退钱", "b": "退钱"}) == {}
        assert similar.similar(connection, texts={}) == {}


def test_the_days_named_are_counted_from_the_day_of_arrival(database: Database, clock: FixedClock) -> None:
    receive(database, clock, "a", STORY)
    with database.read() as connection:
        triage = complaints.get(connection, id="a").triage
    assert triage is not None
    (day,) = triage["days"]
    assert day["text"] == "昨天"
    assert day["day"] is not None
