"""Turns a product page and one registered brand seen on it into named features. It weighs nothing: the listing model does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Final

from classifiers.brands import Sighting
from classifiers.normalise import squeeze
from lexicons.registers import load_listing_words

NEAR: Final = 8
LOWEST_RATIO: Final = 16.0
FAIR_SHARE: Final = 0.8
# Groups that only mean something beside a registered brand.
BESIDE: Final = ("same", "copy", "accessory", "second_hand", "not_original")
NAMES: Final[Mapping[str, str]] = {
    "registered": "写明登记品牌",
    "alike": "名称与登记品牌近似",
    "one_edit": "只差一个字",
    "two_edits": "差两个字",
    "same_sound": "读音相同",
    "same_looks": "字形相近",
    "inserted": "品牌名中夹了符号",
    "common": "近似处是日常用词",
    "licensed": "商家有登记的授权",
    "unlicensed": "商家不在授权名单",
    "no_licences": "该品牌没有登记授权名单",
    "brand_field": "品牌栏写了该品牌",
    "other_brand_field": "品牌栏写的是别的牌子",
    "category": "类目与品牌一致",
    "other_category": "类目与品牌不同",
    "below_floor": "低于登记的最低合理价",
    "far_below_floor": "远低于登记的最低合理价",
    "fair_price": "售价与登记价格相当",
    "copy": "仿制用语",
    "source": "来路用语（原单、尾货等）",
    "same": "同款、平替用语",
    "hush": "暗示用语",
    "second_hand": "二手用语",
    "checked": "写明鉴定或凭证",
    "accessory": "配件、适用用语",
    "not_original": "声明非原装",
    "authorised": "自称授权、旗舰",
    "own_brand": "写明自有品牌",
    "factory_honest": "清仓、断码等用语",
    "beside_same": "紧挨品牌写“同款、平替”",
    "beside_copy": "紧挨品牌的仿制用语",
    "beside_accessory": "紧挨品牌的配件用语",
    "beside_second_hand": "紧挨品牌的二手用语",
    "beside_not_original": "紧挨品牌声明非原装",
    "unlicensed_far_below": "无授权且远低于底价",
    "accessory_low": "配件而价低",
    "second_hand_low": "二手而价低",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is looked at of a page, besides its words."""

    page: str
    price: Decimal
    seller: str = ""
    category: str | None = None
    brand_field: str | None = None


@cache
def _words() -> dict[str, tuple[str, ...]]:
    return {
        group: tuple(dict.fromkeys(squeeze(word) for word in words)) for group, words in load_listing_words().items()
    }


def word_hits(page: str) -> dict[str, tuple[str, ...]]:
    """The groups of words on a page, with the words found."""
    squeezed = squeeze(page)
    found = {group: tuple(word for word in words if word in squeezed) for group, words in _words().items()}
    return {group: words for group, words in found.items() if words}


def features(facts: Facts, seen: Sighting) -> dict[str, float]:
    """Feature values between 0 and 1 (price features up to 4: halvings below the floor). Only what applies is named."""
    found = {**_likeness(seen), **_standing(facts, seen), **_price(facts.price, seen.brand.floor_price)}
    hits = word_hits(facts.page)
    found |= dict.fromkeys(hits, 1.0)
    near = _beside(facts.page, seen)
    found |= {f"beside_{group}": 1.0 for group in BESIDE if any(word in near for word in hits.get(group, ()))}
    far = found.get("far_below_floor", 0.0)
    if far and "unlicensed" in found:
        found["unlicensed_far_below"] = far
    for group in ("accessory", "second_hand"):
        if far and group in found:
            found[f"{group}_low"] = 1.0
    return found


def _likeness(seen: Sighting) -> dict[str, float]:
    found = {
        "registered": seen.exact,
        "alike": not seen.exact,
        "one_edit": not seen.exact and seen.edits <= 1,
        "two_edits": seen.edits > 1,
        "same_sound": seen.sound,
        "same_looks": seen.glyph,
        "inserted": seen.inserted,
        "common": seen.common,
    }
    return {name: 1.0 for name, holds in found.items() if holds}


def _standing(facts: Facts, seen: Sighting) -> dict[str, float]:
    """Licence, brand field and category against the register."""
    brand = seen.brand
    licensed = facts.seller in brand.licensed_sellers
    names = {squeeze(name) for name in (brand.brand, *brand.aliases)}
    field = squeeze(facts.brand_field or "")
    found = {
        "licensed": licensed,
        "unlicensed": not licensed and bool(brand.licensed_sellers),
        "no_licences": not brand.licensed_sellers,
        "brand_field": field in names,
        "other_brand_field": bool(field) and field not in names,
        "category": facts.category in brand.categories,
        "other_category": facts.category is not None
        and bool(brand.categories)
        and facts.category not in brand.categories,
    }
    return {name: 1.0 for name, holds in found.items() if holds}


def _price(price: Decimal, floor: Decimal | None) -> dict[str, float]:
    """How far below the floor, in halvings; at or near the floor the price speaks for the seller."""
    if floor is None:
        return {}
    ratio = min(LOWEST_RATIO, float(floor / max(price, floor / Decimal(int(LOWEST_RATIO)))))
    if ratio <= 1 / FAIR_SHARE:
        return {"fair_price": 1.0}
    return {"far_below_floor": math.log2(ratio)} if ratio > 2 else {"below_floor": 1.0}


def _beside(page: str, seen: Sighting) -> str:
    if seen.span is None:
        return ""
    start, end = seen.span
    return squeeze(page[max(0, start - NEAR) : end + NEAR].replace("\n", " "))
