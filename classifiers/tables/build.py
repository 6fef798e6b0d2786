"""Rebuilds the tables from Unicode data, OpenCC, pypinyin and jieba's dictionary. Never imported at run time.

Run ``python -m classifiers.tables.build`` after a change of the hand lists below.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import jieba
from opencc import OpenCC
from pypinyin import Style, lazy_pinyin, pinyin

HERE = Path(__file__).parent
MAX_CODE = sys.maxunicode + 1
SURROGATES = range(0xD800, 0xE000)

KEEP, BREAK, QUESTION, GLUE, COLON, SIGN = "keep", "break", "question", "glue", "colon", "sign"

# Letters of other scripts that are drawn like Latin ones, in the same order.
LOOKALIKES = (
    "аa еe оo рp сc хx уy іi јj ѕs ԁd һh ᴀa ʙb ᴄc ᴅd ᴇe ɢg ʜh ɪi ᴊj ᴋk ʟl ᴍm ɴn ᴏo ᴘp ʀr ᴛt ᴜu ᴠv ᴡw ʏy ᴢz "
    "αa Βb Εe Ζz Ηh Ιi Κk Μm Νn οo ρp Τt Υy Χx νv Вb Мm Нh Тt Кk"
)
# Han forms used to hide a word, and formal numerals that have no other everyday meaning.
HAN_FORMS = (
    "朂最 苐第 囯国 弌一 弍二 弎三 壹一 貳二 贰二 叁三 叄三 柒七 捌八 玖九 〇零 佰百 仟千 緻致 妳你 祂他 牠它 裏里 皰疱 喫吃 "
    "髙高 効效 眞真 竒奇 羙美 夲本 単单 衶神 葯药 袪祛 玊玉 囗口 ⑩十 ❿十 ㈠一 ㈡二 ㈢三 ㈣四 ㈤五 ㈥六 ㈦七 ㈧八 ㈨九 ㈩十 "
    "ー一 ニ二 彡三 カ力 タ夕 ハ八 ト卜 エ工 ロ口 ❶1 ❷2 ❸3 ❹4 ❺5 ❻6 ❼7 ❽8 ❾9 ➀1 ➁2 ➂3 ➃4 ➄5 ➅6 ➆7 ➇8 ➈9"
)
# Pinyin writes the sound of ü as v when it bears a tone mark.
ROUNDED = "ǖǘǚǜ"
# Emoji that may stand for a character; which one is said in lexicons/disguises.yaml.
SIGNS = "☝💊🏥🐮🐂👑🔝💰💵🩸❤🔥🍺🍷🚬🍵💧✋🧠🫁🦴🦷👁👂🥛🐟🐯🐲🐉🐴🧧🙏🇨🇳💇💉☠🤒🐷🌙🥇🔬🏆🆙⬇⬆📈📉👍💪🌿🍎🧪🩺"
WORD_FREQUENCY, WORD_LATIN = 30, 5

CLAUSE_BREAKS = "。！；，…\n\r\v\f\x85\u2028\u2029!;,|｜—"
QUESTION_MARKS = "？?⁇⁈"
# Marks that belong to a number when a digit stands on both sides: 1.5倍, 1:1, 3-5天, 1/3.
DIGIT_GLUE = ".-/"


def fold_pairs() -> dict[int, int]:
    """Code point → the one code point it is read as (compatibility form, simplified, lower case, look-alike)."""
    simplify = OpenCC("t2s").convert
    hand = {pair[0]: pair[1] for pair in f"{LOOKALIKES} {HAN_FORMS}".split()}
    pairs: dict[int, int] = {}
    for code in range(MAX_CODE):
        if code in SURROGATES:
            continue
        folded = _fold_until_stable(chr(code), hand, simplify)
        if folded != chr(code):
            pairs[code] = ord(folded)
    pairs |= {ord(dash): ord("-") for dash in "‐‑‒–−～〜~"}
    return pairs


def _fold_until_stable(char: str, hand: dict[str, str], simplify: object) -> str:
    for _ in range(4):
        before = char
        for step in (
            lambda c: unicodedata.normalize("NFKC", c),
            _without_marks,
            lambda c: hand.get(c, c),
            simplify,
            str.lower,
        ):
            after = step(char)  # type: ignore[operator]
            char = after if len(after) == 1 else char
        if char == before:
            break
    return char


def _without_marks(char: str) -> str:
    """A Latin letter without its accents."""
    parts = unicodedata.normalize("NFD", char)
    return (
        ("v" if char in ROUNDED else parts[0]) if len(parts) > 1 and parts[0].isascii() and parts[0].isalpha() else char
    )


def class_of(char: str) -> str:
    """What squeezing does with a folded character; empty = drop it. A colon glues digits and else ends a clause."""
    if char in QUESTION_MARKS:
        return QUESTION
    if char in CLAUSE_BREAKS:
        return BREAK
    if char == ":":
        return COLON
    if char in DIGIT_GLUE:
        return GLUE
    if char in SIGNS:
        return SIGN
    return KEEP if char == "%" or unicodedata.category(char)[0] in "LN" else ""


def class_ranges(pairs: dict[int, int]) -> Iterator[tuple[int, int, str]]:
    """Runs of original code points of one class (of their folded form), dropped characters left out."""
    start, current = 0, ""
    for code in range(MAX_CODE + 1):
        kind = "" if code == MAX_CODE or code in SURROGATES else class_of(chr(pairs.get(code, code)))
        if kind != current:
            if current:
                yield start, code - 1, current
            start, current = code, kind


def pinyin_rows() -> Iterator[tuple[str, str]]:
    """Toneless reading of every character of GB 2312, the most frequent reading first."""
    for high in range(0xB0, 0xF8):
        for low in range(0xA1, 0xFF):
            try:
                char = bytes((high, low)).decode("gb2312")
            except UnicodeDecodeError:
                continue
            yield char, pinyin(char, style=Style.NORMAL, v_to_u=False)[0][0]


def word_rows() -> Iterator[tuple[str, str]]:
    """Pinyin letters → the most frequent word of two to four characters that they spell."""
    best: dict[str, tuple[int, str]] = {}
    with jieba.get_dict_file() as file:
        for line in file.read().decode("utf-8").splitlines():
            word, frequency, *_ = line.split(" ")
            if int(frequency) < WORD_FREQUENCY or not 2 <= len(word) <= 4 or not all("一" <= c <= "鿿" for c in word):
                continue
            letters = "".join(lazy_pinyin(word, v_to_u=False))
            if len(letters) >= WORD_LATIN and letters.isascii():
                best[letters] = max(best.get(letters, (0, "")), (int(frequency), word))
    return ((letters, word) for letters, (_, word) in sorted(best.items()))


def main() -> None:
    """Write the tables next to this file."""
    pairs = fold_pairs()
    rows = [f"{source:X}\t{target:X}" for source, target in sorted(pairs.items())]
    _write("fold.tsv", "code point, folded code point (hexadecimal)", rows)
    ranges = [f"{first:X}\t{last:X}\t{kind}" for first, last, kind in class_ranges(pairs)]
    _write("classes.tsv", "first, last code point (hexadecimal), class; what is not listed is dropped", ranges)
    _write("pinyin.tsv", "character, toneless reading", [f"{char}\t{reading}" for char, reading in pinyin_rows()])
    _write(
        "words.tsv",
        "pinyin letters, the most frequent word they spell",
        [f"{latin}\t{word}" for latin, word in word_rows()],
    )


def _write(name: str, about: str, rows: list[str]) -> None:
    text = f"# {about}; built by classifiers/tables/build.py\n" + "\n".join(rows) + "\n"
    (HERE / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
