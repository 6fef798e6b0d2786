"""Finds which platform, livestream room, host and shop a complaint speaks of. It reads names; it looks nobody up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from classifiers.normalise import fold

NAME: Final = r"[0-9a-zA-Z一-鿿·_\-]"
QUOTED: Final = r"[“\"「『【《](?P<quoted>[^”\"」』】》\n]{1,30})[”\"」』】》]"
# Words that stand before “直播间” and name none.
NO_NAMES: Final = re.compile(
    r"^(?:.*(?:这个|那个|该|某个?|他家?|她家?|他们|我们|你们|自己|别的|别家|同一个?|整个|各|一家|一个|几个|有家|有个|多个|所有|很多|深夜|今天|昨天|前天|昨晚|官方|"
    r"看|在|进|到|去|来|从|买|说|的|了|个|是|把|让|用|被|跟|和|对|给|向|于|逛|刷|举报|投诉|反映|关注)|)$"
)
BEFORE: Final = re.compile(
    r"^.*(?:我在|举报|投诉|反映|关注了?|看了?|进了?|刷到|来到|是在|就在|叫做?|名叫|他在|她在|于|在|从)"
)
ROOM: Final = re.compile(
    rf"(?:{QUOTED}|(?P<name>{NAME}{{2,14}}?))的?直播间(?:(?:名字)?[叫是:“\"](?P<called>{NAME}{{2,14}}))?"
)
ROOM_AFTER: Final = re.compile(rf"直播间(?:名字|名称|名)?(?:叫做?|是|为|[::])\s*[“\"「]?(?P<name>{NAME}{{2,16}})")
HOST: Final = re.compile(
    rf"主播(?:名字|昵称|账号)?(?:叫做?|名叫|是|为|[::])\s*[“\"「]?(?P<name>{NAME}{{2,12}})|主播[“\"「『](?P<quoted>[^”\"」』\n]{{1,20}})[”\"」』]"
)
SHOP: Final = re.compile(
    rf"(?:店铺|店名|商家|卖家)(?:名字|名称)?(?:叫做?|名叫|是|为|[::])\s*[“\"「]?(?P<name>{NAME}{{2,20}})|(?P<flag>{NAME}{{2,12}}(?:旗舰店|专卖店|专营店))"
)
MOST: Final = 5


class Mentions(Struct, frozen=True):
    """Names as they are written, each once, in the order of the text; platforms by their usual names."""

    platforms: tuple[str, ...] = ()
    rooms: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    shops: tuple[str, ...] = ()


def mentions(text: str, platforms: Mapping[str, tuple[str, ...]]) -> Mentions:
    """Whom a text speaks of. ``platforms``: usual name → ways it is written."""
    folded = fold(text)
    found = [name for name, spellings in platforms.items() if any(fold(one) in folded for one in (name, *spellings))]
    rooms = _names(text, (*ROOM.finditer(folded), *ROOM_AFTER.finditer(folded)))
    spelled = [one for name in found for one in (name, *platforms[name])]
    bare = (_without(room, spelled) for room in rooms)
    return Mentions(
        platforms=tuple(found[:MOST]),
        rooms=tuple(dict.fromkeys(room for room in bare if len(room) > 1)),
        hosts=_names(text, HOST.finditer(folded)),
        shops=_names(text, SHOP.finditer(folded)),
    )


def _without(room: str, platforms: Iterable[str]) -> str:
    """A room's name without the platform in front of it."""
    longest = max((one for one in platforms if fold(room).startswith(fold(one))), key=len, default="")
    return room[len(longest) :]


def _names(text: str, matches: Iterable[re.Match[str]]) -> tuple[str, ...]:
    """The named parts as they stand in the text, without the words that lead to them."""
    found: dict[str, None] = {}
    for match in matches:
        group = next((name for name, value in match.groupdict().items() if value and name != "called"), None)
        if group is None:
            continue
        name = text[slice(*match.span(group))]
        if group != "quoted":
            name = BEFORE.sub("", name)
        if len(name) > 1 and not NO_NAMES.match(name):
            found[name] = None
    return tuple(found)[:MOST]
