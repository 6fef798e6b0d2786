"""The bundled lexicon says what it means: examples hold, citations live on their day. It never tests the engine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache

import pytest

from classifiers.finding import Item
from classifiers.frames import Fired
from classifiers.reading import Reader
from lexicons import check
from lexicons.loader import load_lexicon
from lexicons.schema import Citation, Frame, Lexicon

TAXONOMY = {
    *("ABS", "STATE", "ORIENT", "SUPERST", "MEDICAL", "HEALTHFOOD", "DRUGDEV", "UNAPPROVED", "COSM", "INFANT"),
    *(
        "FALSE-EFFECT",
        "FALSE-INGR",
        "FALSE-ORIGIN",
        "FALSE-SUBJECT",
        "FALSE-VALUE",
        "FALSE-HONOR",
        "CITATION",
        "UNCLEAR",
    ),
    *(
        "FAKE-TRADE",
        "PRICE",
        "FALSE-PROMISE",
        "LOTTERY",
        "INVEST",
        "EDU",
        "AGRI",
        "LIQUOR",
        "MINOR",
        "ENDORSE",
        "AD-ID",
    ),
    *("DISPARAGE", "CONFUSION", "COUNTERFEIT", "QUALITY", "AI-FAKE", "AI-LABEL", "DISCLOSURE", "REVIEWDUTY", "OFFSITE"),
}
GUIDE_ARTICLES = ("4", "5.1", "5.2", "5.3", "6.1", "6.2", "6.3", "6.4", "6.5", "6.6", "7", "9", "10")
SAMPLE_DAY = date(2026, 11, 20)
FIRST_DAY = date(2022, 7, 1)
LAST_DAY = date(2027, 6, 30)
AUCL, TM, COMPLAINTS = "anti-unfair-competition-law", "trademark-law", "complaint-rules"


@cache
def lexicon() -> Lexicon:
    return load_lexicon()


@cache
def reader() -> Reader:
    return Reader(lexicon())


def citations() -> Iterator[tuple[str, Citation]]:
    for code in lexicon().codes.values():
        for cited in (*code.basis, *code.penalty):
            yield code.code, cited
    for exemption in lexicon().exemptions.values():
        yield exemption.id, exemption.basis


def asserted(frame: Frame, text: str, category: str | None) -> bool:
    reading = reader().read([Item(text=text, category=category)])
    return any(_is(fired, frame) and fired.blocked is None for fired in reading.fired)


def _is(fired: Fired, frame: Frame) -> bool:
    return lexicon().frames[fired.frame].id == frame.id


FRAMES = [pytest.param(frame, id=frame.id) for frame in lexicon().frames]


@pytest.mark.parametrize("frame", FRAMES)
def test_a_frame_fires_on_each_of_its_positive_examples(frame: Frame) -> None:
    category = frame.categories[0] if frame.categories else None
    silent = [text for text in frame.examples.yes if not asserted(frame, text, category)]
    assert not silent


@pytest.mark.parametrize("frame", FRAMES)
def test_a_frame_is_silent_on_each_of_its_negative_examples(frame: Frame) -> None:
    wrong = [text for text in frame.examples.no if asserted(frame, text, None)]
    assert not wrong


def test_the_bundled_lexicon_has_no_problems() -> None:
    assert list(check.problems(lexicon())) == []


def test_every_code_of_the_taxonomy_exists_and_has_a_frame() -> None:
    assert set(lexicon().codes) == TAXONOMY
    assert {frame.code for frame in lexicon().frames} == TAXONOMY


def test_every_code_says_who_is_liable_what_settles_it_and_how_it_is_punished() -> None:
    poor = [code.code for code in lexicon().codes.values() if not (code.liable and code.evidence and code.penalty)]
    assert not poor


def test_every_code_has_a_basis_on_the_sample_day() -> None:
    assert [code for code in lexicon().codes if not lexicon().basis_on(code, SAMPLE_DAY)] == []


def test_every_rule_a_code_rests_on_is_in_force_on_any_day_of_the_act() -> None:
    day = FIRST_DAY
    while day <= LAST_DAY:
        for code in lexicon().codes:
            for rule in lexicon().basis_on(code, day):
                version = lexicon().laws[rule.law].on(day)
                assert version is not None
                assert version.text_of(rule.article) == rule.text
        day += timedelta(days=14)


@pytest.mark.parametrize(
    ("law", "changed_on", "old", "new"),
    [
        (
            AUCL,
            date(2025, 10, 15),
            {"6", "8", "10", "11", "18", "20", "22", "23"},
            {"7", "9", "11", "12", "21", "23", "25", "27", "28"},
        ),
        (TM, date(2027, 1, 1), {"14", "53", "57", "60", "61"}, {"64", "72", "74", "75"}),
        (COMPLAINTS, date(2026, 4, 15), {"7", "14", "31"}, {"3", "16", "23"}),
    ],
)
def test_article_numbers_change_on_the_day_the_law_changes(
    law: str, changed_on: date, old: set[str], new: set[str]
) -> None:
    before, after = lexicon().laws[law].on(changed_on - timedelta(days=1)), lexicon().laws[law].on(changed_on)
    assert before is not None
    assert after is not None
    assert set(before.articles) == old
    assert set(after.articles) == new


def test_old_order_20_is_not_the_complaint_rule_after_its_repeal() -> None:
    version = lexicon().laws[COMPLAINTS].on(date(2026, 4, 15))
    assert version is not None
    assert version.number == "令第121号"


@pytest.mark.parametrize("law", [AUCL, TM])
def test_citations_of_renumbered_laws_are_limited_to_one_numbering(law: str) -> None:
    loose = [
        (owner, cited.article) for owner, cited in citations() if cited.law == law and not (cited.from_ or cited.to)
    ]
    assert not loose


@pytest.mark.parametrize(
    ("code", "law", "day", "articles"),
    [
        ("FAKE-TRADE", AUCL, date(2025, 10, 14), {"8"}),
        ("FAKE-TRADE", AUCL, date(2025, 10, 15), {"9"}),
        ("DISPARAGE", AUCL, date(2025, 10, 14), {"11"}),
        ("DISPARAGE", AUCL, date(2025, 10, 15), {"12"}),
        ("COUNTERFEIT", TM, date(2026, 12, 31), {"57"}),
        ("COUNTERFEIT", TM, date(2027, 1, 1), {"72"}),
        ("MEDICAL", "m117", date(2026, 1, 31), set()),
        ("MEDICAL", "m117", date(2026, 2, 1), {"34.1"}),
    ],
)
def test_an_act_is_judged_by_the_article_of_its_day(code: str, law: str, day: date, articles: set[str]) -> None:
    assert {rule.article for rule in lexicon().basis_on(code, day) if rule.law == law} == articles


def test_exemption_examples_hold_the_words_their_condition_asks_for() -> None:
    for exemption in lexicon().exemptions.values():
        if exemption.examples is None:
            continue
        for text in exemption.examples.yes:
            reading = reader().read([Item(text=text)])
            found = set(reading.hits_by_name(0))
            assert set(exemption.when.all) <= found, (exemption.id, text)
            assert not exemption.when.any or found & set(exemption.when.any), (exemption.id, text)
            assert not found & set(exemption.when.unless), (exemption.id, text)


def test_the_absolute_terms_guide_is_covered_article_by_article() -> None:
    wanted = {f"ABSG-{article}" for article in GUIDE_ARTICLES} | {"CITE26"}
    assert wanted <= set(lexicon().exemptions)


def test_brands_are_invented_in_number_and_carry_a_floor_and_a_seller() -> None:
    brands = lexicon().brands
    assert len(brands) >= 25
    assert all(brand.floor_price and brand.licensed_sellers for brand in brands)
