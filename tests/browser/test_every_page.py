"""What holds on every page: nothing from outside, no errors, no sideways scrolling on a phone, one main heading."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from casework import flags, review
from tests.browser.conftest import Site
from tests.browser.world import HOST, complain, log_in, talk

pytestmark = pytest.mark.browser

PAGES = [
    "/",
    "/subjects",
    "/subjects?q=没有这个人",
    f"/subjects/{HOST}",
    f"/subjects/{HOST}?on=2026-11-19",
    "/titles",
    "/complain",
    f"/complain?subject={HOST}&kind=report",
    "/track",
    "/login",
]
CONSOLE = [
    "/console",
    "/console?severity=S4",
    "/console?status=all&platform=yunjian",
    "/console/complaints",
    "/console/complaints?status=transferred",
    "/console/search",
    "/console/search?q=糖尿病",
    "/console/search?q=没有这句话",
]


@pytest.fixture
def addresses(site: Site) -> list[str]:
    """Addresses of all kinds of flags (spoken, listed, taken back by the host, decided) and of a complaint."""
    everything = talk(site, claims=3)
    said = [flag.id for flag in everything if flag.source == "transcript"]
    with site.services.database.write() as connection:
        at = site.clock.now()
        flags.mark_self_corrected(connection, flag=said[0], by_event="u-8", text="刚才说错了，收回", at=at)
        review.decide_flag(connection, id=said[1], outcome="confirmed", officer="li.na", note="属实", at=at)
    return [*(f"/console/flags/{flag.id}?status=all" for flag in everything), f"/console/complaints/{complain(site)}"]


def visit(page: Page, site: Site, addresses: list[str], *, until: str = "load") -> Iterator[str]:
    for address in addresses:
        answer = page.goto(f"{site.url}{address}", wait_until=until)  # type: ignore[arg-type]  its literals
        assert answer is not None
        assert answer.status == 200, address
        yield address


def trouble(context: BrowserContext) -> list[str]:
    """A list that fills with requests to other hosts, console errors (a breach of the content policy is one) and exceptions."""
    found: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            found.append(f"{message.type}: {message.text}")

    def on_request(url: str) -> None:
        if urlsplit(url).scheme not in ("data", "blob") and urlsplit(url).hostname != "127.0.0.1":
            found.append(f"request: {url}")

    context.on("console", on_console)
    context.on("weberror", lambda error: found.append(f"exception: {error.error}"))
    context.on("request", lambda request: on_request(request.url))
    return found


def test_no_page_asks_another_host_or_makes_an_error(site: Site, context: BrowserContext, addresses: list[str]) -> None:
    found = trouble(context)
    page = context.new_page()
    for address in visit(page, site, [*PAGES, "/api/docs"], until="networkidle"):
        assert not found, (address, found)
    log_in(page, site)
    for address in visit(page, site, [*CONSOLE, *addresses], until="networkidle"):
        assert not found, (address, found)


def test_no_page_scrolls_sideways_on_a_phone(site: Site, browser: Browser, addresses: list[str]) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN", has_touch=True)
    page = context.new_page()
    for address in visit(page, site, PAGES):
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, address
    log_in(page, site)
    for address in visit(page, site, [*CONSOLE, *addresses]):
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, address
    context.close()


def test_every_page_has_a_title_one_main_heading_and_names_for_its_fields(
    site: Site, page: Page, addresses: list[str]
) -> None:
    def check(address: str) -> None:
        assert page.title().endswith("诚信直播"), address
        assert page.locator("h1").count() == 1, address
        nameless = page.evaluate(
            "[...document.querySelectorAll('input:not([type=hidden]), select, textarea')]"
            ".filter(field => !field.labels.length && !field.ariaLabel).map(field => field.name)"
        )
        assert nameless == [], address

    for address in visit(page, site, PAGES):
        check(address)
    log_in(page, site)
    for address in visit(page, site, [*CONSOLE, *addresses]):
        check(address)


def test_a_flag_fits_on_one_screen_with_its_sentence_in_view(site: Site, page: Page, addresses: list[str]) -> None:
    log_in(page, site)
    for address in visit(page, site, addresses[:-1]):
        assert page.evaluate("document.documentElement.scrollHeight") <= 900, address
        box = page.locator("#said").bounding_box()
        assert box is not None
        assert box["y"] > 0, address
        assert box["y"] + box["height"] < 900, address
        for button in page.locator("[data-decide] .outcome").all():
            place = button.bounding_box()
            assert place is not None
            assert place["y"] + place["height"] < 900, address


def test_errors_are_pages_that_say_where_to_go(site: Site, page: Page) -> None:
    for address in ("/nothing", "/subjects/host:yunjian:nobody", "/certificates/CX-1"):
        answer = page.goto(f"{site.url}{address}")
        assert answer is not None
        assert answer.status == 404, address
        assert page.get_by_role("link", name="回到首页").is_visible()
    log_in(page, site)
    page.goto(f"{site.url}/console/flags/nothing")
    assert page.get_by_role("link", name="回到待处理").is_visible()
