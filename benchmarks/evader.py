"""Disguises words as an evader would: one way at a time, from tables of its own. It knows nothing of how they are undone.

Readings come from pypinyin, traditional forms from OpenCC, the rest from what people write to get past word lists.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache

from opencc import OpenCC
from pypinyin import Style, lazy_pinyin, pinyin

Way = Callable[[str, random.Random], str | None]

MARKS = "-*._·~/+、^#=@&…|•°'`"
EMOJI_BETWEEN = "🔥✨❤️👉💯🌟⭐🎉👍😊"
HIDDEN = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u180e"
# character → emoji or enclosed sign that is read as it
SIGNS = {
    "一": "☝️",
    "药": "💊",
    "医": "🏥",
    "得": "🉐",
    "牛": "🐮",
    "王": "👑",
    "顶": "🔝",
    "正": "㊣",
    "特": "㊕",
    "秘": "㊙",
    "禁": "🈲",
    "有": "🈶",
    "无": "🈚",
    "满": "🈵",
    "空": "🈳",
    "优": "㊝",
    "钱": "💰",
    "金": "㊎",
    "血": "🩸",
    "心": "❤️",
    "火": "🔥",
    "酒": "🍺",
    "烟": "🚬",
    "茶": "🍵",
    "水": "💧",
    "手": "✋",
    "脑": "🧠",
    "肺": "🫁",
    "骨": "🦴",
    "牙": "🦷",
    "眼": "👁️",
    "耳": "👂",
    "奶": "🥛",
    "鱼": "🐟",
    "虎": "🐯",
    "龙": "🐲",
    "马": "🐴",
    "福": "🧧",
    "佛": "🙏",
    "国": "🇨🇳",
    "发": "💇",
    "针": "💉",
    "毒": "☠️",
    "病": "🤒",
    "胖": "🐷",
    "祝": "㊗",
    "月": "🈷",
    "合": "🈴",
    "可": "🉑",
    "割": "🈹",
    "申": "🈸",
}
DIGITS = {
    "一": "1①",
    "二": "2",
    "三": "3",
    "四": "4",
    "五": "5⑤",
    "六": "6",
    "七": "7",
    "八": "8",
    "九": "9",
    "十": "⑩",
    "零": "0",
}
DIGIT_SOUNDS = {
    "吧": "8",
    "舞": "5",
    "气": "7",
    "就": "9",
    "酒": "9",
    "舍": "4",
    "死": "4",
    "溜": "6",
    "要": "1",
    "依": "1",
    "爱": "2",
}
FORMAL = {
    "一": "壹",
    "二": "贰",
    "三": "叁",
    "四": "肆",
    "五": "伍",
    "六": "陆",
    "七": "柒",
    "八": "捌",
    "九": "玖",
    "十": "拾",
    "百": "佰",
    "千": "仟",
}
ALIKE = {
    "末": "未", "未": "末", "日": "曰", "国": "囯囗", "己": "已巳", "已": "己", "人": "入", "入": "人", "土": "士", "士": "土",
    "大": "犬太", "太": "大", "天": "夭夨", "干": "千于", "千": "干", "王": "玊", "玉": "王", "白": "臼", "自": "白", "目": "日",
    "治": "冶", "疗": "疔", "病": "疠", "最": "朂蕞", "第": "苐弟", "一": "ー丨", "二": "ニ", "三": "彡", "口": "囗", "卜": "ト",
    "力": "カ", "夕": "タ", "八": "ハ", "工": "エ", "微": "徽", "信": "亻言", "癌": "嵒", "症": "证", "药": "葯", "减": "減咸",
    "肥": "月巴", "瘦": "廋", "斑": "班", "痘": "豆", "祛": "袪", "免": "兔", "疫": "役", "糖": "搪", "尿": "屎", "压": "庄",
    "血": "皿", "脂": "指", "消": "肖", "炎": "焱", "根": "艮", "除": "徐", "愈": "愉", "痊": "诠", "极": "汲", "顶": "顼",
    "级": "圾", "佳": "隹", "特": "待", "供": "洪", "升": "开", "值": "植", "赚": "嫌", "保": "褓", "包": "苞", "过": "過",
    "高": "髙", "仿": "彷", "真": "眞", "内": "內", "效": "効", "强": "強", "神": "衶", "奇": "竒", "美": "羙", "本": "夲",
    "全": "仝", "网": "冈", "低": "底", "价": "阶", "家": "傢", "氏": "氐", "毒": "毐", "肝": "肚", "肾": "贤", "胃": "冒",
    "肺": "胏", "绝": "艳", "招": "沼", "财": "材", "运": "远", "辟": "僻", "邪": "耶", "酒": "洒", "爆": "曝", "刷": "涮",
    "单": "単", "返": "反", "奖": "桨", "抽": "柚", "加": "咖", "私": "秋", "军": "车", "队": "坠", "首": "酋", "唯": "惟",
}  # fmt: skip
SPLIT = {
    "治": "氵台", "疗": "疒了", "病": "疒丙", "痛": "疒甬", "癌": "疒嵒", "症": "疒正", "瘦": "疒叟", "痘": "疒豆", "肥": "月巴",
    "脂": "月旨", "肝": "月干", "肾": "臤月", "肺": "月市", "脑": "月囟", "减": "冫咸", "祛": "礻去", "消": "氵肖", "炎": "火火",
    "药": "艹约", "糖": "米唐", "根": "木艮", "极": "木及", "级": "纟及", "绝": "纟色", "佳": "亻圭", "供": "亻共", "保": "亻呆",
    "信": "亻言", "顶": "丁页", "钱": "钅戋", "赚": "贝兼", "财": "贝才", "购": "贝勾", "值": "亻直", "验": "马佥", "证": "讠正",
    "国": "囗玉", "邪": "牙阝", "招": "扌召", "抗": "扌亢", "清": "氵青", "补": "衤卜", "利": "禾刂", "好": "女子", "降": "阝夅",
    "防": "阝方", "除": "阝余", "神": "礻申", "福": "礻畐", "低": "亻氐", "假": "亻叚", "仿": "亻方", "优": "亻尤", "错": "钅昔",
    "护": "扌户", "排": "扌非", "湿": "氵显", "解": "角刀牛", "明": "日月", "胃": "田月", "胆": "月旦", "肠": "月汤", "脏": "月庄",
    "脉": "月永", "肿": "月中", "瘤": "疒留", "斑": "王文王", "痊": "疒全", "疫": "疒殳", "痒": "疒羊", "疤": "疒巴", "酒": "氵酉",
    "特": "牛寺", "银": "钅艮", "课": "讠果", "试": "讠式", "教": "孝攵", "提": "扌是", "换": "扌奂", "打": "扌丁", "抽": "扌由",
    "认": "讠人", "识": "讠只", "话": "讠舌", "转": "车专", "软": "车欠", "轻": "车圣", "细": "纟田", "红": "纟工", "线": "纟戋",
    "体": "亻本", "们": "亻门", "你": "亻尔", "做": "亻故", "使": "亻吏", "仅": "亻又", "他": "亻也", "他们": "亻也亻门",
}  # fmt: skip
# Well known from chat rooms; the words of each row may be written in these letters.
INITIALS = {
    "治疗": "zl", "治愈": "zy", "根治": "gz", "糖尿病": "tnb", "高血压": "gxy", "高血脂": "gxz", "冠心病": "gxb", "颈椎病": "jjb",
    "高血糖": "gxt", "风湿病": "fsb", "血压": "xy", "血糖": "xt", "血脂": "xz", "微信": "wx vx", "减肥": "jf", "失眠": "sm",
    "免疫力": "myl", "便秘": "bm", "关节炎": "gjy", "前列腺": "qlx", "肿瘤": "zl", "癌症": "az", "脂肪肝": "zfg", "痛风": "tf",
    "类风湿": "lfs", "腰间盘": "yjp", "颈椎": "jz", "胃病": "wb", "肾虚": "sx", "壮阳": "zy", "祛斑": "qb", "美白": "mb",
}  # fmt: skip


@cache
def _common() -> str:
    """The 3,755 frequent characters of GB 2312, level one."""
    pairs = (bytes((high, low)) for high in range(0xB0, 0xD8) for low in range(0xA1, 0xFF))
    return "".join(pair.decode("gb2312", "ignore") for pair in pairs)


@cache
def _by_sound() -> dict[str, str]:
    table: dict[str, str] = {}
    for char in _common():
        for reading in pinyin(char, style=Style.NORMAL, heteronym=False)[0]:
            table[reading] = table.get(reading, "") + char
    return table


@cache
def _traditional() -> Callable[[str], str]:
    return OpenCC("s2t").convert


def han(char: str) -> bool:
    """Whether a character is a Chinese one."""
    return "\u4e00" <= char <= "\u9fff"


def between(marks: str) -> Way:
    """Something between the characters of a word (one kind a word)."""

    def way(word: str, rng: random.Random) -> str | None:
        units = [mark for mark in marks if mark != "\ufe0f"]
        return rng.choice(units).join(word) if len(word) > 1 else None

    return way


def mapped(table: dict[str, str], *, whole: bool = False) -> Way:
    """Characters of a table in another form; ``whole``: the text of the table stands for the character as it is."""

    def way(word: str, rng: random.Random) -> str | None:
        made = "".join((table[c] if whole else rng.choice(table[c])) if c in table else c for c in word)
        return made if made != word else None

    return way


def traditional(word: str, _: random.Random) -> str | None:
    """The word in traditional script."""
    made = _traditional()(word)
    return made if made != word else None


def full_width(word: str, _: random.Random) -> str | None:
    """Letters and digits in full width, ideographic spaces between Han."""
    made = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in word)
    return made if made != word else "\u3000".join(word)


def _homophone(char: str, reading: str, rng: random.Random) -> str:
    others = [other for other in _by_sound().get(reading, "") if other != char]
    return rng.choice(others) if others else char


def homophone(word: str, rng: random.Random) -> str | None:
    """One character of the word as another of the same sound."""
    readings = lazy_pinyin(word)
    if len(readings) != len(word) or len(word) < 2 or not all(map(han, word)):
        return None
    places = list(range(len(word)))
    rng.shuffle(places)
    for at in places:
        made = word[:at] + _homophone(word[at], readings[at], rng) + word[at + 1 :]
        if made != word:
            return made
    return None


def homophones(word: str, rng: random.Random) -> str | None:
    """Every character of the word as another of the same sound."""
    readings = lazy_pinyin(word)
    if len(readings) != len(word) or len(word) < 2 or not all(map(han, word)):
        return None
    return "".join(_homophone(char, reading, rng) for char, reading in zip(word, readings, strict=True))


def letters(word: str, rng: random.Random) -> str | None:
    """The whole word in pinyin."""
    if len(word) < 2 or not all(map(han, word)):
        return None
    made = "".join(lazy_pinyin(word))
    return rng.choice((made, made, made.upper(), made.title(), " ".join(lazy_pinyin(word))))


def half_letters(word: str, rng: random.Random) -> str | None:
    """One character of the word in pinyin."""
    if len(word) < 2 or not all(map(han, word)):
        return None
    at = rng.randrange(len(word))
    return word[:at] + lazy_pinyin(word)[at] + word[at + 1 :]


def toned(word: str, _: random.Random) -> str | None:
    """The whole word in pinyin with tone marks."""
    if len(word) < 2 or not all(map(han, word)):
        return None
    return "".join(lazy_pinyin(word, style=Style.TONE))


def initials(word: str, rng: random.Random) -> str | None:
    """The well-known initials of the word."""
    for known, spellings in INITIALS.items():
        if known in word:
            return word.replace(known, rng.choice(spellings.split()))
    return None


# name → way, and whether it is done to one word of the sentence or to all of them
WAYS: dict[str, tuple[Way, bool]] = {
    "marks": (between(MARKS), True),
    "spaces": (between(" \u3000\u00a0\t"), True),
    "zero width": (between(HIDDEN), True),
    "full width": (full_width, True),
    "emoji between": (between(EMOJI_BETWEEN), True),
    "emoji for a character": (mapped(SIGNS, whole=True), True),
    "traditional": (traditional, True),
    "look-alikes": (mapped(ALIKE), True),
    "formal numerals": (mapped(FORMAL), True),
    "digits": (mapped(DIGITS | DIGIT_SOUNDS), True),
    "split": (mapped(SPLIT, whole=True), True),
    "homophone, one character": (homophone, False),
    "homophones, all characters": (homophones, False),
    "pinyin": (letters, False),
    "pinyin, one character": (half_letters, False),
    "pinyin with tones": (toned, False),
    "initials": (initials, False),
}
