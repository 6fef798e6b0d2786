"""Rebuilds fold.tsv, classes.tsv and pinyin.tsv from Unicode data, OpenCC and pypinyin. Never imported at run time.

Run ``python -m classifiers.tables.build`` after a change of the hand lists below.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from opencc import OpenCC
from pypinyin import Style, pinyin

HERE = Path(__file__).parent
MAX_CODE = sys.maxunicode + 1
SURROGATES = range(0xD800, 0xE000)

KEEP, BREAK, QUESTION, GLUE, COLON = "keep", "break", "question", "glue", "colon"

# Letters of other scripts that are drawn like Latin ones, in the same order.
LOOKALIKES = (
    "аa еe оo рp сc хx уy іi јj ѕs ԁd һh ᴀa ʙb ᴄc ᴅd ᴇe ɢg ʜh ɪi ᴊj ᴋk ʟl ᴍm ɴn ᴏo ᴘp ʀr ᴛt ᴜu ᴠv ᴡw ʏy ᴢz "
    "αa Βb Εe Ζz Ηh Ιi Κk Μm Νn οo ρp Τt Υy Χx νv Вb Мm Нh Тt Кk"
)
# Han forms used to hide a word, and formal numerals that have no other everyday meaning.
HAN_FORMS = "朂最 苐第 囯国 弌一 弍二 弎三 壹一 貳二 贰二 叁三 叄三 柒七 捌八 玖九 〇零 佰百 仟千 緻致 妳你 祂他 牠它 裏里 皰疱 喫吃"

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
        for step in (lambda c: unicodedata.normalize("NFKC", c), lambda c: hand.get(c, c), simplify, str.lower):
            after = step(char)  # type: ignore[operator]
            char = after if len(after) == 1 else char
        if char == before:
            break
    return char


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


def main() -> None:
    """Write the three tables next to this file."""
    pairs = fold_pairs()
    rows = [f"{source:X}\t{target:X}" for source, target in sorted(pairs.items())]
    _write("fold.tsv", "code point, folded code point (hexadecimal)", rows)
    ranges = [f"{first:X}\t{last:X}\t{kind}" for first, last, kind in class_ranges(pairs)]
    _write("classes.tsv", "first, last code point (hexadecimal), class; what is not listed is dropped", ranges)
    _write("pinyin.tsv", "character, toneless reading", [f"{char}\t{reading}" for char, reading in pinyin_rows()])


def _write(name: str, about: str, rows: list[str]) -> None:
    text = f"# {about}; built by classifiers/tables/build.py\n" + "\n".join(rows) + "\n"
    (HERE / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
