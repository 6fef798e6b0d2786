"""What the browser tests look at: a little livestream with claims in it, a listing, a complaint; and how one logs in."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from playwright.sync_api import Page

from casework import complaints, flags, subjects
from casework.complaints import Contact
from casework.flags import Flag
from infra.clock import BEIJING
from streams.events import Event, Listing, Utterance
from streams.publish import publish
from tests.fakes import CLAIM

OFFICER = "wang.min"
PASSWORD = "correct-horse-battery"
HOST = "host:yunjian:h1"
HOST_NAME = "乔测试"


def talk(site: Any, *, claims: int = 1) -> list[Flag]:
    """A livestream of ten minutes in which the host makes the claim every two minutes; waits for the flags."""
    start = site.clock.now().astimezone(BEIJING) - timedelta(minutes=30)
    said: list[Event] = []
    for number in range(claims * 12):
        text = f"这款五谷粉真的能{CLAIM}，吃三个月就好" if number % 12 == 6 else f"大家好，这是第{number}句普通的话"
        said.append(
            Utterance(
                id=f"u-{number}",
                platform="yunjian",
                room="r1",
                session="s1",
                host="h1",
                operator="o1",
                start=start + timedelta(seconds=10 * number),
                text=text,
                speaker="comment" if number % 12 == 3 else "host",
                listing="l-1",
            )
        )
    listing = Listing(
        id="l-1",
        platform="yunjian",
        seller="shop",
        room="r1",
        title=f"五谷粉 {CLAIM} 500g",
        description="普通食品",
        category="food",
        price=Decimal("69.90"),
        list_price=Decimal("199.00"),
        at=start,
    )
    with site.services.database.write() as connection:
        subjects.ensure(connection, id=HOST, name=HOST_NAME, at=start)
        publish(connection, "listings", [listing], at=site.clock.now())
        publish(connection, "transcripts", said, at=site.clock.now())
    return list(site.until(lambda: _all(site, claims + 1)))


def status_of(site: Any, flag: str) -> str:
    """How a flag stands in the database."""
    with site.services.database.read() as connection:
        return flags.get(connection, id=flag).flag.status


def complain(site: Any) -> str:
    """A complaint about the host; its id."""
    with site.services.database.write() as connection:
        complaints.submit(
            connection,
            vault=site.services.vault,
            kind="complaint",
            platform="yunjian",
            text="主播说五谷粉能治病，我妈停了药",
            contact=Contact("欧阳测试", "13912345678"),
            subject=HOST,
            at=site.clock.now(),
        )
        return complaints.queue(connection).items[0].id


def log_in(page: Page, site: Any, *, to: str = "/console") -> None:
    """Through the form, as an officer does."""
    page.goto(f"{site.url}/login?to={to}")
    page.get_by_label("账号").fill(OFFICER)
    page.get_by_label("口令").fill(PASSWORD)
    page.locator("main").get_by_role("button", name="登录").click()
    page.wait_for_url(f"{site.url}{to}")


def _all(site: Any, expected: int) -> tuple[Flag, ...]:
    with site.services.database.read() as connection:
        found = flags.queue(connection).items
    return found if len(found) == expected else ()
