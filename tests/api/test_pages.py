"""The pages as a browser without JavaScript sees them: login, console, complaint, tracking, portal, errors."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from api.auth.accounts import add_account
from api.context import Services
from infra.vault import vault_access
from tests.api.conftest import PASSWORD
from tests.api.test_json_api import HOST, flag_one


def login(client: TestClient, name: str, password: str = PASSWORD, to: str = ""):
    return client.post("/login", data={"name": name, "password": password, "to": to})


def csrf_of(html: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', html)
    assert found, "the page has no form token"
    return found[1]


@pytest.fixture
def console(public: TestClient, account: str) -> TestClient:
    """A browser in which the officer has logged in."""
    assert login(public, account).status_code == 303
    return public


def test_login_leads_where_one_wanted_to_go_and_never_to_another_site(public, account) -> None:
    asked = public.get("/console?severity=S3")
    assert asked.status_code == 303
    assert asked.headers["location"] == "/login?to=%2Fconsole%3Fseverity%3DS3"
    assert login(public, account, to="/console?severity=S3").headers["location"] == "/console?severity=S3"
    for evil in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        assert login(public, account, to=evil).headers["location"] == "/console"


def test_the_session_cookie_cannot_be_read_by_scripts(public, account) -> None:
    cookie = login(public, account).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


def test_a_wrong_password_says_nothing_about_which_part_was_wrong(public, account) -> None:
    wrong_password, unknown_name = login(public, account, "wrong-password"), login(public, "nobody")
    assert wrong_password.status_code == unknown_name.status_code == 401
    assert "账号或口令不正确" in wrong_password.text
    assert re.sub(r'value="[^"]*"', "", wrong_password.text) == re.sub(r'value="[^"]*"', "", unknown_name.text)


def test_guessing_passwords_is_slowed_down(public, account) -> None:
    statuses = [login(public, account, f"guess-{n}").status_code for n in range(11)]
    assert statuses[:10] == [401] * 10
    assert statuses[10] == 429
    assert login(public, account).status_code == 429


def test_forms_without_their_token_change_nothing(console, gateway, officer, run) -> None:
    flag = flag_one(gateway, officer, run)
    for token in ({}, {"csrf": "made-up"}):
        data = {"outcome": "confirmed"} | token
        assert console.post(f"/console/flags/{flag['id']}/decision", data=data).status_code == 403
    body = {"outcome": "confirmed", "note": ""}
    assert console.post(f"/api/v1/flags/{flag['id']}/decision", json=body).status_code == 403
    assert officer.get(f"/api/v1/flags/{flag['id']}").json()["status"] == "open"


def test_an_officer_decides_undoes_and_decides_again(console, gateway, officer, run, clock, services: Services) -> None:
    flag = flag_one(gateway, officer, run)
    path = f"/console/flags/{flag['id']}"
    html = console.get(path).text
    assert "根治糖尿病" in html
    token = {"csrf": csrf_of(html)}
    decided = console.post(f"{path}/decision", data=token | {"outcome": "confirmed", "note": "话术属实"})
    assert decided.status_code == 303
    assert f"undo={flag['id']}" in decided.headers["location"]
    run()
    assert console.get(f"/api/v1/subjects/{HOST}/score").json()["items"] == []
    assert console.post(f"{path}/undo", data=token).headers["location"] == path
    assert console.post(f"{path}/decision", data=token | {"outcome": "dismissed"}).status_code == 303
    assert officer.get(f"/api/v1/flags/{flag['id']}").json()["status"] == "dismissed"


def test_other_roles_are_turned_away_from_the_console(public, services: Services) -> None:
    with services.database.write() as connection:
        add_account(connection, name="committee.li", role="committee", password=PASSWORD, at=services.clock.now())
    assert login(public, "committee.li").headers["location"] == "/"
    assert public.get("/console").status_code == 403


def test_logging_out_ends_the_session(console) -> None:
    token = csrf_of(console.get("/console").text)
    cookie = console.cookies.get("chengxin_session")
    console.post("/logout", data={"csrf": token})
    console.cookies.set("chengxin_session", cookie)
    assert console.get("/console").status_code == 303


def form(**changes: str) -> dict[str, str]:
    values = {
        "kind": "complaint",
        "platform": "yunjian",
        "text": "买的貂皮掉毛",
        "name": "欧阳测试",
        "phone": "13912345678",
    }
    return values | changes


def test_a_complaint_is_filed_and_tracked_without_any_script(public) -> None:
    filed = public.post("/complain", data=form())
    code = re.search(r"CX(?:-[0-9A-Z]{4}){4}", filed.text)
    assert code
    assert "欧阳测试" not in filed.text
    tracked = public.post("/track", data={"code": code[0].lower()})
    assert "待受理" in tracked.text
    assert public.post("/track", data={"code": "CX-0000"}).status_code == 404


def test_a_form_with_mistakes_comes_back_with_what_was_typed(public) -> None:
    answer = public.post("/complain", data=form(phone="12", text="   "))
    assert answer.status_code == 422
    assert 'value="欧阳测试"' in answer.text
    assert "请填写手机号码" in answer.text
    assert "请写明发生了什么" in answer.text


def test_what_people_type_is_escaped_wherever_it_is_shown(console, public, run) -> None:
    bad = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    public.post("/complain", data=form(text=bad))
    run()
    for page in ("/console/complaints", f"/subjects?q={bad}", f"/console/search?q={bad}"):
        html = console.get(page).text
        assert "<script>alert" not in html
        assert "<img src=x" not in html


@pytest.mark.parametrize("path", ["/", "/subjects", "/subjects?q=x", "/titles", "/complain", "/track", "/login"])
def test_public_pages_open_and_load_nothing_from_outside(public, path: str) -> None:
    answer = public.get(path)
    assert answer.status_code == 200
    assert not re.search(r'(?:src|href)="(?:https?:)?//', answer.text)
    assert "default-src 'self'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("path", "status"),
    [("/nothing", 404), ("/subjects/host:x:y", 404), ("/certificates/1", 404), ("/subjects?after=%00", 200)],
)
def test_errors_are_pages_in_chinese(public, path: str, status: int) -> None:
    answer = public.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert "诚信直播" in answer.text


def test_an_officer_sees_who_complained_only_with_a_reason_that_is_on_record(
    console, public, services: Services
) -> None:
    public.post("/complain", data=form(text="买的貂皮掉毛，打我电话13911112222"))
    page = console.get("/console/complaints").text
    path = re.search(r"/console/complaints/c-[0-9a-f]+", page)[0]
    html = console.get(path).text
    assert "13912345678" not in html
    assert "13911112222" not in html
    token = {"csrf": csrf_of(html)}
    assert console.post(f"{path}/contact", data={"reason": "核实订单"}).status_code == 403
    assert console.post(f"{path}/contact", data=token | {"reason": " "}).status_code == 422
    shown = console.post(f"{path}/contact", data=token | {"reason": "核实订单"}).text
    assert "欧阳测试" in shown
    assert "13912345678" in shown
    assert "13911112222" in shown
    assert "13912345678" not in console.get(path).text
    with services.database.read() as connection:
        looked = connection.execute(select(vault_access)).one()
    assert (looked.actor, looked.reason) == ("wang.min", "核实订单")
