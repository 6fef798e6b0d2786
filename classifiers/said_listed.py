"""Compares the numbers a host says of the listing on show with those on its page: weight, volume, count, shelf life, share, price, licence.

Units and Chinese numerals are converted first. What is merely rounder or less precise than the page contradicts nothing; a
number that makes the goods look worse than they are is only told where the words name the very thing (净含量, 保质期).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Protocol

from classifiers.finding import Span, Status
from classifiers.normalise import fold
from classifiers.quantities import DIGITS, HAN, Quantity, quantities, value_of

EXACT, ROUGH = 0.05, 0.2
SHARE_POINTS: Final = 3.0
MOST_SAID: Final = 20_000
CLAUSE_END: Final = re.compile(r"[,，。.!！?？;；\n\s]+(?!\d)")
SENTENCE_END: Final = re.compile(r"[。!！?？;；\n]+")
OTHERS: Final = (
    r"别家|别人|人家|市面|超市|外面|普通的|其他|他们|隔壁|友商|送|赠|拍一发|体重|能穿|身高|减肥|瘦|长胖|公里|承重|负重|喂|亩|"
    r"不是|没有|不到|不够|不足"
)
OF_OTHERS: Final = re.compile(OTHERS)
STRONG: Final = {
    "weight": re.compile(r"净含量|净重|规格|足重|实重"),
    "volume": re.compile(r"净含量|规格|容量"),
    "count": re.compile(r"规格|净含量"),
    "time": re.compile(r"保质期|保存期"),
}
WEAK: Final = {
    "weight": re.compile(r"一(?:大|整|小)?(?:箱|袋|盒|份|包|桶|罐|瓶|组|单|提)|装|到手|称重|分量|足足|整整|总共|一共"),
    "volume": re.compile(r"一(?:大|整|小)?(?:箱|袋|盒|份|包|桶|罐|瓶|组|单|提)|装|到手|足足|整整|总共|一共|大容量"),
    "count": re.compile(r"一(?:大|整|小)?(?:箱|袋|盒|份|包|桶|罐|瓶|组|单|提|套|件)|装|到手|足足|整整|总共|一共"),
    "time": re.compile(r"能放|可以放|存放|放得住"),
}
PER_UNIT: Final = re.compile(
    r"(?:元|块|毛)(?:钱)?(?:一|每|1)?(?:斤|克|两|公斤|升)|每斤|每100|每公斤|一斤(?:才|只|就|卖|多少|不到)|斤价"
)
LISTED_CUE: Final = re.compile(r"净含量|净重|规格|重量|容量|含量|数量|包装")
NAMES: Final = {"weight": "重量", "volume": "容量", "count": "数量", "time": "保质期"}
CODES: Final = {"weight": "FALSE-INGR", "volume": "FALSE-INGR", "count": "FALSE-INGR", "time": "FALSE-INGR"}
SHARE: Final = re.compile(
    rf"(?P<name>[一-鿿]{{0,3}}(?:含量|含绒量|浓度)|含[一-鿿]{{1,3}}量)[^,，。;；\n\d{HAN}]{{0,4}}(?:百分之(?P<han>[{HAN}]{{1,4}}(?:点[{HAN}]{{1,2}})?)|(?P<digits>\d{{1,3}}(?:\.\d+)?)%)"
    rf"|(?:百分之(?P<han_first>[{HAN}]{{1,4}})|(?P<digits_first>\d{{1,3}}(?:\.\d+)?)%)的?(?P<thing>羊绒|山羊绒|羊毛|棉|桑蚕丝|蚕丝|白鹅绒|白鸭绒|亚麻|氨纶|果汁|可可|牛肉|虾肉|胶原蛋白)"
)
THING_AFTER: Final = re.compile(
    r"(?P<thing>羊绒|山羊绒|羊毛|棉|桑蚕丝|蚕丝|白鹅绒|白鸭绒|亚麻|氨纶|果汁|可可|牛肉|虾肉|胶原蛋白)\s*[::]?\s*(?P<digits>\d{1,3}(?:\.\d+)?)%"
)
SAID_PRICE: Final = re.compile(
    rf"(?:今天|直播间|到手价?|只要|只卖|只需|仅需|售价|价格|单价|特价|一口价|上车价|福利价|秒杀价?|拍下|成交价)(?:是|就是|给到|给你们|给大家|也?就|都?只?要|为|[::])*\s*[¥￥]?"
    rf"(?P<whole>\d{{1,6}}(?:\.\d{{1,2}})?|[{HAN}]{{1,7}})(?:(?P<unit>块钱?|元|米)(?P<dimes>[零一二三四五六七八九]|\d(?!\d))?)"
)
NOT_THE_PRICE: Final = re.compile(
    r"券|满|减|定金|订金|补贴|会员|凑|第二|两件|三件|每|平均|一斤|一克|一包|一片|原价|市场|专柜|别家|别人|超市|省|返|红包|运费|差|贵|便宜|降|以前|平时|昨|积分|抵|加|不止|不是|起|折|免息|分期"
)
LICENCE: Final = re.compile(
    r"(?P<kind>国食健注|国食健字|卫食健字|食健备|国药准字|国妆特字|国妆特进字|妆网备字|国妆网备进字|械注准|械注进|械注许|械备|国食注字|农药登记证|sc|zl|pd)(?:号|[::])?\s*(?P<number>[a-z]?[\d零〇一二三四五六七八九]{3,20})"
)
KINDS_BY_NAME: Final = re.compile(r"国食健[注字]|卫食健字|食健备|国药准字|国妆特字|妆网备字|械注[准进许]|械备|国食注字")

TELLS_NUMBER: Final = re.compile(rf"[\d{HAN}]|准字|健[注字]|械[注备]")


class Page(Protocol):
    """What is read of a listing."""

    @property
    def title(self) -> str: ...
    @property
    def description(self) -> str | None: ...
    @property
    def price(self) -> Decimal: ...
    @property
    def licence(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Difference:
    """One number said against one listed; ``span`` points into the spoken text."""

    name: str
    code: str
    said: str
    listed: str
    span: Span
    status: Status = "violation"


def differences(said: str, page: Page) -> Iterator[Difference]:
    """All numbers in ``said`` that contradict the page; whether they are asserted at all is the caller's question."""
    said = said[:MOST_SAID]
    if not TELLS_NUMBER.search(fold(said)):
        return
    for kind in NAMES:
        yield from _quantities(said, page, kind)
    yield from _shares(said, page)
    yield from _prices(said, page)
    yield from _licences(said, page)


