"""What officers and consumers do, done in a real browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Site
from tests.browser.world import HOST, HOST_NAME, complain, log_in, status_of, talk

pytestmark = pytest.mark.browser


def score_on(page: Page, site: Site) -> int:
    page.goto(f"{site.url}/subjects/{HOST}")
    return int(page.get_by_test_id("score").inner_text())


def settled(page: Page) -> None:
    """Wait until the next page has taken the place of the one before and listens to keys."""
    expect(page.locator("body:not([data-busy])")).to_be_attached()
    expect(page.locator("#main")).to_be_focused()


def spoken(site: Site, claims: int) -> list[str]:
    """Ids of the flags on spoken words, in the order of the queue."""
    return [flag.id for flag in talk(site, claims=claims) if flag.source == "transcript"]


def test_an_officer_decides_by_keyboard_undoes_decides_again_and_the_score_page_shows_it(
    site: Site, page: Page
) -> None:
    first, _second = spoken(site, 2)
    before = score_on(page, site)
    log_in(page, site, to=f"/console/flags/{first}")
    expect(page.locator(".said mark")).to_have_text("根治糖尿病")

    page.keyboard.press("c")
    page.wait_for_url(lambda url: first not in url.partition("?")[0])
    assert status_of(site, first) == "confirmed"

    settled(page)
    page.keyboard.press("u")
    page.wait_for_url(f"**/console/flags/{first}")
    assert status_of(site, first) == "open"

    settled(page)
    page.keyboard.press("n")
    page.keyboard.type("与商品页不符 cdxt")
    page.keyboard.press("Escape")
    page.keyboard.press("x")
    page.wait_for_url(lambda url: first not in url.partition("?")[0])
    assert status_of(site, first) == "corrected"

    page.goto(f"{site.url}/console/flags/{first}?status=all")
    expect(page.get_by_text("与商品页不符 cdxt")).to_be_visible()
    page.get_by_text("更正这项决定").click()
    page.get_by_label("备注").fill("复核后认定属实")
    page.get_by_role("button", name="确认").click()
    page.wait_for_url(lambda url: first not in url.partition("?")[0])

    site.advance(site.services.settings.undo_seconds + 1)
    site.until(lambda: score_on(page, site) < before)
    expect(page.get_by_role("heading", name=HOST_NAME)).to_be_visible()
    expect(page.locator(".reasons")).to_contain_text("经认定属实")


def test_the_next_flag_opens_by_itself_and_the_last_leads_to_a_friendly_empty_queue(site: Site, page: Page) -> None:
    waiting = [flag.id for flag in talk(site, claims=2)]
    log_in(page, site, to=f"/console/flags/{waiting[0]}")
    for flag, following in zip(waiting, [*waiting[1:], None], strict=True):
        expect(page.locator("[data-decide]")).to_have_attribute("action", f"/console/flags/{flag}/decision")
        page.get_by_role("button", name="不予认定").click()
        page.wait_for_url(f"**/console/flags/{following}?undo={flag}" if following else f"**/console?undo={flag}")
    expect(page.get_by_role("heading", name="都处理完了")).to_be_visible()


def test_keys_move_through_the_queue_and_the_flags_and_do_nothing_while_typing(site: Site, page: Page) -> None:
    waiting = [flag.id for flag in talk(site, claims=2)]
    log_in(page, site)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/console/flags/{waiting[1]}")
    settled(page)
    page.keyboard.press("j")
    page.wait_for_url(f"**/console/flags/{waiting[2]}")
    settled(page)
    page.keyboard.press("k")
    page.wait_for_url(f"**/console/flags/{waiting[1]}")
    settled(page)

    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="键盘操作")).to_be_visible()
    page.keyboard.press("c")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="键盘操作")).to_be_hidden()
    page.keyboard.press("/")
    page.keyboard.type("cdxt")
    expect(page.get_by_role("searchbox")).to_have_value("cdxt")
    assert {status_of(site, flag) for flag in waiting} == {"open"}


def test_the_undo_bar_goes_when_its_seconds_are_over(serve: Callable[..., Site], page: Page) -> None:
    site = serve(undo_seconds=5)
    first, _ = spoken(site, 2)
    log_in(page, site, to=f"/console/flags/{first}")
    page.keyboard.press("d")
    expect(page.locator("[data-undo]")).to_be_visible()
    expect(page.locator("#announce")).to_contain_text("按 u 可以撤销")
    expect(page.locator("[data-undo]")).to_have_count(0, timeout=15_000)
    assert "undo" not in page.url


def test_a_decision_works_without_javascript(site: Site, browser: Browser) -> None:
    (flag,) = spoken(site, 1)
    context = browser.new_context(java_script_enabled=False, locale="zh-CN")
    page = context.new_page()
    log_in(page, site)
    page.get_by_label("平台").select_option("yunjian")
    page.get_by_role("button", name="筛选").click()
    page.locator(f"a[href^='/console/flags/{flag}']").click()
    page.get_by_label("备注").fill("属正常介绍")
    page.get_by_role("button", name="不予认定").click()
    assert status_of(site, flag) == "dismissed"
    page.get_by_role("button", name="撤销").click()
    page.wait_for_url(f"**/console/flags/{flag}?platform=yunjian")
    assert status_of(site, flag) == "open"
    context.close()


def test_a_complaint_is_filed_followed_decided_and_answered(site: Site, page: Page) -> None:
    page.goto(f"{site.url}/complain")
    page.get_by_label("在哪个平台").fill("yunjian")
    page.get_by_label("发生了什么").fill("主播说五谷粉能治病，我妈停了药")
    page.get_by_label("电话").fill("139")
    page.get_by_role("button", name="提交").click()
    expect(page.get_by_role("alert")).to_contain_text("2 处需要修改")
    expect(page.get_by_label("发生了什么")).to_have_value("主播说五谷粉能治病，我妈停了药")

    page.get_by_label("姓名").fill("欧阳测试")
    page.get_by_label("电话").fill("13912345678")
    page.get_by_role("button", name="提交").click()
    code = page.get_by_test_id("tracking-code").inner_text()
    page.goto(f"{site.url}/track")
    page.get_by_label("查询码").fill(code.lower().replace("-", " "))
    page.locator("main").get_by_role("button", name="查询").click()
    expect(page.get_by_test_id("case-status")).to_have_text("待受理")

    log_in(page, site, to="/console/complaints")
    page.get_by_role("link", name="主播说五谷粉能治病").click()
    page.get_by_role("button", name="未发现违法 不计分").click()
    expect(page.get_by_role("alert")).to_contain_text("答复")
    page.get_by_role("textbox", name="答复").fill("经核查，未发现违法行为。")
    page.get_by_role("button", name="未发现违法 不计分").click()
    expect(page.get_by_role("heading", name="不予认定")).to_be_visible()

    page.goto(f"{site.url}/track")
    page.get_by_label("查询码").fill(code)
    page.locator("main").get_by_role("button", name="查询").click()
    expect(page.get_by_test_id("case-status")).to_have_text("已办结：未发现违法")
    expect(page.get_by_text("经核查，未发现违法行为。")).to_be_visible()


def test_an_officer_sees_no_identity_on_a_complaint(site: Site, page: Page) -> None:
    case = complain(site)
    log_in(page, site, to=f"/console/complaints/{case}")
    expect(page.get_by_text("已加密保存")).to_be_visible()
    assert "欧阳测试" not in page.content()
    assert "13912345678" not in page.content()
