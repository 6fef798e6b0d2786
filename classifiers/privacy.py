"""Masks what could tell who wrote a complaint: numbers of persons, accounts, addresses, names that introduce themselves.

It errs towards masking. Prices, dates and order numbers stay readable, and so does what the trader is called.
"""

from __future__ import annotations

import re
from typing import Final

from classifiers.normalise import fold

SEP: Final = r"[\s\-.·_]?"
NOT_BEFORE: Final = r"(?<![0-9a-z])"
NOT_AFTER: Final = r"(?![0-9a-z])"
STREET: Final = r"(?P<cue>家住|住在|住|地址[:是为]?)?[一-鿿]{2,12}(?:路|街|大道|巷|弄|胡同|小区|村|屯)[一-鿿]{0,10}?"
SURNAMES: Final = (
    "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏水窦章云苏潘葛奚范彭郎鲁韦昌马苗凤花方俞任袁柳"
    "史唐费廉岑薛雷贺倪汤滕殷罗毕郝邬安常乐于时傅皮卞齐康伍余元卜顾孟平黄和穆萧尹姚邵湛汪祁毛禹狄米贝明臧计伏成戴谈宋茅庞熊纪舒"
    "屈项祝董梁杜阮蓝闵席季麻强贾路娄危江童颜郭梅盛林刁钟徐邱骆高夏蔡田樊胡凌霍虞万支柯管卢莫房丁邓单洪包左石崔吉龚程邢裴陆荣"
    "翁荀羊甄曲封储靳段焦牧山谷车侯全班秋仲伊宫宁仇栾刘叶白蒲卓乔闻温庄晏柴瞿阎连习古易慎廖耿聂曾沙游"
)
# In this order: a longer kind of number must be taken out before a shorter one can find itself in it.
PATTERNS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = tuple(
    (label, re.compile(pattern))
    for label, pattern in (
        ("［邮箱］", r"[a-z0-9][\w.+\-]{0,63}@[a-z0-9\-]{1,63}(?:\.[a-z0-9\-]{1,63}){1,4}"),
        ("［身份证号］", rf"{NOT_BEFORE}[1-9]\d{{5}}{SEP}(?:19|20)\d{{6}}{SEP}\d{{3}}[\dx]{NOT_AFTER}"),
        ("［手机号］", rf"(?<!\d)(?:\+?86{SEP})?1[3-9]\d{SEP}\d{{4}}{SEP}\d{{4}}(?!\d)"),
        ("［银行卡号］", rf"{NOT_BEFORE}[3-6]\d{{3}}(?:{SEP}\d{{4}}){{3}}(?:{SEP}\d{{1,3}})?{NOT_AFTER}"),
        ("［电话］", rf"{NOT_BEFORE}0\d{{2,3}}[\s\-]?\d{{7,8}}{NOT_AFTER}"),
        ("［账号］", r"(?P<cue>微信|wx|vx|qq|扣扣|支付宝)(?:账号|号码|号|id)?\s*[:是为]?\s*[a-z0-9][\w\-]{4,30}"),
        (
            "［住址］",
            rf"{STREET}\d{{1,5}}(?:号楼|号|栋|幢|座|组)(?:[0-9a-z\-]{{0,4}}单元)?(?:[0-9a-z\-]{{1,6}}(?:室|户|号))?",
        ),
        (
            "［姓名］",
            rf"(?P<cue>我叫|姓名[:是为]?|本人)[{SURNAMES}][一-鿿]{{1,2}}(?=[,，。;；\s、]|电话|手机|住|家住|$)",
        ),
    )
)


def mask(text: str) -> str:
    """The text with every such place replaced by what it was, in full-width brackets."""
    masked = text
    for label, pattern in PATTERNS:
        masked = _replaced(masked, label, pattern)
    return masked


def _replaced(text: str, label: str, pattern: re.Pattern[str]) -> str:
    """Patterns see the folded text (full-width digits, capitals); the cuts are made in the text as it is."""
    pieces, last = [], 0
    for match in pattern.finditer(fold(text)):
        begin = match.end("cue") if match.groupdict().get("cue") else match.start()
        pieces += [text[last:begin], label]
        last = match.end()
    return "".join((*pieces, text[last:]))
