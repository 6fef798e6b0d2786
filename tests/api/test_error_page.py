"""The error browser: one offline page that holds every wrong answer, readable without JavaScript, and nobody's markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from api.evaluation.page import error_page
from classifiers.corpus import Line
from classifiers.evaluate import compare, error_of
from classifiers.finding import CheckResult, Finding
from lexicons.loader import load_lexicon
from tests.factories import VERSIONS, finding

LINES = [
    Line(text="这米能治糖尿病", label="MEDICAL"),
    Line(text="祖传秘方包好", label="MEDICAL", alt=("HEALTHFOOD",), note="短句"),
    Line(text="医院里的书能治孤独", label="ok"),
    Line(text="<script>alert(1)</script>能治百病", label="HEALTHFOOD", category="food"),
    Line(text="大家好", label="ok"),
]


def results(*found: tuple[Finding, ...]) -> list[CheckResult]:
    return [
        CheckResult(text=line.text, findings=one, versions=VERSIONS) for line, one in zip(LINES, found, strict=True)
    ]


RESULTS = results((finding(),), (), (finding(spans=((5, 9), (7, 9))),), (finding(spans=((0, 8),)),), ())


def page(lines: list[Line] = LINES, found: list[CheckResult] = RESULTS) -> str:
    report = compare(lines, found)
    return error_page("例句.jsonl", lines, found, report=report, codes=load_lexicon().codes).decode()


class Cards(HTMLParser):
    """The data of every card on the page, and the addresses the page refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cards: list[dict[str, str | None]] = []
        self.addresses: list[str] = []
        self.scripts = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.scripts += tag == "script"
        if "card" in (known.get("class") or "").split():
            self.cards.append(known)
        self.addresses += [value for name, value in attrs if name in ("src", "href") and value]


def test_kinds_of_error() -> None:
    assert [error_of(line, one) for line, one in zip(LINES, RESULTS, strict=True)] == [
        None,
        "missed",
        "false_alarm",
        "wrong_code",
        None,
    ]


def test_every_wrong_answer_is_a_card_and_no_right_one_is() -> None:
    cards = Cards(page()).cards
    assert [(card["data-number"], card["data-kind"], card["data-given"]) for card in cards] == [
        ("2", "missed", ""),
        ("3", "false_alarm", "MEDICAL"),
        ("4", "wrong_code", "MEDICAL"),
    ]


def test_nothing_is_hidden_without_javascript_but_the_controls() -> None:
    hidden = re.findall(r"<(\w+)[^>]*\shidden(?:>|\s)", page())
    assert hidden == ["form"]


def test_the_page_needs_no_other_file_and_forbids_the_network() -> None:
    text = page()
    assert all(address.startswith("#") for address in Cards(text).addresses)
    assert "default-src 'none'" in text
    assert "url(" not in text
    assert "@import" not in text


def test_marked_places_reasons_and_notes_are_shown() -> None:
    text = page()
    assert "医院里的书<mark>能治孤独</mark>" in text
    assert "MEDICAL.cure" in text
    assert "+2.50" in text
    assert "短句" in text
    assert "说普通食品能治病。" in text


def test_what_was_said_cannot_become_markup() -> None:
    text = page()
    assert "&lt;script&gt;" in text
    assert Cards(text).scripts == 1


def test_a_perfect_result_and_odd_texts_make_a_page_too() -> None:
    assert "没有。" in page([LINES[4]], [RESULTS[4]])
    odd = [Line(text="\ud800\x00" + "长" * 200_000, label="MEDICAL"), Line(text="", label="ABS")]
    found = [CheckResult(text=line.text, findings=(), versions=VERSIONS) for line in odd]
    text = page(odd, found)
    assert "另有 198002 字" in text
    assert "（空文本）" in text


@pytest.mark.parametrize("label", ["MEDICAL", "ok"])
def test_the_matrix_counts_every_line(label: str) -> None:
    matrix = compare(LINES, RESULTS).matrix
    assert sum(matrix[label].values()) == sum(line.label == label for line in LINES)


def test_an_accepted_alternative_is_no_confusion() -> None:
    line = Line(text="祖传秘方包好", label="HEALTHFOOD", alt=("MEDICAL",))
    result = CheckResult(text=line.text, findings=(finding(),), versions=VERSIONS)
    assert compare([line], [result]).matrix == {"HEALTHFOOD": {"HEALTHFOOD": 1}}