def _quantities(said: str, page: Page, kind: str) -> Iterator[Difference]:
    strong, weak = STRONG[kind], WEAK[kind]
    folded = fold(said)
    for one in quantities(said, kind):
        clause = _around(folded, one.span, CLAUSE_END)
        named = bool(strong.search(_before_and_in(folded, one.span)))
        if not named and not weak.search(clause):
            continue
        if OF_OTHERS.search(clause) or PER_UNIT.search(clause) or (kind == "count" and one.value <= 1):
            continue
        listed = [other for other in _listed(page, kind) if kind != "count" or other.unit == one.unit]
        against = _against(one, listed, both_ways=named)
        if against is not None:
            yield Difference(NAMES[kind], CODES[kind], one.text, _shown(against), one.span)


def _against(said: Quantity, listed: list[Quantity], *, both_ways: bool) -> Quantity | None:
    """The listed quantity that ``said`` contradicts; None when the page is silent, agrees or is only more precise."""
    values = [(value, one) for one in listed for value in {one.value, one.total}]
    if not values:
        return None
    wanted = {said.value, said.total}
    for value, one in values:
        allowed = ROUGH if said.rough or one.rough else EXACT
        if any(abs(value - mine) <= allowed * max(value, mine) for mine in wanted):
            return None
    most, least = max(values, key=lambda v: v[0]), min(values, key=lambda v: v[0])
    if max(wanted) > most[0]:
        return most[1]
    return least[1] if both_ways and min(wanted) < least[0] else None


