"""The JSON API as other people's programs rely on it: from an event at the gateway to a score anyone can look up."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from api.context import Services
from api.pages import complain, console, login, portal
from infra.audit import audit_log
from infra.database import metadata
from tests.fakes import CLAIM

HOST = "host:yunjian:h1"


def utterance(number: int = 1, text: str = f"这款五谷粉能{CLAIM}", **changes: Any) -> dict[str, Any]:
    values = {"id": f"u{number}", "platform": "yunjian", "room": "r1", "session": "s1", "host": "h1", "text": text}
    return values | {"start": f"2026-11-20T10:00:{number:02d}+08:00", "operator": "o1"} | changes


def flag_one(gateway: TestClient, officer: TestClient, run: Callable[[], None]) -> dict[str, Any]:
    answer = gateway.post(
        "/api/v1/events/transcripts", json=[utterance(1, "大家好"), utterance(2), utterance(3, "谢谢")]
    )
    assert answer.status_code == 202
    assert answer.json() == {"accepted": 3, "rejected": []}
    run()
    (flag,) = officer.get("/api/v1/flags").json()["items"]
    return flag


def test_from_a_sentence_to_a_score(gateway, officer, public, run) -> None:
    flag = flag_one(gateway, officer, run)
    assert (flag["subject"], flag["code"], flag["status"]) == (HOST, "MEDICAL", "open")
    before = public.get(f"/api/v1/subjects/{HOST}/score").json()["score"]

    whole = officer.get(f"/api/v1/flags/{flag['id']}").json()
    assert [line["text"] for line in whole["utterances"]] == ["大家好", f"这款五谷粉能{CLAIM}", "谢谢"]
    assert whole["findings"][0]["basis"][0]["article"] == "17"

    decided = officer.post(f"/api/v1/flags/{flag['id']}/decision", json={"outcome": "confirmed", "note": "属实"})
    assert decided.json()["status"] == "confirmed"
    run()
    after = public.get(f"/api/v1/subjects/{HOST}/score").json()
    assert after["score"] < before
    assert set(after) >= {"score", "level", "band", "standard", "on", "items"}
    assert set(after["items"][0]) >= {"points", "reason", "decision", "posted", "until"}
    operator = public.get("/api/v1/subjects/operator:yunjian:o1/score").json()
    assert after["score"] < operator["score"] < before


def test_deciding_otherwise_is_409_and_deciding_the_same_is_200(gateway, officer, run) -> None:
    path = f"/api/v1/flags/{flag_one(gateway, officer, run)['id']}/decision"
    body = {"outcome": "confirmed", "note": "属实"}
    assert officer.post(path, json=body).status_code == 200
    assert officer.post(path, json=body).status_code == 200
    conflict = officer.post(path, json=body | {"outcome": "dismissed"})
    assert conflict.status_code == 409
    assert conflict.headers["content-type"] == "application/problem+json"


def test_good_events_are_taken_and_bad_ones_named_one_by_one(gateway) -> None:
    bad = utterance(2, start="yesterday") | {"speaker": "ghost"}
    answer = gateway.post("/api/v1/events/transcripts", json=[utterance(1), bad, {"id": 5}, 7]).json()
    assert answer["accepted"] == 1
    assert [entry["index"] for entry in answer["rejected"]] == [1, 2, 3]
    assert all(set(error) == {"field", "value", "message"} for entry in answer["rejected"] for error in entry["errors"])


def test_ndjson_with_a_broken_line_keeps_its_neighbours(gateway) -> None:
    lines = [json.dumps(utterance(1)), '{"id": "u2", broken', json.dumps(utterance(3))]
    answer = gateway.post("/api/v1/events/transcripts", content="\n".join(lines).encode())
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 2
    assert answer.json()["rejected"][0]["index"] == 1


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/v1/events/nonsense", b"[]", 422),
        ("/api/v1/events/decisions", b"[]", 422),
        ("/api/v1/events/transcripts", b"", 422),
        ("/api/v1/events/transcripts", b"[{]", 422),
        ("/api/v1/events/transcripts", '[{"id": "中文"}]'.encode("gb18030"), 422),
        ("/api/v1/events/transcripts", b"[" * 200_000, 422),
        ("/api/v1/events/transcripts", b'"x' + b"a" * (8 * 1024 * 1024), 413),
    ],
)
def test_hopeless_bodies_are_refused_with_a_problem_document(gateway, path: str, body: bytes, status: int) -> None:
    answer = gateway.post(path, content=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["status"] == status
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_a_key_opens_only_its_own_doors(as_role, public) -> None:
    doors = {
        ("GET", "/api/v1/flags"): {"officer"},
        ("POST", "/api/v1/events/transcripts"): {"gateway"},
        ("POST", "/api/v1/check"): {"officer", "committee", "platform", "gateway", "admin"},
    }
    for (method, path), allowed in doors.items():
        body = {"items": []} if path.endswith("check") else []
        assert public.request(method, path, json=body).status_code == 401
        for role in ("officer", "committee", "platform", "gateway", "admin"):
            status = as_role(role).request(method, path, json=body).status_code
            assert (status == 403) == (role not in allowed), (role, path, status)


def test_a_wrong_key_is_refused_even_where_no_key_is_needed(public) -> None:
    answer = public.get("/api/v1/search", headers={"Authorization": "Bearer cx_000000000000_wrong"})
    assert answer.status_code == 401


def test_check_answers_in_order(officer) -> None:
    texts = ["你好", f"能{CLAIM}", ""]
    results = officer.post("/api/v1/check", json={"items": [{"text": text} for text in texts]}).json()["results"]
    assert [result["text"] for result in results] == texts
    assert [len(result["findings"]) for result in results] == [0, 1, 0]
    wrong = officer.post("/api/v1/check", json={"items": [{"text": "x", "context": 3}]})
    assert wrong.json()["errors"][0]["field"] == "items.0.context"


def complaint(**changes: Any) -> dict[str, Any]:
    contact = {"name": "欧阳测试", "phone": "13912345678"}
    return {"kind": "complaint", "platform": "yunjian", "text": "买的貂皮掉毛", "contact": contact} | changes


def test_a_complaint_is_filed_and_followed_and_its_identity_is_nowhere(public, services: Services, run) -> None:
    filed = public.post("/api/v1/complaints", json=complaint())
    assert filed.status_code == 201
    run()
    found = public.post("/api/v1/complaints/lookup", json=filed.json()).json()
    assert found["status_label"] == "待受理"
    with services.database.read() as connection:
        everything = "".join(repr(row) for table in metadata.sorted_tables for row in connection.execute(select(table)))
    assert "欧阳测试" not in everything
    assert "13912345678" not in everything


def test_the_same_idempotency_key_files_one_complaint(public, services: Services) -> None:
    headers = {"Idempotency-Key": "abc-1"}
    answers = [public.post("/api/v1/complaints", json=complaint(), headers=headers).json() for _ in range(3)]
    assert len({answer["tracking_code"] for answer in answers}) == 1
    other = public.post("/api/v1/complaints", json=complaint(text="另一件事"), headers=headers)
    assert other.status_code == 409


def test_wrong_complaints_name_their_fields_without_repeating_the_contact(public) -> None:
    answer = public.post("/api/v1/complaints", json=complaint(contact={"name": "张三丰", "phone": "123"}))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "contact.phone"
    assert "张三丰" not in answer.text
    assert "“123”" not in answer.text


def test_complaints_from_other_sites_are_refused(public) -> None:
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert public.post("/api/v1/complaints", json=complaint(), headers=headers).status_code == 403


def test_too_many_lookups_are_slowed_down(public) -> None:
    body = {"tracking_code": "CX-0000-0000-0000-0000"}
    statuses = [public.post("/api/v1/complaints/lookup", json=body).status_code for _ in range(31)]
    assert statuses[0] == 404
    assert statuses[-1] == 429


def test_a_search_counts_by_hours_of_beijing_when_asked(gateway, officer, run) -> None:
    flag_one(gateway, officer, run)
    asked = {"q": "糖尿病", "in": "transcript", "histogram": "hour"}
    found = officer.get("/api/v1/search", params=asked).json()
    assert [bucket["count"] for bucket in found["histogram"]] == [found["total"]]
    assert found["histogram"][0]["at"].endswith(":00:00+08:00")
    assert "histogram" not in officer.get("/api/v1/search", params={"q": "糖尿病"}).json()
    assert officer.get("/api/v1/search", params={"histogram": "year"}).status_code == 422


def test_the_public_search_shows_neither_flags_nor_transcripts(gateway, officer, public, run) -> None:
    flag_one(gateway, officer, run)
    kinds = {hit["kind"] for hit in officer.get("/api/v1/search", params={"q": "糖尿病"}).json()["items"]}
    assert kinds == {"transcript", "flag"}
    for params in ({"q": "糖尿病"}, {"q": "糖尿病", "in": "flag"}, {"q": "五谷粉", "in": "transcript"}):
        assert public.get("/api/v1/search", params=params).json()["items"] == []
    assert public.get("/api/v1/search", params={"in": "nonsense"}).status_code == 422


def test_unknown_things_are_404_and_future_scores_422(public, gateway, officer, run) -> None:
    flag_one(gateway, officer, run)
    assert public.get("/api/v1/subjects/host:yunjian:nobody").status_code == 404
    assert officer.get("/api/v1/flags/nothing").status_code == 404
    assert public.get("/api/v1/certificates/X1").status_code == 404
    assert public.get(f"/api/v1/subjects/{HOST}/score?on=2027-01-01").status_code == 422
    assert public.get(f"/api/v1/subjects/{HOST}/score?on=nonsense").status_code == 422


def test_subjects_are_found_by_a_piece_of_their_id_and_paged(gateway, officer, public, run) -> None:
    flag_one(gateway, officer, run)
    first = public.get("/api/v1/subjects", params={"limit": 2}).json()
    rest = public.get("/api/v1/subjects", params={"limit": 2, "cursor": first["next"]}).json()
    ids = [item["id"] for item in first["items"] + rest["items"]]
    assert ids == sorted(ids)
    assert len(set(ids)) == 4
    assert public.get("/api/v1/subjects", params={"q": "%"}).json()["items"] == []


def test_every_mutating_route_writes_the_audit_log(
    app, public, gateway, officer, run, services: Services, account
) -> None:
    """Whoever adds a mutating route adds it here, or says why it changes nothing."""
    pure = {"/api/v1/check", "/api/v1/complaints/lookup", "/track"}
    page_acts = {"/login", "/logout", "/complain"} | {
        f"/console/{rest}"
        for rest in (
            "flags/{flag_id}/decision",
            "flags/{flag_id}/undo",
            "complaints/{complaint_id}/decision",
            "complaints/{complaint_id}/contact",
        )
    }
    audited = {"/api/v1/events/{topic}", "/api/v1/flags/{flag_id}/decision", "/api/v1/complaints"} | page_acts
    mutating = set()
    for path, operations in app.openapi()["paths"].items():
        mutating |= {path for method in operations if method not in ("get", "head", "options")}
    mutating |= mutating_pages()
    assert mutating == pure | audited

    flag = flag_one(gateway, officer, run)
    officer.post(f"/api/v1/flags/{flag['id']}/decision", json={"outcome": "confirmed"})
    public.post("/api/v1/complaints", json=complaint())
    with services.database.read() as connection:
        actions = set(connection.execute(select(audit_log.c.action)).scalars())
    assert {"events.accept", "flag.decide", "complaint.submit"} <= actions


def mutating_pages() -> set[str]:
    changing = {"POST", "PUT", "PATCH", "DELETE"}
    routers = [module.router for module in (complain, console, login, portal)]
    return {route.path for router in routers for route in router.routes if route.methods & changing}


def test_health_readiness_and_metrics_answer(public, officer) -> None:
    assert public.get("/healthz").json() == {"status": "ok"}
    ready = public.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ok")
    assert "chengxin_http_seconds" in public.get("/metrics").text
    assert public.get("/api/docs").status_code == 200
    assert "/api/v1/flags" in public.get("/api/openapi.json").json()["paths"]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/v1/flags?cursor=WyJTMyIsICJ4IiwgInkiXQ", "cursor"),
        ("/api/v1/flags?cursor=%00", "cursor"),
        ("/api/v1/flags?limit=-1", "limit"),
        ("/api/v1/search?since=0001-01-01T00:00:00", "since"),
        ("/api/v1/search?since=9999-12-31T23:59:59-23:00", "since"),
        ("/api/v1/search?cursor=5b5d", "cursor"),
        ("/api/v1/search?limit=0", "limit"),
    ],
)
def test_wrong_parameters_are_422_and_named(officer, path: str, field: str) -> None:
    answer = officer.get(path)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize("at", ["2025-10-14", "2025-10-14T20:00:00+08:00"])
def test_check_takes_a_day_or_a_moment(officer, at: str) -> None:
    answer = officer.post("/api/v1/check", json={"items": [{"text": "你好", "at": at}]})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59-12:00", "0001-01-01", "2025-10-14T20:00:00", "yesterday"])
def test_check_refuses_impossible_times(officer, at: str) -> None:
    answer = officer.post("/api/v1/check", json={"items": [{"text": "你好", "at": at}]})
    assert answer.status_code == 422, answer.text


def test_a_text_that_no_encoding_can_hold_is_refused_by_name(officer) -> None:
    body = b'{"items": [{"text": "\\ud800"}]}'
    answer = officer.post("/api/v1/check", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "items.0.text"
