"""Brands and names like them: by letters, by sound, by looks, with marks inside; everyday words left alone."""

from __future__ import annotations

import pytest

from classifiers.alike import distance, glyphs
from classifiers.brands import Register
from classifiers.reading import Reader


@pytest.fixture(scope="module")
def register(reader: Reader) -> Register:
    return Register(reader.lexicon.brands)


@pytest.mark.parametrize(
    ("page", "brand"),
    [
        ("Vellanor 菱格包", "Vellanor"),
        ("VELLANOR2026秋冬新款", "Vellanor"),
        ("松禾坝大米10斤", "松禾坝"),
    ],
)
def test_a_brand_named_by_its_own_name(register: Register, page: str, brand: str) -> None:
    (seen,) = register.sightings(page)
    assert seen.brand.brand == brand
    assert seen.exact
    assert not seen.inserted


@pytest.mark.parametrize(
    "page", ["Vel*la-nor 包", "V e l l a n o r 包", "vel lanor", "松·禾·坝大米", "v.e.l.l.a.n.o.r"]
)
def test_marks_inside_a_name_are_noted(register: Register, page: str) -> None:
    (seen,) = register.sightings(page)
    assert seen.inserted
    assert seen.span is not None
    assert page[slice(*seen.span)].strip() in page


@pytest.mark.parametrize(
    ("page", "brand", "how"),
    [
        ("ve11anor 包", "Vellanor", "glyph"),
        ("Vellan0r 包", "Vellanor", "glyph"),
        ("Bremwick 风衣", "Brenwick", "edits"),
        ("Montesia 托特包", "Montessia", "edits"),
        ("kestrnue 跑鞋", "Kestrune", "edits"),
        ("淞禾坝大米", "松禾坝", "glyph"),
        ("宋和坝大米", "松禾坝", "sound"),
        ("浅墅面膜", "浅野", "glyph"),
        ("松之禾坝大米", "松禾坝", "edits"),
        ("云溪渡白酒", "云栖渡", "edits"),
    ],
)
def test_names_like_a_brand(register: Register, page: str, brand: str, how: str) -> None:
    (seen,) = register.sightings(page)
    assert seen.brand.brand == brand
    assert not seen.exact
    assert getattr(seen, how)
    assert seen.span is not None
    assert 0 <= seen.span[0] < seen.span[1] <= len(page)


@pytest.mark.parametrize(
    "page", ["千页豆腐", "吉林大米", "青岚色茶杯", "nocturnal 夜灯", "today 新款", "", "\0\ud800", "……"]
)
def test_everyday_words_are_no_brands(register: Register, page: str) -> None:
    assert register.sightings(page) == []


def test_letters_that_look_alike_are_one_at_a_glance() -> None:
    assert glyphs("vvilrnor") == glyphs("w1lmor")
    assert distance("kestrune", "kestrnue", 2) == 1
    assert distance("abc", "abcdefg", 2) == 3


@pytest.mark.parametrize("page", ["松禾" * 100_000, "vel lanor " * 20_000, "a" * 200_000, "\ud800松\0" * 60_000])
def test_very_long_pages_break_nothing(register: Register, page: str) -> None:
    assert len(register.sightings(page)) <= 50