def _listed(page: Page, kind: str) -> Iterator[Quantity]:
    """The quantities of a page that speak of the goods: in the title, or behind 净含量, 规格, 保质期 and their like."""
    if kind != "time":
        yield from quantities(page.title, kind)
    text = page.description or ""
    folded = fold(text)
    cue = STRONG["time"] if kind == "time" else LISTED_CUE
    for where, whole in ((folded, text), *(((fold(page.title), page.title),) if kind == "time" else ())):
        for one in quantities(whole, kind):
            before = where[max(0, one.span[0] - 14) : one.span[0]]
            packed = kind != "time" and where[one.span[1] : one.span[1] + 1] in ("装", "/")
            if (cue.search(before) or packed) and not before.endswith(("每", "每份")):
                yield one


def _shares(said: str, page: Page) -> Iterator[Difference]:
    listed = {name: (share, text) for name, share, text, _ in _shares_of(f"{page.title}\n{page.description or ''}")}
    folded = fold(said)
    for name, share, text, span in _shares_of(said):
        known = listed.get(name)
        if known and share > known[0] + SHARE_POINTS and not OF_OTHERS.search(_around(folded, span, CLAUSE_END)):
            yield Difference("含量", "FALSE-INGR", text, known[1], span)


def _shares_of(text: str) -> Iterator[tuple[str, float, str, Span]]:
    folded = fold(text)
    for pattern in (SHARE, THING_AFTER):
        for match in pattern.finditer(folded):
            groups = match.groupdict()
            number = next(
                (groups[name] for name in ("han", "digits", "han_first", "digits_first") if groups.get(name)), ""
            )
            share = value_of(number) if number else None
            name = (groups.get("name") or groups.get("thing") or "").removesuffix("含量")
            name = name.removeprefix("含").removesuffix("量") or "含量"
            if share is not None and share <= 100:
                yield name, share, text[slice(*match.span())], match.span()


def _prices(said: str, page: Page) -> Iterator[Difference]:
    """A price said below the page's: who orders pays more than was said, unless a coupon or the like was left out."""
    folded = fold(said)
    for match in SAID_PRICE.finditer(folded):
        if NOT_THE_PRICE.search(_around(folded, match.span(), SENTENCE_END)):
            continue
        whole = value_of(match["whole"])
        if whole is None:
            continue
        dimes = value_of(match["dimes"]) if match["dimes"] else 0.0
        price = whole + (dimes or 0.0) / 10
        if 0 < price < float(page.price) * 0.98:
            text = said[slice(*match.span())]
            yield Difference("价格", "PRICE", text, f"{page.price.normalize():f}元", match.span(), "needs_evidence")


def _licences(said: str, page: Page) -> Iterator[Difference]:
    written = fold(f"{page.licence or ''}\n{page.title}\n{page.description or ''}")
    listed = [(match["kind"], _digits(match["number"]), match.group()) for match in LICENCE.finditer(written)]
    folded = fold(said)
    for match in LICENCE.finditer(folded):
        number = _digits(match["number"])
        same = [(other, text) for kind, other, text in listed if kind == match["kind"]]
        if same and not any(other.startswith(number) or number.startswith(other) for other, _ in same):
            yield Difference("批准文号", "FALSE-HONOR", said[slice(*match.span())], same[0][1].upper(), match.span())
    kinds = {match.group() for match in KINDS_BY_NAME.finditer(written)}
    for match in KINDS_BY_NAME.finditer(folded):
        if kinds and match.group() not in kinds:
            listed_kind = min(kinds)
            yield Difference("批准文号", "FALSE-HONOR", said[slice(*match.span())], listed_kind, match.span())


def _digits(number: str) -> str:
    return number.translate(DIGITS)


def _around(text: str, span: Span, ends: re.Pattern[str]) -> str:
    """The clause or sentence that holds a range."""
    before = [match.end() for match in ends.finditer(text, 0, span[0])][-1:] or [0]
    after = ends.search(text, span[1])
    return text[before[0] : after.start() if after else len(text)]


def _before_and_in(text: str, span: Span) -> str:
    return text[max(0, span[0] - 10) : span[1]]


def _shown(one: Quantity) -> str:
    return one.text if one.times == 1 else f"{one.text}×{one.times}"
